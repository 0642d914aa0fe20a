"""What the calibration report runs and shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from botorch.exceptions.errors import InputDataError
from rich.console import Console

from botorch_cll.studies.calibration.plot import plot_report
from botorch_cll.studies.calibration.tables import (
    head_to_head,
    head_to_head_lines,
    head_to_head_table,
    opponents_table,
    summary_table,
)
from botorch_cll.studies.prediction.comparison import failure_lines
from botorch_cll.studies.prediction.fits import Fit
from botorch_cll.studies.prediction.problems import FAMILIES, list_problems
from botorch_cll.studies.surrogates import GPS, OURS, SURROGATES

CORRELATIONS = (1.0, 0.9, 0.5, -0.5)
NUM_POINTS = (20, 60, 120)


def calibration_fits(
    seeds: int,
    families: Sequence[str] | None = None,
    correlations: Sequence[float] | None = None,
    num_points: Sequence[int] | None = None,
    surrogates: Sequence[str] | None = None,
) -> list[Fit]:
    """The fits of the report: both tasks observed at common points.

    Args:
        seeds: The number of seeds.
        families: Families of problems, here and below all of the report if omitted.
        correlations: Correlations of the paper's pairs.
        num_points: Numbers of points.
        surrogates: Keys of `SURROGATES`.

    Returns:
        The fits.
    """
    return [
        Fit(problem, n, 0, seed, surrogate)
        for seed in range(seeds)
        for problem in list_problems(families or FAMILIES, correlations or CORRELATIONS)
        for n in num_points or NUM_POINTS
        for surrogate in surrogates or SURROGATES
    ]


def report_calibration(results: pd.DataFrame, plot: Path | None, console: Console) -> None:
    """Print the tables and, on request, write the picture.

    Args:
        results: Rows as of `run_fits`.
        plot: Where to write the picture, or `None`.
        console: Where to print.

    Raises:
        InputDataError: If there is no fit to tasks observed at common points.
    """
    results = results[results.rich == 0]
    if results.empty:
        raise InputDataError("Expected fits to tasks observed at common points, got none.")
    for _, of_family in results.groupby("family"):
        console.print(summary_table(of_family))
    for line in failure_lines(results):
        console.print(line)
    present = set(results.surrogate)
    if OURS in present and len(present) > 1:
        console.print(opponents_table(results))
    if OURS in present and not present.isdisjoint(GPS):
        cells = head_to_head(results)
        console.print(head_to_head_table(cells))
        for line in head_to_head_lines(cells):
            console.print(line)
    if plot is not None:
        plot_report(results, plot)
        console.print(f"Calibration curves, RMSE and NLPD: {plot}")

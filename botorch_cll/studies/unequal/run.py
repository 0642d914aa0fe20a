"""What the study of unequal data runs and shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from botorch.exceptions.errors import InputDataError
from rich.console import Console

from botorch_cll.studies.prediction.comparison import failure_lines
from botorch_cll.studies.prediction.fits import Fit
from botorch_cll.studies.prediction.problems import list_problems
from botorch_cll.studies.surrogates import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    KRONECKER_GP,
    MULTI_TASK_GP,
    NO_LAYER,
    OURS,
    SINGLE_RBF,
)
from botorch_cll.studies.unequal.plot import plot_unequal
from botorch_cll.studies.unequal.tables import (
    comparison_lines,
    layer_lines,
    layer_table,
    means_table,
)

FAMILIES = ("pairs", "cec17")
CORRELATIONS = (0.9, 0.5, -0.9, 0.0)
POOR, RICH = 15, 200
COMPARED = (OURS, NO_LAYER, SINGLE_RBF, INDEPENDENT_GPS, MULTI_TASK_GP, INDEX_KERNEL_GP)
# KroneckerMultiTaskGP is asked too, and listed as unable.
ASKED = (*COMPARED, KRONECKER_GP)


def unequal_fits(
    seeds: int,
    families: Sequence[str] | None = None,
    correlations: Sequence[float] | None = None,
    surrogates: Sequence[str] | None = None,
) -> list[Fit]:
    """The fits of the study: 15 observations of the first task, 200 of the second elsewhere.

    Args:
        seeds: The number of seeds.
        families: Families of problems, here and below all of the study if omitted.
        correlations: Correlations of the paper's pairs.
        surrogates: Keys of `SURROGATES`.

    Returns:
        The fits.
    """
    return [
        Fit(problem, POOR, RICH, seed, surrogate)
        for seed in range(seeds)
        for problem in list_problems(families or FAMILIES, correlations or CORRELATIONS)
        for surrogate in surrogates or ASKED
    ]


def report_unequal(results: pd.DataFrame, plot: Path | None, console: Console) -> None:
    """Print the tables and, on request, write the picture.

    Args:
        results: Rows as of `run_fits`.
        plot: Where to write the picture, or `None`.
        console: Where to print.

    Raises:
        InputDataError: If there is no fit to tasks observed unequally.
    """
    results = results[results.rich > 0]
    if results.empty:
        raise InputDataError("Expected fits to tasks observed unequally often, got none.")
    for metric, title in {"rmse": "RMSE", "nlpd": "NLPD"}.items():
        console.print(means_table(results, metric, title))
    if {OURS, NO_LAYER} <= set(results.surrogate):
        console.print(layer_table(results))
    for line in (*failure_lines(results), *comparison_lines(results), *layer_lines(results)):
        console.print(line)
    if plot is not None:
        plot_unequal(results, plot)
        console.print(f"RMSE and paired differences: {plot}")

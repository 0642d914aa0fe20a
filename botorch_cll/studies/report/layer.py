"""What the correlation layer is worth: our model against the same ensemble without it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from botorch_cll.studies.methods import REFERENCE_METHOD
from botorch_cll.studies.report import ReportTable
from botorch_cll.studies.report.comparison import cell_columns, in_order
from botorch_cll.studies.report.statistics import Verdict, mean_interval, verdicts
from botorch_cll.studies.results import Results
from botorch_cll.studies.surrogates import NO_LAYER

_METHODS = [REFERENCE_METHOD, NO_LAYER]
_EFFECTS: dict[Verdict, str] = {
    "confirmed": "helps",
    "refuted": "hurts",
    "undecided": "undecided",
}


def layer_tables(
    rows: pd.DataFrame, results: Results, value: str, quantity: str
) -> list[ReportTable]:
    """Paired differences between the model with and without its layer, cell by cell.

    Args:
        rows: Result rows.
        results: The results that they come from.
        value: The column to compare; lower is better.
        quantity: What the values are, in words.

    Returns:
        One table with a row per cell, the tasks averaged, one per correlation over all cells, and
        a last one for all of them; no table as long as no seed has results of both.
    """
    cells = [name for name in cell_columns(results) if name != "task"]
    rows = rows[rows["method"].isin(_METHODS)]
    means = rows.groupby([*cells, "seed", "method"])[value].mean().unstack()
    if set(_METHODS) - set(means.columns) or (both := in_order(means.dropna(), results)).empty:
        return []
    kinds = [cells, *([["correlation"]] if "correlation" in cells and len(cells) > 1 else []), []]
    records = [
        dict.fromkeys(cells, "all") | record for kept in kinds for record in _records(both, kept)
    ]
    caption = (
        f"{quantity}, lower is better. The difference is that of {REFERENCE_METHOD} and the "
        "identical ensemble without correlation layer, paired by seed, the tasks averaged, with "
        "Student's 95 % interval over the seeds, each row by itself. Whether the layer helps or "
        "hurts is Student's test at the 5 % level, adjusted for being several (Holm): the rows of "
        "cells for each other, those of correlations over all cells for each other."
    )
    formats = dict.fromkeys(("with layer", "without", "difference", "low", "high"), ".3f")
    title = f"The correlation layer: {quantity}"
    frame = pd.DataFrame(records)
    return [ReportTable(f"{value}_layer", title, caption, frame, formats)]


def _records(both: pd.DataFrame, kept: list[str]) -> list[dict[str, Any]]:
    """A row per level of the factors kept, averaged over the others; verdicts are adjusted."""
    values = both.groupby(level=[*kept, "seed"], sort=False).mean()
    groups = list(values.groupby(level=kept, sort=False)) if kept else [((), values)]
    gains = [(group[NO_LAYER] - group[REFERENCE_METHOD]).to_numpy() for _, group in groups]
    records = []
    for (level, group), gain, verdict in zip(groups, gains, verdicts(gains), strict=True):
        interval = mean_interval(-gain)
        records.append(
            dict(zip(kept, level if isinstance(level, tuple) else (level,), strict=True))
            | {
                "seeds": len(group),
                "with layer": group[REFERENCE_METHOD].mean(),
                "without": group[NO_LAYER].mean(),
                "difference": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "the layer": _EFFECTS[verdict],
            }
        )
    return records

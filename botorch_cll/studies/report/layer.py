"""What the correlation layer is worth: our model against the same ensemble without it."""

from __future__ import annotations

from collections.abc import Mapping
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
    groups = dict(iter(both.groupby(level=cells, sort=False)))
    records = _records(cells, groups)
    if "correlation" in cells and len(cells) > 1:
        by_correlation = both.groupby(level=["correlation", "seed"], sort=False).mean()
        groups = dict(iter(by_correlation.groupby(level="correlation", sort=False)))
        records += [
            dict.fromkeys(cells, "all") | record for record in _records(["correlation"], groups)
        ]
    everywhere = {"all": both.groupby(level="seed").mean()}
    records += [dict.fromkeys(cells, "all") | _records([], everywhere)[0]]
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


def _records(cells: list[str], groups: Mapping[Any, pd.DataFrame]) -> list[dict[str, Any]]:
    """One row per group of values, whose verdicts are adjusted for each other."""
    gains = [(group[NO_LAYER] - group[REFERENCE_METHOD]).to_numpy() for group in groups.values()]
    records = []
    for (cell, group), gain, verdict in zip(groups.items(), gains, verdicts(gains), strict=True):
        levels = cell if isinstance(cell, tuple) else (cell,)
        interval = mean_interval(-gain)
        records.append(
            dict(zip(cells, levels, strict=False))
            | {
                "seeds": group.index.get_level_values("seed").nunique(),
                "with layer": group[REFERENCE_METHOD].mean(),
                "without": group[NO_LAYER].mean(),
                "difference": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "the layer": _EFFECTS[verdict],
            }
        )
    return records

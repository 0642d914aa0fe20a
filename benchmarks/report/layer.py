"""What the correlation layer is worth: our model against the same ensemble without it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmarks.methods import NO_LAYER
from benchmarks.report import ReportTable
from benchmarks.report.claims import claim_records
from benchmarks.report.comparison import REFERENCES, cell_columns, in_order, reference_of
from benchmarks.report.statistics import Interval
from benchmarks.runner.results import Results

_EFFECTS = {"confirmed": "helps", "refuted": "hurts", "undecided": "undecided"}


def layer_tables(
    results: Results, value: str, quantity: str, by: str = "correlation"
) -> list[ReportTable]:
    """Paired differences between the model with and without its layer, cell by cell.

    Args:
        results: The results.
        value: The column to compare; lower is better.
        quantity: What the values are, in words.
        by: A column of groups of cells, if the rows have it.

    Returns:
        One table with a row per cell, the tasks averaged, one per group over its cells, and a last
        one for all of them; no table as long as no seed has results of both.
    """
    cells = [name for name in cell_columns(results) if name != "task"]
    if by in results.rows and by not in cells:
        cells.append(by)
    means = results.rows.groupby([*cells, "seed", "method"])[value].mean().unstack()
    ours = reference_of(means)
    if ours not in REFERENCES or NO_LAYER not in means.columns:
        return []
    both = in_order(means[[ours, NO_LAYER]].dropna(), results)
    if both.empty:
        return []
    both.columns = ["with layer", "without"]
    kinds = [cells, *([[by]] if by in cells and len(cells) > 1 else []), []]
    records = [
        dict.fromkeys(cells, "all") | record for kept in kinds for record in _records(both, kept)
    ]
    caption = (
        f"{quantity}, lower is better. The difference is that of {ours} and the identical "
        "ensemble without correlation layer, paired by seed, the tasks averaged, with Student's "
        "95 % interval over the seeds, each row by itself. Whether the layer helps or hurts is "
        "Student's test at the 5 % level, adjusted for being several (Holm): the rows of cells for "
        f"each other, those of {by}s over all cells for each other."
    )
    formats = dict.fromkeys(("with layer", "without", "difference", "low", "high"), ".3f")
    title = f"The correlation layer: {quantity}"
    frame = pd.DataFrame(records).rename(columns={"verdict": "the layer"})
    frame["the layer"] = frame["the layer"].map(_EFFECTS)
    return [ReportTable(f"{value}_layer", title, caption, frame, formats)]


def _records(both: pd.DataFrame, kept: list[str]) -> list[dict[str, Any]]:
    """A row per level of the factors kept, averaged over the others; verdicts are adjusted."""
    values = both.groupby(level=[*kept, "seed"], sort=False).mean()
    groups = values.groupby(level=kept, sort=False) if kept else [((), values)]
    gains = [
        (
            dict(zip(kept, level if isinstance(level, tuple) else (level,), strict=True))
            | {"seeds": len(group), **group.mean()},
            group["without"] - group["with layer"],
        )
        for level, group in groups
    ]

    def shown(gain: Interval) -> tuple[float, float, float]:
        return -gain.mean, -gain.high, -gain.low

    return claim_records(gains, ("difference", "low", "high"), shown)

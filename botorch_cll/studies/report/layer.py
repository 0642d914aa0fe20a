"""What the correlation layer is worth: our model against the same ensemble without it."""

from __future__ import annotations

import pandas as pd

from botorch_cll.studies.methods import REFERENCE_METHOD
from botorch_cll.studies.report import ReportTable
from botorch_cll.studies.report.comparison import cell_columns, in_order
from botorch_cll.studies.report.statistics import Interval, mean_interval
from botorch_cll.studies.results import Results
from botorch_cll.studies.surrogates import NO_LAYER

_METHODS = [REFERENCE_METHOD, NO_LAYER]


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
        One table with a row per cell, the tasks averaged, and a last row for all of them; no table
        as long as no seed has results of both.
    """
    cells = [name for name in cell_columns(results) if name != "task"]
    rows = rows[rows["method"].isin(_METHODS)]
    means = rows.groupby([*cells, "seed", "method"])[value].mean().unstack()
    if set(_METHODS) - set(means.columns) or (both := in_order(means.dropna(), results)).empty:
        return []
    difference = both[REFERENCE_METHOD] - both[NO_LAYER]
    records = []
    for cell, group in both.groupby(level=cells, sort=False):
        levels = dict(zip(cells, cell if isinstance(cell, tuple) else (cell,), strict=True))
        records.append(levels | _record(group, mean_interval(difference[group.index])))
    overall = mean_interval(difference.groupby(level="seed").mean())
    by_seed = both.groupby(level="seed").mean()
    records.append(dict.fromkeys(cells, "all") | _record(by_seed, overall))
    caption = (
        f"{quantity}, lower is better. The difference is that of {REFERENCE_METHOD} and the "
        "identical ensemble without correlation layer, paired by seed, the tasks averaged, with "
        "Student's 95 % interval over the seeds. The layer helps where the whole interval is below "
        "zero and hurts where it is above."
    )
    formats = dict.fromkeys(("with layer", "without", "difference", "low", "high"), ".3f")
    title = f"The correlation layer: {quantity}"
    frame = pd.DataFrame(records)
    return [ReportTable(f"{value}_layer", title, caption, frame, formats)]


def _record(group: pd.DataFrame, interval: Interval) -> dict[str, object]:
    effect = "helps" if interval.high < 0.0 else "hurts" if interval.low > 0.0 else "undecided"
    return {
        "seeds": group.index.get_level_values("seed").nunique(),
        "with layer": group[REFERENCE_METHOD].mean(),
        "without": group[NO_LAYER].mean(),
        "difference": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "the layer": effect,
    }

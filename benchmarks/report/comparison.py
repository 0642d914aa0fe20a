"""Methods compared on equal terms: the same cells of a study, the same seeds, lower is better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from benchmarks.methods import NO_LAYER, OURS, REFERENCE_METHOD
from benchmarks.report import ReportTable
from benchmarks.report.statistics import Interval, claim_records, holm, mean_interval, paired_test
from benchmarks.runner.results import Results

REFERENCES = (REFERENCE_METHOD, OURS)
"""What our method is called, of which a study has one."""

_EFFECTS = {"confirmed": "helps", "refuted": "hurts", "undecided": "undecided"}
"""What verdicts say of the correlation layer."""


def cell_columns(results: Results) -> list[str]:
    """The columns that tell one cell of a comparison from another."""
    return [*(name for name in results.factors if name not in ("seed", "method")), "task"]


def complete_blocks(results: Results, value: str) -> pd.DataFrame:
    """The values of a column where all methods with results have one.

    There is a row per cell and seed and a column per method, in the order of the study.
    """
    index = [*cell_columns(results), "seed"]
    blocks = results.rows.pivot(index=index, columns="method", values=value)
    return in_order(blocks[results.found("method")].dropna(), results)


def most_blocks(results: Results, value: str) -> pd.DataFrame:
    """`complete_blocks` of the methods with at least 9 in 10 of the results of the one with most.

    A run that is missing does not leave out its method.
    """
    counts = results.rows.groupby("method")[value].count()
    many = counts >= 0.9 * counts.max()
    rows = results.rows[results.rows["method"].map(many)]
    return complete_blocks(replace(results, rows=rows), value)


def by_run(results: Results, factor: str, **columns: Any) -> pd.DataFrame:
    """Columns of a value of runs and how to sum it up, a row per level of a factor."""
    runs = results.rows.drop_duplicates(results.factors).groupby(factor)
    return runs.agg(**columns).loc[results.found(factor)].reset_index()


def in_order(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """A table with its rows in the order in which the study has the levels of its factors."""

    def position(level: pd.Index) -> pd.Index:
        known = results.levels.get(level.name)
        return level if known is None else level.map({x: i for i, x in enumerate(known)})

    return table.sort_index(key=position)


def reference_of(blocks: pd.DataFrame) -> str:
    """The method that the others are tested against: ours where it was run, else the first."""
    return next((m for m in REFERENCES if m in blocks.columns), str(blocks.columns[0]))


def comparison_notes(results: Results, blocks: pd.DataFrame) -> list[str]:
    """Where the methods can be compared, and what went wrong, in words."""
    found = len(results.rows.drop_duplicates([*cell_columns(results), "seed"]))
    compared = (
        f"Methods are compared where all of them have finished: {len(blocks)} of {found} "
        "pairs of cell and seed."
    )
    return [compared] * (len(blocks) < found) + failure_notes(results)


def failure_notes(results: Results) -> list[str]:
    """What went wrong, in words: of every method with failed runs their number and the first."""
    if results.failures.empty:
        return []
    return [
        f"{method}: {len(failed)} of its runs raised an error, the first {failed['type'].iloc[0]}: "
        f"{failed['message'].iloc[0]}"
        for method, failed in results.failures.groupby("method", sort=False)
    ]


def summary_tables(results: Results, value: str, quantity: str, name: str) -> list[ReportTable]:
    """Ranks, wins, means and paired tests of all methods, and of those with most results.

    Slow methods are often run for fewer seeds than fast ones. The first table compares all methods
    where all have results; the second only those with most results, where all of these have them.
    `quantity` is what the values of the column are, in words.
    """
    blocks, most = complete_blocks(results, value), most_blocks(results, value)
    title = f"{capitalized(quantity)} of the methods"
    tables = []
    if not blocks.empty:
        tables.append(summary_table(blocks, name, title, quantity))
    if most.shape[1] > 1 and len(most) > len(blocks):
        title += " with most runs"
        tables.append(summary_table(most, f"{name}_most_runs", title, quantity))
    return tables


def capitalized(quantity: str) -> str:
    """A quantity at the beginning of a title."""
    return f"{quantity[0].upper()}{quantity[1:]}"


def summary_table(blocks: pd.DataFrame, name: str, title: str, quantity: str) -> ReportTable:
    """Ranks, wins, means and paired tests of the methods in `complete_blocks`, one per row."""
    cells = [level for level in blocks.index.names if level != "seed"]
    reference = reference_of(blocks)
    by_cell = blocks.groupby(level=cells, sort=False)
    means = by_cell.mean()
    by_seed = blocks.groupby(level="seed").mean()
    others = [method for method in blocks.columns if method != reference]
    p_values = [paired_test(by_seed[m], by_seed[reference]).p_value for m in others]
    intervals = [mean_interval(by_seed[method]) for method in blocks.columns]
    frame = pd.DataFrame({"method": blocks.columns}, index=blocks.columns)
    frame["mean rank"] = blocks.rank(axis=1).mean()
    frame["best in"] = means.eq(means.min(axis=1), axis=0).sum()
    frame[quantity] = [interval.mean for interval in intervals]
    frame["± 95 %"] = [interval.high - interval.mean for interval in intervals]
    frame["median"] = blocks.median()
    signs = {
        method: [paired_test(x[method], x[reference]).significant_sign for _, x in by_cell]
        for method in others
    }
    for column, sign in (("better in", -1), ("worse in", 1)):
        frame[column] = pd.Series({m: x.count(sign) for m, x in signs.items()}, dtype=float)
    frame["p"] = pd.Series(holm(p_values), index=others)
    seeds = f"{len(by_seed)} seed{'s' * (len(by_seed) != 1)}"
    least = min(1.0, max(1, len(others)) * 2.0 ** (1 - len(by_seed)))
    caption = (
        f"Lower is better. Means over {len(means)} cells and {seeds}, with Student's 95 % interval "
        "over the seeds; the median is that of all cells and seeds. 'best in': cells with the "
        "lowest mean; 'better/worse in': cells in which the method differs from "
        f"{reference} at the 5 % level by Wilcoxon's signed-rank test over seeds, each cell by "
        "itself; 'p': the same test of the means over all cells, adjusted for all comparisons made "
        f"here (Holm): with {seeds} it cannot be below {least:.2g}."
    )
    formats = {"mean rank": ".2f", "best in": "d", "better in": ".0f", "worse in": ".0f"}
    formats |= dict.fromkeys((quantity, "± 95 %", "median", "p"), ".3f")
    return ReportTable(name, title, caption, frame.reset_index(drop=True), formats)


def cells_table(blocks: pd.DataFrame, name: str, quantity: str) -> ReportTable:
    """The means of all methods in every cell of `complete_blocks`."""
    cells = [level for level in blocks.index.names if level != "seed"]
    means = blocks.groupby(level=cells, sort=False).mean()
    title, caption = f"{capitalized(quantity)} by cell", "Means over the seeds; lower is better."
    return means_table(means, name, title, caption, ".3f")


def means_table(
    means: pd.DataFrame, name: str, title: str, caption: str, digits: str
) -> ReportTable:
    """Means of methods, one column each, the lowest of each row in bold."""
    lowest = means.min(axis=1)
    bold = {method: (means[method] == lowest).reset_index(drop=True) for method in means.columns}
    frame = means.reset_index().rename_axis(columns=None)
    return ReportTable(name, title, caption, frame, dict.fromkeys(means.columns, digits), bold)


def layer_tables(
    results: Results, value: str, quantity: str, by: str = "correlation"
) -> list[ReportTable]:
    """Paired differences between the model with and without its layer, lower being better.

    The table has a row per cell, the tasks averaged, one per group of cells (`by` a column, if the
    rows have it), and a last one for all of them; there is none as long as no seed has both.
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

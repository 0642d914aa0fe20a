"""Methods compared on equal terms: the same cells of a study, the same seeds, lower is better."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.methods import OURS, REFERENCE_METHOD
from botorch_cll.studies.report import ReportTable
from botorch_cll.studies.report.statistics import (
    SIGNIFICANCE,
    holm,
    mean_interval,
    paired_test,
    ranks,
)
from botorch_cll.studies.results import Results

REFERENCES = (REFERENCE_METHOD, OURS)
"""What our method is called, of which a study has one."""


def cell_columns(results: Results) -> list[str]:
    """The columns that tell one cell of a comparison from another."""
    return [*(name for name in results.factors if name not in ("seed", "method")), "task"]


def complete_blocks(rows: pd.DataFrame, results: Results, value: str) -> pd.DataFrame:
    """The values of all methods side by side where all of them have one.

    Args:
        rows: Result rows.
        results: The results that they come from.
        value: The column to compare.

    Returns:
        A frame with one row per cell and seed and one column per method that has any results, in
        the order of the study.
    """
    index = [*cell_columns(results), "seed"]
    blocks = rows.pivot(index=index, columns="method", values=value)
    order = [method for method in results.levels["method"] if method in blocks.columns]
    return in_order(blocks[order].dropna(), results)


def most_blocks(rows: pd.DataFrame, results: Results, value: str) -> pd.DataFrame:
    """The values of the methods with most results side by side, like `complete_blocks`.

    These are the methods with at least 9 in 10 of the results of the one with most, so that a run
    that is missing does not leave out its method.

    Args:
        rows: Result rows.
        results: The results that they come from.
        value: The column to compare.

    Returns:
        A frame with one row per cell and seed and one column per method.
    """
    counts = rows.groupby("method")[value].count()
    many = counts >= 0.9 * counts.max()
    return complete_blocks(rows[rows["method"].map(many)], results, value)


def in_order(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """A table with its rows in the order in which the study has the levels of its factors."""

    def position(level: pd.Index) -> pd.Index:
        known = results.levels.get(level.name)
        return level if known is None else level.map({x: i for i, x in enumerate(known)})

    return table.sort_index(key=position)


def reference_of(blocks: pd.DataFrame) -> str:
    """The method that the others are tested against: ours where it was run, else the first."""
    return next((m for m in REFERENCES if m in blocks.columns), str(blocks.columns[0]))


def state_notes(results: Results, blocks: pd.DataFrame) -> list[str]:
    """How complete the results and the comparison are, in words."""
    notes = [results.state]
    found = len(results.rows.drop_duplicates([*cell_columns(results), "seed"]))
    if len(blocks) < found:
        notes.append(
            f"Methods are compared where all of them have finished: {len(blocks)} of {found} "
            "pairs of cell and seed."
        )
    return notes + failure_notes(results)


def failure_notes(results: Results) -> list[str]:
    """What went wrong, in words: of every method with failed runs their number and the first."""
    if results.failures.empty:
        return []
    return [
        f"{method}: {len(failed)} of its runs raised an error, the first {failed['type'].iloc[0]}: "
        f"{failed['message'].iloc[0]}"
        for method, failed in results.failures.groupby("method", sort=False)
    ]


def summary_tables(
    rows: pd.DataFrame, results: Results, value: str, quantity: str, name: str
) -> list[ReportTable]:
    """Ranks, wins, means and paired tests of all methods, and of those with most results.

    Slow methods are often run for fewer seeds than fast ones. The first table compares all methods
    where all have results; the second only those with most results, where all of these have them.

    Args:
        rows: Result rows.
        results: The results that they come from.
        value: The column to compare.
        quantity: What the values are, in words.
        name: The name of the first table.

    Returns:
        The tables that there is something to say in.
    """
    blocks = complete_blocks(rows, results, value)
    title = f"{quantity[0].upper()}{quantity[1:]} of "
    tables = []
    if not blocks.empty:
        tables.append(summary_table(blocks, name, title + "the methods", quantity))
    most = most_blocks(rows, results, value)
    if most.shape[1] > 1 and len(most) > len(blocks):
        title += "the methods with most runs"
        tables.append(summary_table(most, f"{name}_most_runs", title, quantity))
    return tables


def summary_table(blocks: pd.DataFrame, name: str, title: str, quantity: str) -> ReportTable:
    """Ranks, wins, means and paired tests of all methods.

    Args:
        blocks: The values, see `complete_blocks`.
        name: The name of the table.
        title: Its title.
        quantity: What the values are, in words.

    Returns:
        One row per method.
    """
    cells = [level for level in blocks.index.names if level != "seed"]
    reference = reference_of(blocks)
    by_cell = blocks.groupby(level=cells, sort=False)
    means = by_cell.mean()
    lowest = means.eq(means.min(axis=1), axis=0).sum()
    rank = ranks(blocks).mean()
    by_seed = blocks.groupby(level="seed").mean()
    others = [method for method in blocks.columns if method != reference]
    p_values = [paired_test(by_seed[m], by_seed[reference]).p_value for m in others]
    adjusted = dict(zip(others, holm(p_values), strict=True))
    records = []
    for method in blocks.columns:
        interval = mean_interval(by_seed[method])
        outcome = {
            better: sum(_differs(group, method, reference) == better for _, group in by_cell)
            for better in (1, -1)
        }
        records.append(
            {
                "method": method,
                "mean rank": rank[method],
                "best in": lowest[method],
                quantity: interval.mean,
                "± 95 %": interval.high - interval.mean,
                "median": blocks[method].median(),
                "better in": outcome[1] if method != reference else np.nan,
                "worse in": outcome[-1] if method != reference else np.nan,
                "p": adjusted.get(method, np.nan),
            }
        )
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
    return ReportTable(name, title, caption, pd.DataFrame(records), formats)


def _differs(group: pd.DataFrame, method: str, reference: str) -> int:
    """1 where a method is significantly lower than the reference, -1 where higher, else 0."""
    test = paired_test(group[method], group[reference])
    return -test.sign if test.p_value < SIGNIFICANCE else 0


def cells_table(blocks: pd.DataFrame, name: str, quantity: str) -> ReportTable:
    """The means of all methods in every cell.

    Args:
        blocks: The values, see `complete_blocks`.
        name: The name of the table.
        quantity: What the values are, in words.

    Returns:
        One row per cell, the lowest mean in bold.
    """
    cells = [level for level in blocks.index.names if level != "seed"]
    means = blocks.groupby(level=cells, sort=False).mean()
    lowest = means.min(axis=1)
    bold = {method: (means[method] == lowest).reset_index(drop=True) for method in means.columns}
    title = f"{quantity[0].upper()}{quantity[1:]} by cell"
    caption = "Means over the seeds; lower is better."
    frame = means.reset_index().rename_axis(columns=None)
    return ReportTable(name, title, caption, frame, dict.fromkeys(means.columns, ".3f"), bold)

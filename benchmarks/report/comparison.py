"""Methods compared on equal terms: the same cells of a study, the same seeds, lower is better."""

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from benchmarks.methods import NO_LAYER, OURS, REFERENCE_METHOD
from benchmarks.report import ReportTable
from benchmarks.report.statistics import claim_records, holm, mean_interval, paired_test
from benchmarks.runner.results import Results

Labels = tuple[str, str, str]  # the name, the title and the caption of a table
REFERENCES = (REFERENCE_METHOD, OURS)  # what our method is called, of which a study has one


def cell_columns(results: Results) -> list[str]:
    """The columns that tell one cell of a comparison from another."""
    return [*(name for name in results.factors if name not in ("seed", "method")), "task"]


def complete_blocks(results: Results, value: str) -> pd.DataFrame:
    """Values where all methods have one: a row per cell and seed, a column per method."""
    index = [*cell_columns(results), "seed"]
    blocks = results.rows.pivot(index=index, columns="method", values=value)
    return in_order(blocks[results.found("method")].dropna(), results)


def most_blocks(results: Results, value: str) -> pd.DataFrame:
    """`complete_blocks` of methods with at least 9 in 10 of the results of the one with most."""
    counts = results.rows.groupby("method")[value].count()
    rows = results.rows[results.rows["method"].map(counts >= 0.9 * counts.max())]
    return complete_blocks(replace(results, rows=rows), value)


def in_order(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """A table with its rows in the order in which the study has the levels of its factors."""

    def position(level: pd.Index) -> pd.Index:
        known = results.levels.get(level.name)
        return level if known is None else level.map({x: i for i, x in enumerate(known)})

    return table.sort_index(key=position)


def notes(results: Results, blocks: pd.DataFrame) -> list[str]:
    """Where the methods can be compared, and what went wrong, in words."""
    found = len(results.rows.drop_duplicates([*cell_columns(results), "seed"]))
    where = f"{len(blocks)} of {found} pairs of cell and seed."
    compared = f"Methods are compared where all of them have finished: {where}"
    return [compared] * (len(blocks) < found) + failure_notes(results)


def failure_notes(results: Results) -> list[str]:
    """What went wrong, in words: of every method with failed runs their number and the first."""
    if results.failures.empty:
        return []
    words = "{0}: {1} of its runs raised an error, the first {2.type}: {2.message}"
    failures = results.failures.groupby("method", sort=False)
    return [words.format(method, len(failed), failed.iloc[0]) for method, failed in failures]


def grouped_table(
    labels: Labels,
    groups: Any,
    columns: Mapping[str, tuple[str, Any, str]],
    results: Results | None = None,
) -> ReportTable:
    """A row per group, in the order of a study: by name a value, how to sum it up, its format."""
    frame = groups.agg(**{name: (value, how) for name, (value, how, _) in columns.items()})
    frame = frame if results is None else in_order(frame, results)
    formats = {name: digits for name, (_, _, digits) in columns.items() if digits}
    return ReportTable(*labels, frame.reset_index(), formats)


def summary_tables(results: Results, value: str, quantity: str, name: str) -> list[ReportTable]:
    """The summary of all methods and, as slow ones have fewer seeds, of those with most results."""
    blocks, most = complete_blocks(results, value), most_blocks(results, value)
    title = f"{capitalized(quantity)} of the methods"
    found = [(blocks, name, title)] * (not blocks.empty)
    if most.shape[1] > 1 and len(most) > len(blocks):
        found.append((most, f"{name}_most_runs", f"{title} with most runs"))
    return [summary_table(*x, quantity) for x in found]


def capitalized(quantity: str) -> str:
    """A quantity at the beginning of a title."""
    return f"{quantity[0].upper()}{quantity[1:]}"


def summary_table(blocks: pd.DataFrame, name: str, title: str, quantity: str) -> ReportTable:
    """Ranks, wins, means, and paired tests against our method where it was run, else the first."""
    reference = next((m for m in REFERENCES if m in blocks), str(blocks.columns[0]))
    others = [method for method in blocks.columns if method != reference]
    by_cell = _by_cell(blocks)
    means, by_seed = by_cell.mean(), blocks.groupby(level="seed").mean()
    intervals = [mean_interval(by_seed[method]) for method in blocks.columns]
    signs = {m: [paired_test(x[m], x[reference]).sign for _, x in by_cell] for m in others}
    p_values = [paired_test(by_seed[m], by_seed[reference]).p_value for m in others]
    frame = pd.DataFrame({"method": blocks.columns}, index=blocks.columns)
    frame["mean rank"] = blocks.rank(axis=1).mean()
    frame["best in"] = means.eq(means.min(axis=1), axis=0).sum()
    frame[quantity] = [mean for mean, _, _ in intervals]
    frame["± 95 %"] = [high - mean for mean, _, high in intervals]
    frame["median"] = blocks.median()
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
    labels = (name, f"{capitalized(quantity)} by cell", "Means over the seeds; lower is better.")
    return means_table(labels, _by_cell(blocks), ".3f")


def _by_cell(blocks: pd.DataFrame) -> Any:
    cells = [level for level in blocks.index.names if level != "seed"]
    return blocks.groupby(level=cells, sort=False)


def means_table(labels: Labels, groups: Any, digits: str, group: str | None = None) -> ReportTable:
    """The means of groups of `complete_blocks`, the lowest of each row in bold."""
    means = groups.mean()
    lowest = means.eq(means.min(axis=1), axis=0).reset_index(drop=True)
    frame = means.reset_index(names=group).rename_axis(columns=None)
    return ReportTable(*labels, frame, dict.fromkeys(means.columns, digits), dict(lowest.items()))


def layer_tables(
    results: Results, value: str, quantity: str, by: str = "correlation"
) -> list[ReportTable]:
    """What the correlation layer changes: by cell (tasks averaged), by group of cells, in all."""
    cells = [name for name in cell_columns(results) if name != "task"]
    if by in results.rows and by not in cells:
        cells.append(by)
    means = results.rows.groupby([*cells, "seed", "method"])[value].mean().unstack()
    ours = next((method for method in REFERENCES if method in means), None)
    if ours is None or NO_LAYER not in means:
        return []
    both = in_order(means[[ours, NO_LAYER]].dropna(), results)
    if both.empty:
        return []
    both.columns = ["with layer", "without"]
    records = []
    for kept in (cells, *([[by]] if by in cells and len(cells) > 1 else []), []):
        values = both.groupby(level=[*kept, "seed"], sort=False).mean()
        gains = []
        for level, group in values.groupby(level=kept, sort=False) if kept else [((), values)]:
            found = dict(zip(kept, level if isinstance(level, tuple) else (level,), strict=True))
            row = dict.fromkeys(cells, "all") | found | {"seeds": len(group), **group.mean()}
            gains.append((row, group["without"] - group["with layer"]))
        records += claim_records(gains, ("difference", "low", "high"), operator.neg)
    caption = (
        f"{quantity}, lower is better. The difference is that of {ours} and the identical "
        "ensemble without correlation layer, paired by seed, the tasks averaged, with Student's "
        "95 % interval over the seeds, each row by itself. Whether the layer helps or hurts is "
        "Student's test at the 5 % level, adjusted for being several (Holm): the rows of cells for "
        f"each other, those of {by}s over all cells for each other."
    )
    formats = dict.fromkeys(("with layer", "without", "difference", "low", "high"), ".3f")
    frame = pd.DataFrame(records).rename(columns={"verdict": "the layer"})
    frame = frame.replace({"the layer": {"confirmed": "helps", "refuted": "hurts"}})
    title = f"The correlation layer: {quantity}"
    return [ReportTable(f"{value}_layer", title, caption, frame, formats)]

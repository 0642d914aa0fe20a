"""The report of an optimisation study: regret, ranks, tests, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.methods import METHODS, REFERENCE_METHOD
from benchmarks.report import REFERENCE, Report, ReportTable
from benchmarks.report.comparison import (
    by_run,
    capitalized,
    cell_columns,
    cells_table,
    comparison_notes,
    complete_blocks,
    in_order,
    layer_tables,
    most_blocks,
    summary_table,
    summary_tables,
)
from benchmarks.report.plots import BANDS, Panel, bars, draw_panels
from benchmarks.report.statistics import paired_test
from benchmarks.runner.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST = 1e-4
"""Normalized regrets below count as this: neither optima nor kept values are more accurate."""

PAPER_NAMES = {"SingleRBF": "Single-RBF", "RMLA": "RMLA", "Bay_MRBFCor": "Bay_MRBFCor (paper)"}
"""The methods of the paper's table by their names there, and which of ours stand for them."""

_DEFAULTS = "our defaults"
_DEFAULTS_REGRET = f"{_DEFAULTS}\nregret"

_CLAIMS = (
    ("Bay_MRBFCor", "SingleRBF"),
    ("Bay_MRBFCor", "RMLA"),
    ("RMLA", "SingleRBF"),
    ("Bay_MRBFCor", "SingleRBF", "RMLA"),
    (_DEFAULTS, "SingleRBF", "RMLA"),
)
"""Methods of which the first is said to have the lower values than the others."""

_EVALUATIONS = "evaluations of each task"
_VALUE, _QUANTITY = "normalized_regret", "normalized regret"


def with_known_optima(results: Results) -> Results:
    """The results with the best value of any run of a cell and seed where the optimum is unknown.

    `optimum`, `regret` and `normalized_regret` are filled in, the last at least `_LEAST`.
    """
    rows = results.rows.copy()
    best = rows.groupby([*cell_columns(results), "seed"])["true_best"].transform("min")
    rows["optimum"] = rows["optimum"].astype(float).fillna(best)
    # Where optima are known, regrets are kept as they were before values were rounded.
    regret = rows["regret"].astype(float).fillna(rows["true_best"] - rows["optimum"])
    scaled = regret / (rows["random_median"] - rows["optimum"])
    normalized = rows["normalized_regret"].astype(float).fillna(scaled).clip(lower=_LEAST)
    return replace(results, rows=rows.assign(regret=regret, normalized_regret=normalized))


def report_optimization(results: Results, report: Report) -> None:
    """Compare the methods of an optimisation study."""
    # Against the best value of any run the logarithm of the best one's regret says nothing.
    log = bool(results.rows["optimum"].notna().all())
    results = with_known_optima(results)
    blocks = complete_blocks(results, _VALUE)
    report.notes += [
        *comparison_notes(results, blocks),
        "Normalized regret: 0 is the optimum (the best value of any method where the optimum is "
        "not known), 1 the median of random points. "
        f"What is below {_LEAST:g} counts as {_LEAST:g}.",
        BANDS,
    ]
    cost = _time_table(results)
    report.tables += [
        *summary_tables(results, _VALUE, _QUANTITY, "summary"),
        cost,
        *layer_tables(results, _VALUE, _QUANTITY),
    ]
    parts = cost.frame.set_index("method")[["fitting", "proposing"]]
    report.figures["time"] = bars(parts, "Time of a run", "seconds, one thread")
    if blocks.empty:
        return
    most = _regret_courses(results, most_blocks(results, _VALUE))
    report.tables += iteration_tables(most, results, _QUANTITY)
    report.tables.append(cells_table(blocks, "cells", _QUANTITY))
    courses = _regret_courses(results, blocks)
    label = f"normalized regret ({'geometric ' * log}mean)"
    report.figures["regret"] = _mean_curves(courses, label, log)
    report.figures["rank"] = _mean_curves(courses.rank(axis=1), "mean rank", log=False)
    report.figures["cells"] = _cell_curves(courses, blocks, label, log)


def report_tuning(results: Results, report: Report) -> None:
    """The report of an optimisation study, with the log losses themselves."""
    report_optimization(results, report)
    losses = complete_blocks(results, "best")
    report.tables.append(cells_table(losses, "losses", "best log loss"))


def iteration_tables(courses: pd.DataFrame, results: Results, quantity: str) -> list[ReportTable]:
    """Compare joint methods with those that optimise one task at a time at equal iterations.

    A joint method of `T` tasks chooses `T` candidates at a time and evaluates all tasks at all of
    them, so that on average one in `T` of a task's evaluations was chosen for it. `courses` has the
    values so far, a row per cell, seed and number of evaluations `x`, a column per method. There is
    no table where all methods are of one kind or there is one task.
    """
    num_tasks = results.rows["task"].nunique()
    alone = [name for name in courses if name in METHODS and METHODS[name].one_task_at_a_time]
    if courses.empty or num_tasks == 1 or not 0 < len(alone) < courses.shape[1]:
        return []
    budget, num_initial = results.config["budget"], results.config["num_initial"]
    iterations = (budget - num_initial) // num_tasks
    x = courses.index.get_level_values("x")
    kept = x[x <= num_initial + iterations].max()
    blocks = courses.xs(x.max(), level="x").copy()
    blocks[alone] = courses.xs(kept, level="x")[alone]
    title = f"{capitalized(quantity)} after {iterations} candidates per task"
    table = summary_table(blocks, "iterations", title, quantity)
    caption = (
        f"{' and '.join(alone)} after {kept:g} evaluations of each task, the others after "
        f"{budget}. A joint method has then chosen {iterations} candidates per task on average, "
        f"and has evaluated each task at those of the others too. {table.caption}"
    )
    return [replace(table, caption=caption)]


def _time_table(results: Results) -> ReportTable:
    parts = {"fitting": "fit", "proposing": "propose", "in total": "total", "CPU": "cpu"}
    medians = {name: (f"{part}_seconds", "median") for name, part in parts.items()}
    frame = by_run(results, "method", runs=("seed", "size"), **medians)
    caption = "Median seconds of a run (all tasks of a problem), one thread."
    formats = {"runs": "d"} | dict.fromkeys(parts, ".1f")
    return ReportTable("time", "Cost", caption, frame, formats)


def _regret_courses(results: Results, blocks: pd.DataFrame) -> pd.DataFrame:
    """Normalized regret so far: one row per cell, seed and number of evaluations `x`."""
    index = list(blocks.index.names)
    scale = results.rows[[*index, "method", "optimum", "random_median"]]
    curves = results.curves.merge(scale, on=[*index, "method"])
    distance = curves["random_median"] - curves["optimum"]
    curves["regret"] = ((curves["y"] - curves["optimum"]) / distance).clip(lower=_LEAST)
    wide = curves.pivot(index=[*index, "x"], columns="method", values="regret")
    return wide[list(blocks.columns)].dropna()


def _mean_curves(courses: pd.DataFrame, label: str, log: bool) -> Figure:
    """The means over all cells, with bands over the seeds."""
    methods = list(courses.columns)
    figure, axes = draw_panels([[("", _by_seed(courses, log))]], methods, (6.4, 4.2), log)
    axes[0, 0].set(xlabel=_EVALUATIONS, ylabel=label)
    return figure


def _cell_curves(courses: pd.DataFrame, blocks: pd.DataFrame, label: str, log: bool) -> Figure:
    """One panel per cell: a row per problem, a column per remaining combination."""
    others = [name for name in blocks.index.names if name not in ("problem", "seed")]
    problems = blocks.index.get_level_values("problem").unique()
    variants = blocks.index.droplevel(["problem", "seed"]).unique()
    grid: list[list[Panel | None]] = [[None] * len(variants) for _ in problems]
    for (problem, *variant), group in courses.groupby(level=["problem", *others]):
        title = ", ".join(f"{name} {x}" for name, x in zip(others, variant, strict=True))
        column = variants.get_loc(tuple(variant) if len(variant) > 1 else variant[0])
        cell = (f"{problem}\n{title}", _by_seed(group, log))
        grid[problems.get_loc(problem)][column] = cell
    figure, axes = draw_panels(grid, list(courses.columns), (2.6, 2.2), log, font_size=8)
    for panel in axes.flat:
        panel.tick_params(labelsize=7)
    figure.supxlabel(_EVALUATIONS, fontsize=9)
    figure.supylabel(label, fontsize=9)
    return figure


def _by_seed(courses: pd.DataFrame, log: bool) -> pd.DataFrame:
    values = courses.transform(np.log) if log else courses
    return values.groupby(level=["x", "seed"]).mean()


def report_table2(results: Results, report: Report) -> None:
    """The report of an optimisation study, with the paper's columns beside ours."""
    report_optimization(results, report)
    report.tables += compare_with_paper(results)


def paper_table() -> pd.DataFrame:
    """The paper's Table 2: 30 rows, mean and standard deviation of each method's best values."""
    return pd.read_csv(REFERENCE / "table2.csv")


def compare_with_paper(results: Results) -> list[ReportTable]:
    """Put the paper's table and the same of ours side by side.

    Our own defaults stand beside them where they were run. There is no table as long as no cell has
    results of all the methods in `PAPER_NAMES`.
    """
    ours = list(PAPER_NAMES.values())
    if not set(ours) <= set(results.rows["method"]):
        return []
    cells = cell_columns(results)
    rows = with_known_optima(results).rows
    rows = rows[rows["method"].isin([*ours, REFERENCE_METHOD])]
    regret = rows.pivot(index=[*cells, "seed"], columns="method", values="normalized_regret")
    regret = in_order(regret.dropna(subset=ours), results)
    if regret.empty:
        return []
    paper = paper_table().rename(columns={"p": "correlation"}).set_index(cells)
    records = []
    for cell, group in regret.groupby(level=cells, sort=False):
        means, theirs = group.mean(), paper.loc[cell]
        record = dict(zip(cells, cell, strict=True))
        for name, method in PAPER_NAMES.items():
            record[f"{name}\npaper"] = f"{theirs[f'{name}_mean']:.1f} ({theirs[f'{name}_std']:.1f})"
            record[f"{name}\nregret"] = means[method]
        if REFERENCE_METHOD in means:
            record[_DEFAULTS_REGRET] = group[REFERENCE_METHOD].mean(skipna=False)
        record["best\npaper"] = min(PAPER_NAMES, key=lambda name: theirs[f"{name}_mean"])
        record["best\nours"] = min(PAPER_NAMES, key=lambda name: means[PAPER_NAMES[name]])
        records.append(record)
    caption = (
        "The paper's three methods: mean (std) of the best value in the paper, mean normalized "
        "regret here. The paper gives neither directions nor shape parameters, so its values "
        "cannot be compared with ours, for which they are drawn anew with every seed; what can be "
        "compared is which method is best, and in how many cells. At correlation 1 both tasks are "
        "one function, and a method that treats task 1 by itself has the same run of it at every "
        "correlation, so cells are not independent. Bay_MRBFCor has two correlation layers with an "
        "activation between them here; 'our defaults' is what the package does by itself."
    )
    formats = dict.fromkeys((*(f"{name}\nregret" for name in PAPER_NAMES), _DEFAULTS_REGRET), ".3f")
    labels = {method: name for name, method in PAPER_NAMES.items()} | {REFERENCE_METHOD: _DEFAULTS}
    means = paper[[f"{name}_mean" for name in PAPER_NAMES]].set_axis(list(PAPER_NAMES), axis=1)
    return [
        ReportTable("paper", "Beside the paper's table", caption, pd.DataFrame(records), formats),
        _claims(regret.rename(columns=labels), means),
    ]


def _claims(regret: pd.DataFrame, paper: pd.DataFrame) -> ReportTable:
    """In how many cells a method is ahead of another, in the paper and here."""
    cells = list(paper.index.names)
    by_seed = regret.groupby(level="seed").mean()
    records = []
    for first, *others in _CLAIMS:
        if first not in regret:
            continue
        means = regret[[first, *others]].dropna().groupby(level=cells).mean()
        at = paper.loc[means.index]
        record = {
            "claim": f"{first} below {' and '.join(others)}",
            "cells": len(means),
            "paper": (at[first] < at[others].min(axis=1)).sum() if first in at else None,
            "ours": (means[first] < means[others].min(axis=1)).sum(),
        }
        if len(others) == 1:
            (other,) = others
            groups = [group for _, group in regret.groupby(level=cells)]
            signs = [paired_test(x[first], x[other]).significant_sign for x in groups]
            record |= {
                "of these\nsignificant": signs.count(-1),
                "significantly\nthe reverse": signs.count(1),
                "p over seeds": paired_test(by_seed[first], by_seed[other]).p_value,
            }
        records.append(record)
    caption = (
        "In how many cells the first method's mean is below the others'. Significant: Wilcoxon's "
        "signed-rank test of the normalized regret over seeds, 5 % level, not adjusted; 'p over "
        "seeds': the same test of the means over all cells."
    )
    integers = ("cells", "paper", "ours", "of these\nsignificant", "significantly\nthe reverse")
    formats = {**dict.fromkeys(integers, ".0f"), "p over seeds": ".3f"}
    frame = pd.DataFrame(records)
    return ReportTable("paper_claims", "The paper's claims", caption, frame, formats)

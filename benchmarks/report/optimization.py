"""The report of an optimisation study: regret, ranks, tests, and what it cost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.methods import METHODS, REFERENCE_METHOD
from benchmarks.report import REFERENCE, Report, ReportTable, comparison
from benchmarks.report.plots import BANDS, Panel, bars, draw_panels
from benchmarks.report.statistics import paired_test
from benchmarks.runner.results import Results

# Normalized regrets below count as this: neither optima nor kept values are more accurate.
_LEAST = 1e-4
PAPER_NAMES = {"SingleRBF": "Single-RBF", "RMLA": "RMLA", "Bay_MRBFCor": "Bay_MRBFCor (paper)"}
"""The methods of the paper's table by their names there, and which of ours stand for them."""

_DEFAULTS = "our defaults"
_CLAIMS = (
    ("Bay_MRBFCor", "SingleRBF"),
    ("Bay_MRBFCor", "RMLA"),
    ("RMLA", "SingleRBF"),
    ("Bay_MRBFCor", "SingleRBF", "RMLA"),
    (_DEFAULTS, "SingleRBF", "RMLA"),
)
"""Methods of which the first is said to have the lower values than the others."""

PAPER_TABLE = REFERENCE / "table2.csv"  # mean and standard deviation of each method's best values
_EVALUATIONS = "evaluations of each task"
_REGRET = ("normalized_regret", "normalized regret")


def with_known_optima(results: Results) -> Results:
    """The results with the best value of any run of a cell and seed for an unknown optimum."""
    rows = results.rows.copy()
    best = rows.groupby([*comparison.cell_columns(results), "seed"])["true_best"].transform("min")
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
    blocks = comparison.complete_blocks(results, _REGRET[0])
    report.notes += [
        *comparison.notes(results, blocks),
        "Normalized regret: 0 is the optimum (the best value of any method where the optimum is not"
        f" known), 1 the median of random points. What is below {_LEAST:g} counts as {_LEAST:g}.",
        BANDS,
    ]
    parts = {"fitting": "fit", "proposing": "propose", "in total": "total", "CPU": "cpu"}
    columns = {name: (f"{part}_seconds", "median", ".1f") for name, part in parts.items()}
    columns = {"runs": ("seed", "size", "d"), **columns}
    labels = ("time", "Cost", "Median seconds of a run (all tasks of a problem), one thread.")
    runs = results.rows.drop_duplicates(results.factors).groupby("method")
    cost = comparison.grouped_table(labels, runs, columns, results)
    report.tables += [*comparison.summary_tables(results, *_REGRET, "summary"), cost]
    report.tables += comparison.layer_tables(results, *_REGRET)
    seconds = cost.frame.set_index("method")[["fitting", "proposing"]]
    report.figures["time"] = bars(seconds, "Time of a run", "seconds, one thread")
    if blocks.empty:
        return
    most = _regret_courses(results, comparison.most_blocks(results, _REGRET[0]))
    report.tables += iteration_tables(most, results, _REGRET[1])
    report.tables.append(comparison.cells_table(blocks, "cells", _REGRET[1]))
    courses = _regret_courses(results, blocks)
    label = f"normalized regret ({'geometric ' * log}mean)"
    report.figures["regret"] = _mean_curves(courses, label, log)
    report.figures["rank"] = _mean_curves(courses.rank(axis=1), "mean rank", log=False)
    report.figures["cells"] = _cell_curves(courses, blocks, label, log)


def report_tuning(results: Results, report: Report) -> None:
    """The report of an optimisation study, with the log losses themselves."""
    report_optimization(results, report)
    losses = comparison.complete_blocks(results, "best")
    report.tables.append(comparison.cells_table(losses, "losses", "best log loss"))


def iteration_tables(courses: pd.DataFrame, results: Results, quantity: str) -> list[ReportTable]:
    """Compare joint methods with those of one task at a time, at equal candidates per task.

    `courses` has values so far: a row per cell, seed and number of evaluations `x`.
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
    title = f"{comparison.capitalized(quantity)} after {iterations} candidates per task"
    table = comparison.summary_table(blocks, "iterations", title, quantity)
    caption = (
        f"{' and '.join(alone)} after {kept:g} evaluations of each task, the others after "
        f"{budget}. A joint method has then chosen {iterations} candidates per task on average, "
        f"and has evaluated each task at those of the others too. {table.caption}"
    )
    return [replace(table, caption=caption)]


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
    values = _by_seed(courses, log)
    figure, axes = draw_panels([[("", values)]], list(courses), (6.4, 4.2), log)
    axes[0, 0].set(xlabel=_EVALUATIONS, ylabel=label)
    return figure


def _cell_curves(courses: pd.DataFrame, blocks: pd.DataFrame, label: str, log: bool) -> Figure:
    """One panel per cell: a row per problem, a column per remaining combination."""
    others = [name for name in blocks.index.names if name not in ("problem", "seed")]
    groups = dict(iter(courses.groupby(level=["problem", *others])))

    def panel(problem: str, variant: Sequence[Any]) -> Panel | None:
        cell = ", ".join(f"{name} {x}" for name, x in zip(others, variant, strict=True))
        group = groups.get((problem, *variant))
        return None if group is None else (f"{problem}\n{cell}", _by_seed(group, log))

    variants = list(blocks.reset_index()[others].drop_duplicates().itertuples(index=False))
    grid = [[panel(problem, x) for x in variants] for problem in blocks.index.unique("problem")]
    figure, axes = draw_panels(grid, list(courses), (2.6, 2.2), log, 8, _EVALUATIONS, label)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
    return figure


def _by_seed(courses: pd.DataFrame, log: bool) -> pd.DataFrame:
    values = courses.transform(np.log) if log else courses
    return values.groupby(level=["x", "seed"]).mean()


def report_table2(results: Results, report: Report) -> None:
    """The report of an optimisation study, with the paper's columns beside ours."""
    report_optimization(results, report)
    report.tables += compare_with_paper(results)


def compare_with_paper(results: Results) -> list[ReportTable]:
    """The paper's table beside ours, and its claims, as far as cells have all of its methods."""
    names = {method: name for name, method in PAPER_NAMES.items()} | {REFERENCE_METHOD: _DEFAULTS}
    ours = list(PAPER_NAMES)
    if not set(PAPER_NAMES.values()) <= set(results.rows["method"]):
        return []
    cells = comparison.cell_columns(results)
    rows = with_known_optima(results).rows
    rows = rows[rows["method"].isin(names)]
    regret = rows.pivot(index=[*cells, "seed"], columns="method", values="normalized_regret")
    regret = comparison.in_order(regret.rename(columns=names).dropna(subset=ours), results)
    if regret.empty:
        return []
    paper = pd.read_csv(PAPER_TABLE).rename(columns={"p": "correlation"}).set_index(cells)
    their_means = paper[[f"{name}_mean" for name in ours]].set_axis(ours, axis=1)
    means = regret.groupby(level=cells, sort=False).agg(lambda x: x.mean(skipna=False))
    theirs, frame = paper.loc[means.index], pd.DataFrame(index=means.index)
    for name in ours:
        pairs = zip(theirs[f"{name}_mean"], theirs[f"{name}_std"], strict=True)
        frame[f"{name}\npaper"] = [f"{mean:.1f} ({std:.1f})" for mean, std in pairs]
        frame[f"{name}\nregret"] = means[name]
    if _DEFAULTS in means:
        frame[f"{_DEFAULTS}\nregret"] = means[_DEFAULTS]
    frame["best\npaper"] = their_means.loc[means.index].idxmin(axis=1)
    frame["best\nours"] = means[ours].idxmin(axis=1)
    caption = (
        "The paper's three methods: mean (std) of the best value in the paper, mean normalized "
        "regret here. The paper gives neither directions nor shape parameters, so its values "
        "cannot be compared with ours, for which they are drawn anew with every seed; what can be "
        "compared is which method is best, and in how many cells. At correlation 1 both tasks are "
        "one function, and a method that treats task 1 by itself has the same run of it at every "
        "correlation, so cells are not independent. Bay_MRBFCor has two correlation layers with an "
        "activation between them here; 'our defaults' is what the package does by itself."
    )
    formats = dict.fromkeys((f"{name}\nregret" for name in (*ours, _DEFAULTS)), ".3f")
    table = ReportTable("paper", "Beside the paper's table", caption, frame.reset_index(), formats)
    return [table, _claims(regret, their_means)]


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
            signs = [paired_test(x[first], x[other]).sign for _, x in regret.groupby(level=cells)]
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

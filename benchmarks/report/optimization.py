"""The report of an optimisation study: regret, ranks, tests, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.report import Report, ReportTable
from benchmarks.report.comparison import (
    cell_columns,
    cells_table,
    comparison_notes,
    complete_blocks,
    most_blocks,
    summary_tables,
)
from benchmarks.report.iterations import iteration_tables
from benchmarks.report.layer import layer_tables
from benchmarks.report.plots import BANDS, bars, draw_methods, shared_legend
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-4
"""Normalized regrets below count as this: neither optima nor kept values are more accurate."""

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
        "Normalized regret: 0 is the optimum (the best value of any method where the optimum is not "
        f"known), 1 the median of random points. What is below {_LEAST:g} counts as {_LEAST:g}.",
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


def _time_table(results: Results) -> ReportTable:
    columns = {
        "fit_seconds": "fitting",
        "propose_seconds": "proposing",
        "total_seconds": "in total",
        "cpu_seconds": "CPU",
    }
    runs = results.rows.drop_duplicates(results.factors).groupby("method")
    frame = runs[list(columns)].median().rename(columns=columns)
    frame.insert(0, "runs", runs.size())
    frame = frame.loc[results.found("method")].reset_index()
    caption = "Median seconds of a run (all tasks of a problem), one thread."
    formats = {"runs": "d"} | dict.fromkeys(columns.values(), ".1f")
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
    figure, axes = make_figure(1, 1, (6.4, 4.2))
    (panel,) = axes[0]
    _draw(panel, courses, log)
    panel.set(xlabel="evaluations of each task", ylabel=label)
    shared_legend(figure)
    return figure


def _cell_curves(courses: pd.DataFrame, blocks: pd.DataFrame, label: str, log: bool) -> Figure:
    """One panel per cell: a row per problem, a column per remaining combination."""
    others = [name for name in courses.index.names if name not in ("problem", "seed", "x")]
    problems = blocks.index.get_level_values("problem").unique()
    variants = blocks.index.droplevel(["problem", "seed"]).unique()
    figure, axes = make_figure(len(problems), len(variants), (2.6, 2.2))
    variant_of = courses.index.droplevel(["problem", "seed", "x"])
    for (problem, variant), group in courses.groupby(
        [courses.index.get_level_values("problem"), variant_of]
    ):
        panel = axes[problems.get_loc(problem), variants.get_loc(variant)]
        _draw(panel, group, log)
        values = variant if isinstance(variant, tuple) else (variant,)
        title = ", ".join(f"{name} {value}" for name, value in zip(others, values, strict=True))
        panel.set_title(f"{problem}\n{title}", fontsize=8)
        panel.tick_params(labelsize=7)
    for panel in axes.flat:
        panel.set_visible(bool(panel.lines))
    figure.supxlabel("evaluations of each task", fontsize=9)
    figure.supylabel(label, fontsize=9)
    shared_legend(figure)
    return figure


def _draw(panel: Axes, courses: pd.DataFrame, log: bool) -> None:
    values = courses.transform(np.log) if log else courses
    by_seed = values.groupby(level=["x", "seed"]).mean()
    draw_methods(panel, by_seed, list(courses.columns), log)

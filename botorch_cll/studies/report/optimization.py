"""The report of an optimisation study: regret, ranks, tests, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.report import Report, ReportTable
from botorch_cll.studies.report.comparison import (
    cell_columns,
    cells_table,
    complete_blocks,
    most_blocks,
    state_notes,
    summary_tables,
)
from botorch_cll.studies.report.iterations import iteration_tables
from botorch_cll.studies.report.layer import layer_tables
from botorch_cll.studies.report.plots import (
    BANDS,
    bars,
    draw_methods,
    fit_to_lines,
    method_colors,
    shared_legend,
)
from botorch_cll.studies.report.statistics import ranks
from botorch_cll.studies.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-4
"""Normalized regrets below count as this: neither optima nor kept values are more accurate."""

_SIZES = {
    "budget": "{} evaluations of each task",
    "num_initial": "first designs of {} points",
    "num_old": "{} old observations of another task",
}
"""How the sizes of a study are called."""


def with_known_optima(results: Results) -> pd.DataFrame:
    """Result rows with the best value of any run of a cell and seed where the optimum is unknown.

    Args:
        results: The results of an optimisation study.

    Returns:
        The rows, with `optimum`, `regret` and `normalized_regret` filled in, the last at least
        `_LEAST`.
    """
    rows = results.rows.copy()
    best = rows.groupby([*cell_columns(results), "seed"])["true_best"].transform("min")
    rows["optimum"] = rows["optimum"].astype(float).fillna(best)
    # Where optima are known, regrets are kept as they were before values were rounded.
    regret = rows["regret"].astype(float).fillna(rows["true_best"] - rows["optimum"])
    scaled = regret / (rows["random_median"] - rows["optimum"])
    normalized = rows["normalized_regret"].astype(float).fillna(scaled)
    return rows.assign(regret=regret, normalized_regret=normalized.clip(lower=_LEAST))


def report_optimization(results: Results) -> Report:
    """Compare the methods of an optimisation study.

    Args:
        results: Its results.

    Returns:
        The report; without results, one that says so.
    """
    sizes = [_SIZES[name].format(size) for name, size in results.config.items()]
    report = Report(f"Study {results.study}: {', '.join(sizes)}")
    if results.rows.empty:
        report.notes.append(f"None of {results.num_requested} runs is finished.")
        return report
    rows = with_known_optima(results)
    blocks = complete_blocks(rows, results, "normalized_regret")
    report.notes += state_notes(results, blocks)
    report.notes.append(
        "Normalized regret: 0 is the optimum (the best value of any method where the optimum is "
        f"not known), 1 the median of random points. What is below {_LEAST:g} counts as {_LEAST:g}."
    )
    report.notes.append(BANDS)
    value, quantity = "normalized_regret", "normalized regret"
    cost = _time_table(results)
    report.tables = [
        *summary_tables(rows, results, value, quantity, "summary"),
        cost,
        *layer_tables(rows, results, value, quantity),
    ]
    report.figures["time"] = bars(
        cost.frame.set_index("method")[["fitting", "proposing"]],
        "Time of a run",
        "seconds, one thread",
    )
    if blocks.empty:
        return report
    report.tables += iteration_tables(
        _regret_courses(results, rows, most_blocks(rows, results, value)), results, quantity
    )
    report.tables.append(cells_table(blocks, "cells", quantity))
    courses = _regret_courses(results, rows, blocks)
    # Against the best value of any run the logarithm of the best one's regret says nothing.
    log = bool(results.rows["optimum"].notna().all())
    label = f"normalized regret ({'geometric ' * log}mean)"
    report.figures["regret"] = _mean_curves(courses, label, log)
    report.figures["rank"] = _mean_curves(ranks(courses), "mean rank", log=False)
    report.figures["cells"] = _cell_curves(courses, blocks, label, log)
    return report


def _time_table(results: Results) -> ReportTable:
    runs = results.rows.drop_duplicates(results.factors)
    medians = runs.groupby("method")[
        ["fit_seconds", "propose_seconds", "total_seconds", "cpu_seconds"]
    ].median()
    medians.insert(0, "runs", runs.groupby("method").size())
    frame = medians.loc[[m for m in results.levels["method"] if m in medians.index]].reset_index()
    frame.columns = ["method", "runs", "fitting", "proposing", "in total", "CPU"]
    caption = "Median seconds of a run (all tasks of a problem), one thread."
    formats = {"runs": "d"} | dict.fromkeys(("fitting", "proposing", "in total", "CPU"), ".1f")
    return ReportTable("time", "Cost", caption, frame, formats)


def _regret_courses(results: Results, rows: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Normalized regret so far: one row per cell, seed and number of evaluations `x`."""
    index = list(blocks.index.names)
    scale = rows[[*index, "method", "optimum", "random_median"]]
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
    for (problem, variant), group in courses.groupby(
        [
            courses.index.get_level_values("problem"),
            courses.index.droplevel(["problem", "seed", "x"]),
        ]
    ):
        row = problems.get_loc(problem)
        panel = axes[row, variants.get_loc(variant)]
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
    colors = method_colors(list(courses.columns))
    values = courses.transform(np.log) if log else courses
    by_seed = values.groupby(level=["x", "seed"]).mean()
    draw_methods(panel, by_seed, colors, log)
    fit_to_lines(panel)

"""The reports on predictions of a task with few observations beside others with many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.problems import PROBLEMS
from benchmarks.report import Report, ReportTable
from benchmarks.report.comparison import (
    by_run,
    cells_table,
    comparison_notes,
    complete_blocks,
    means_table,
    summary_tables,
)
from benchmarks.report.layer import layer_tables
from benchmarks.report.plots import BANDS, draw_panels
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTITIES = {"rmse": "RMSE", "nlpd": "NLPD"}


def report_transfer(results: Results, report: Report) -> None:
    """Compare the surrogates, problem by problem and against the correlation."""
    report.notes += [*comparison_notes(results, complete_blocks(results, "rmse")), BANDS]
    for value, title in _QUANTITIES.items():
        report.tables += summary_tables(results, value, title, f"{value}_summary")
        report.tables += layer_tables(results, value, title)
        blocks = complete_blocks(results, value)
        if not blocks.empty:
            report.tables.append(cells_table(blocks, f"{value}_cells", title))
            report.figures[value] = _against_correlation(blocks, title)
    columns = {"in 95 %": ("coverage_95", "mean"), "fitting": ("fit_seconds", "median")}
    frame = by_run(results, "method", **columns)
    caption = (
        "Share of new observations within the central 95 % interval, mean over all finished runs, "
        "and median seconds of a fit on one thread."
    )
    formats = {"in 95 %": ".3f", "fitting": ".2f"}
    table = ReportTable("calibration", "Calibration and cost", caption, frame, formats)
    report.tables.append(table)


def _against_correlation(blocks: pd.DataFrame, title: str) -> Figure:
    values = blocks.groupby(level=["problem", "correlation", "seed"], sort=False).mean()
    problems = blocks.index.get_level_values("problem").unique()
    grid = [[(problem, values.loc[problem].sort_index()) for problem in problems]]
    figure, axes = draw_panels(grid, list(blocks.columns), (2.8, 3.0))
    for panel in axes[0]:
        panel.set_xlabel("correlation p")
    axes[0, 0].set_ylabel(f"{title} of the poor task")
    return figure


def report_unequal(results: Results, report: Report) -> None:
    """Compare the predictions of the poor task, family by family and problem by problem."""
    results = replace(results, rows=results.rows.assign(group=results.rows["problem"].map(_group)))
    blocks = {value: complete_blocks(results, value) for value in _QUANTITIES}
    report.notes += [
        *comparison_notes(results, blocks["rmse"]),
        "RMSE and NLPD (negative log predictive density) are in units of the task's standard "
        "deviation over the test points; predictive distributions include the noise.",
    ]
    layers = []
    for value, title in _QUANTITIES.items():
        report.tables += summary_tables(results, value, title, f"{value}_summary")
        if not blocks[value].empty:
            report.tables.append(_families_table(blocks[value], value, title))
        layers += layer_tables(results, value, title, by="group")
    report.tables += layers
    for value, title in _QUANTITIES.items():
        if not blocks[value].empty:
            report.tables.append(cells_table(blocks[value], f"{value}_cells", title))
    if not blocks["rmse"].empty:
        layer = next((table.frame for table in layers if table.name == "rmse_layer"), None)
        report.figures["unequal"] = _plot(blocks["rmse"], layer)


def _group(label: str) -> str:
    problem = PROBLEMS[label]
    p = problem.correlation
    return problem.family if p is None else f"{problem.family}, p = {p:g}"


def _families_table(blocks: pd.DataFrame, value: str, title: str) -> ReportTable:
    """The means of all methods over the problems of each family."""
    family = blocks.index.get_level_values("problem").map(lambda label: PROBLEMS[label].family)
    means = blocks.groupby(family, sort=False).mean().rename_axis("family")
    caption = "Means over problems and seeds; lower is better."
    return means_table(means, f"{value}_families", f"{title} by family", caption, ".2f")


def _plot(blocks: pd.DataFrame, layer: pd.DataFrame | None) -> Figure:
    """Each method's error, problem by problem, and what the correlation layer changes."""
    means = blocks.groupby(level="problem", sort=False).mean()
    positions = {problem: row for row, problem in enumerate(means.index)}
    figure, panels = make_figure(1, 2, (5.0, 1.8 + 0.24 * len(means)), share_x=False)
    left, right = panels[0]
    right.sharey(left)
    right.tick_params(labelleft=False)
    for method in means.columns:
        left.plot(means[method], range(len(means)), "o", ms=4, alpha=0.8, label=method)
    left.set(xlabel="RMSE [standard deviations]", yticks=range(len(means)))
    left.set_yticklabels(means.index)
    left.invert_yaxis()
    if layer is not None:
        for row in layer[layer["problem"].isin(means.index)].itertuples():
            position = positions[row.problem]
            right.plot([row.low, row.high], [position, position], color="C0")
            right.plot(row.difference, position, "o", ms=4, color="C0")
    right.axvline(0.0, color="0.8", zorder=0)
    right.set_xlabel("RMSE with - without correlation layer, 95 % interval")
    figure.legend(loc="outside lower center", ncols=3)
    return figure

"""The report on predictions of a task with few observations beside one with many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.prediction.problems import PROBLEMS
from botorch_cll.studies.report import Report, ReportTable
from botorch_cll.studies.report.comparison import (
    cells_table,
    complete_blocks,
    state_notes,
    summary_tables,
)
from botorch_cll.studies.report.layer import layer_tables
from botorch_cll.studies.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTITIES = {"rmse": "RMSE", "nlpd": "NLPD"}


def report_unequal(results: Results) -> Report:
    """Compare the predictions of the poor task.

    Args:
        results: The results of the study.

    Returns:
        The report; without results, one that says so.
    """
    config = results.config
    report = Report(
        f"Study {results.study}: {config['num_poor']} observations of the first task, "
        f"{config['num_rich']} of the second elsewhere, {config['num_test']} test points"
    )
    if results.rows.empty:
        report.notes.append(f"None of {results.num_requested} runs is finished.")
        return report
    rows = results.rows.assign(group=results.rows["problem"].map(_group))
    blocks = {value: complete_blocks(rows, results, value) for value in _QUANTITIES}
    report.notes += state_notes(results, blocks["rmse"])
    report.notes.append(
        "RMSE and NLPD (negative log predictive density) are in units of the task's standard "
        "deviation over the test points; predictive distributions include the noise."
    )
    layers = []
    for value, title in _QUANTITIES.items():
        report.tables += summary_tables(rows, results, value, title, f"{value}_summary")
        if not blocks[value].empty:
            report.tables.append(_groups_table(blocks[value], value, title))
        layers += layer_tables(rows, results, value, title, by="group")
    report.tables += layers
    for value, title in _QUANTITIES.items():
        if not blocks[value].empty:
            report.tables.append(cells_table(blocks[value], f"{value}_cells", title))
    if not blocks["rmse"].empty:
        layer = next((table.frame for table in layers if table.name == "rmse_layer"), None)
        report.figures["unequal"] = _plot(blocks["rmse"], layer)
    return report


def _group(label: str) -> str:
    problem = PROBLEMS[label]
    p = problem.correlation
    return problem.family if p is None else f"{problem.family}, p = {p:g}"


def _groups_table(blocks: pd.DataFrame, value: str, title: str) -> ReportTable:
    """The means of all methods over the problems of each family."""
    family = blocks.index.get_level_values("problem").map(lambda label: PROBLEMS[label].family)
    frame = blocks.groupby(family, sort=False).mean().rename_axis("family", columns=None)
    caption = "Means over problems and seeds; lower is better."
    lowest = frame.min(axis=1)
    bold = {name: (frame[name] == lowest).reset_index(drop=True) for name in frame.columns}
    formats = dict.fromkeys(frame.columns, ".2f")
    return ReportTable(
        f"{value}_families", f"{title} by family", caption, frame.reset_index(), formats, bold
    )


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

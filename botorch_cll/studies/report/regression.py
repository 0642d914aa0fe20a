"""The report of a regression study: errors and predictive densities of surrogates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.report import Report, ReportTable
from botorch_cll.studies.report.comparison import (
    cells_table,
    complete_blocks,
    state_notes,
    summary_tables,
)
from botorch_cll.studies.report.layer import layer_tables
from botorch_cll.studies.report.plots import (
    BANDS,
    draw_methods,
    fit_to_lines,
    method_colors,
    shared_legend,
)
from botorch_cll.studies.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTITIES = {"rmse": "RMSE", "nlpd": "NLPD"}


def report_regression(results: Results) -> Report:
    """Compare the surrogates of a regression study.

    Args:
        results: Its results.

    Returns:
        The report; without results, one that says so.
    """
    config = results.config
    report = Report(
        f"Study {results.study}: {config['num_poor']} observations of the first task, "
        f"{config['num_rich']} of each other, {config['num_test']} test points"
    )
    if results.rows.empty:
        report.notes.append(f"None of {results.num_requested} runs is finished.")
        return report
    for value, title in _QUANTITIES.items():
        blocks = complete_blocks(results.rows, results, value)
        if value == "rmse":
            report.notes += [*state_notes(results, blocks), BANDS]
        report.tables += summary_tables(results.rows, results, value, title, f"{value}_summary")
        report.tables += layer_tables(results.rows, results, value, title)
        if blocks.empty:
            continue
        report.tables.append(cells_table(blocks, f"{value}_cells", title))
        report.figures[value] = _against_correlation(blocks, title)
    report.tables.append(_calibration_table(results))
    return report


def _calibration_table(results: Results) -> ReportTable:
    runs = results.rows.groupby("method")
    found = runs.agg({"coverage_95": "mean", "fit_seconds": "median"})
    frame = found.loc[[m for m in results.levels["method"] if m in found.index]].reset_index()
    frame.columns = ["method", "in 95 %", "fitting"]
    caption = (
        "Share of new observations within the central 95 % interval, mean over all finished runs, "
        "and median seconds of a fit on one thread."
    )
    return ReportTable(
        "calibration", "Calibration and cost", caption, frame, {"in 95 %": ".3f", "fitting": ".2f"}
    )


def _against_correlation(blocks: pd.DataFrame, title: str) -> Figure:
    problems = list(blocks.index.get_level_values("problem").unique())
    figure, axes = make_figure(1, len(problems), (2.8, 3.0))
    colors = method_colors(list(blocks.columns))
    for panel, problem in zip(axes[0], problems, strict=True):
        group = blocks.xs(problem, level="problem").groupby(level=["correlation", "seed"]).mean()
        draw_methods(panel, group, colors, log=False)
        fit_to_lines(panel)
        panel.set(title=problem, xlabel="correlation p")
    axes[0, 0].set_ylabel(f"{title} of the poor task")
    shared_legend(figure)
    return figure

"""The reports on predictions: of tasks with as many observations, and of one with few."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.methods import GPS, MULTI_TASK_GPS, OURS
from benchmarks.problems import FAMILIES, PROBLEMS
from benchmarks.protocols.prediction import PERCENT
from benchmarks.report import Report, ReportTable, comparison
from benchmarks.report.plots import BANDS, draw_panels
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure, plot_calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_QUANTITIES = {"rmse": "RMSE", "nlpd": "NLPD"}
_METRICS = {
    **_QUANTITIES,
    **{f"coverage_{percent}": f"in {percent} %" for percent in (50, 80, 95)},
    "sharpness": "sharpness",
    "seconds": "s",
}


def report_transfer(results: Results, report: Report) -> None:
    """Compare the surrogates, problem by problem and against the correlation."""
    report.notes += [*comparison.notes(results, comparison.complete_blocks(results, "rmse")), BANDS]
    for value, title in _QUANTITIES.items():
        report.tables += comparison.summary_tables(results, value, title, f"{value}_summary")
        report.tables += comparison.layer_tables(results, value, title)
        blocks = comparison.complete_blocks(results, value)
        if not blocks.empty:
            report.tables.append(comparison.cells_table(blocks, f"{value}_cells", title))
            report.figures[value] = _against_correlation(blocks, title)
    caption = (
        "Share of new observations within the central 95 % interval, mean over all finished runs, "
        "and median seconds of a fit on one thread."
    )
    labels = ("calibration", "Calibration and cost", caption)
    columns = {
        "in 95 %": ("coverage_95", "mean", ".3f"),
        "fitting": ("fit_seconds", "median", ".2f"),
    }
    report.tables.append(comparison.grouped_table(results, labels, ["method"], columns))


def _against_correlation(blocks: pd.DataFrame, title: str) -> Figure:
    values = blocks.groupby(level=["problem", "correlation", "seed"], sort=False).mean()
    problems = blocks.index.unique("problem")
    grid = [[(problem, values.loc[problem].sort_index()) for problem in problems]]
    figure, axes = draw_panels(grid, list(blocks.columns), (2.8, 3.0))
    for panel in axes[0]:
        panel.set_xlabel("correlation p")
    axes[0, 0].set_ylabel(f"{title} of the poor task")
    return figure


def report_unequal(results: Results, report: Report) -> None:
    """Compare the predictions of the poor task, family by family and problem by problem."""
    results = replace(results, rows=results.rows.assign(group=results.rows["problem"].map(_group)))
    blocks = {value: comparison.complete_blocks(results, value) for value in _QUANTITIES}
    report.notes += [
        *comparison.notes(results, blocks["rmse"]),
        "RMSE and NLPD (negative log predictive density) are in units of the task's standard "
        "deviation over the test points; predictive distributions include the noise.",
    ]
    layers, cells = [], []
    for value, title in _QUANTITIES.items():
        report.tables += comparison.summary_tables(results, value, title, f"{value}_summary")
        layers += comparison.layer_tables(results, value, title, by="group")
        if not blocks[value].empty:
            families = blocks[value].groupby(lambda x: PROBLEMS[x[0]].family, sort=False)
            caption = "Means over problems and seeds; lower is better."
            labels = (f"{value}_families", f"{title} by family", caption)
            report.tables.append(comparison.means_table(families, labels, ".2f", "family"))
            cells.append(comparison.cells_table(blocks[value], f"{value}_cells", title))
    report.tables += layers + cells
    if not blocks["rmse"].empty:
        layer = next((table.frame for table in layers if table.name == "rmse_layer"), None)
        report.figures["unequal"] = _plot_unequal(blocks["rmse"], layer)


def _group(label: str) -> str:
    problem = PROBLEMS[label]
    p = problem.correlation
    return problem.family if p is None else f"{problem.family}, p = {p:g}"


def _plot_unequal(blocks: pd.DataFrame, layer: pd.DataFrame | None) -> Figure:
    """Each method's error, problem by problem, and what the correlation layer changes."""
    means = blocks.groupby(level="problem", sort=False).mean()
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
            position = means.index.get_loc(row.problem)
            right.plot([row.low, row.high], [position, position], color="C0")
            right.plot(row.difference, position, "o", ms=4, color="C0")
    right.axvline(0.0, color="0.8", zorder=0)
    right.set_xlabel("RMSE with - without correlation layer, 95 % interval")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def report_calibration(results: Results, report: Report) -> None:
    """Means of every surrogate, and ours against each of the others."""
    rows = results.rows.assign(family=results.rows["problem"].map(lambda x: PROBLEMS[x].family))
    families = [name for name in FAMILIES if name in set(rows["family"])]
    methods = results.found("method")
    report.notes += [
        *comparison.failure_notes(results),
        "RMSE, NLPD (negative log predictive density) and sharpness (mean standard deviation) are "
        "in units of a task's standard deviation over the test points; predictive distributions "
        "include the noise. 'in 95 %': the share of test values within the central 95 % interval.",
    ]
    columns = {title: (metric, "mean", ".2f") for metric, title in _METRICS.items()}
    caption = "Means over problems and seeds; s: processor seconds of fit and predictions."
    for family in families:
        labels, chosen = (f"{family}_means", family, caption), rows[rows["family"] == family]
        table = comparison.grouped_table(results, labels, ["n", "method"], columns, chosen)
        report.tables.append(replace(table, formats={"n": "d", **table.formats}))
    if OURS in methods and len(methods) > 1:
        report.tables.append(_opponents_table(results))
    if OURS in methods and not set(GPS).isdisjoint(methods):
        report.tables.append(_head_to_head_table(head_to_head(results)))
    report.figures["calibration"] = _plot_calibration(rows, families, methods)


def _cell_means(results: Results, metric: str, methods: list[str]) -> pd.DataFrame:
    """Means by problem and number of points, over the seeds that all of the methods have."""
    rows = results.rows[results.rows["method"].isin(methods)]
    blocks = comparison.complete_blocks(replace(results, rows=rows), metric)
    return blocks.groupby(level=["problem", "n"], sort=False).mean()


def _opponents_table(results: Results) -> ReportTable:
    records = []
    for opponent in results.found("method"):
        if opponent == OURS:
            continue
        rmse, nlpd = (_cell_means(results, x, [OURS, opponent]) for x in _QUANTITIES)
        records.append(
            {
                "opponent": opponent,
                "cells": len(rmse),
                **_counts("NLPD below", nlpd[OURS] < nlpd[opponent], "NLPD not"),
                **_counts("RMSE below", rmse[OURS] < rmse[opponent], "RMSE not"),
                "ratio of RMSEs": (rmse[OURS] / rmse[opponent]).mean(),
            }
        )
    frame = pd.DataFrame(records)
    caption = (
        f"In how many cells, a problem and a number of points each, {OURS} is below the other and "
        "in how many it is not, means over the seeds, and the mean ratio of the errors."
    )
    formats = dict.fromkeys(frame.columns[1:-1], "d") | {"ratio of RMSEs": ".2f"}
    return ReportTable("opponents", f"{OURS} against each other surrogate", caption, frame, formats)


def _counts(below: str, is_below: pd.Series, others: str) -> dict[str, int]:
    return {below: int(is_below.sum()), others: int((~is_below).sum())}


def head_to_head(results: Results) -> pd.DataFrame:
    """Ours against the best GP (of RMSEs the best multi-task GP) of every cell, in hindsight."""
    gps = [name for name in GPS if name in results.found("method")]
    multi_task = [name for name in MULTI_TASK_GPS if name in gps]
    nlpd = _cell_means(results, "nlpd", [OURS, *gps])
    rmse = _cell_means(results, "rmse", [OURS, *multi_task])
    columns = {
        "nlpd_below": nlpd[OURS] < nlpd[gps].min(axis=1),
        "rmse_ratio": rmse[OURS] / rmse[multi_task].min(axis=1),
        "coverage_95": _cell_means(results, "coverage_95", [OURS])[OURS],
    }
    return pd.DataFrame(columns)


def _head_to_head_table(cells: pd.DataFrame) -> ReportTable:
    groups = cells.groupby(lambda x: f"{PROBLEMS[x[0]].family}, n = {x[1]}", sort=False)
    records = []
    for name, part in [*groups, ("all", cells)]:
        below, ratio = part["nlpd_below"].dropna().astype(bool), part["rmse_ratio"].dropna()
        records.append(
            {
                "cells": name,
                **_counts("NLPD below every GP's", below, "NLPD not"),
                "RMSE / best multi-task GP's": ratio.mean(),
                **_counts("below 1", ratio < 1.0, "not"),
                "in 95 %": part["coverage_95"].mean(),
            }
        )
    frame = pd.DataFrame(records)
    formats = dict.fromkeys(frame.columns[1:], "d")
    formats |= dict.fromkeys(("RMSE / best multi-task GP's", "in 95 %"), ".2f")
    caption = (
        "In how many cells our NLPD is below that of every GP; the mean ratio of our RMSE and that "
        "of the multi-task GP that is best in the cell, and in how many it is below 1; the share "
        "of test values within our 95 % interval."
    )
    return ReportTable("head_to_head", f"{OURS} against the GPs", caption, frame, formats)


def _plot_calibration(rows: pd.DataFrame, families: list[str], methods: list[str]) -> Figure:
    """Calibration curves, and RMSE and NLPD over the number of points, family by family."""
    # Ours lies on top of what it often coincides with.
    styles: dict[str, dict[str, Any]] = {
        name: {"color": f"C{index}", "marker": ".", "lw": 1.5 + (name == OURS), "zorder": 3 - index}
        for index, name in enumerate(methods)
    }
    width = max(8.0 / len(families), 3.6)
    figure, panels = make_figure(3, len(families), (width, 3.0), share_x=False)
    # A surrogate may be missing from a family.
    lines: dict[Any, Any] = {}
    for (coverage, *others), family in zip(panels.T, families, strict=True):
        coverage.set_title(family)
        of_family = rows[rows["family"] == family]
        shares = of_family.groupby("method")[[f"coverage_{percent}" for percent in PERCENT]].mean()
        drawn = {method: shares.loc[method].tolist() for method in styles if method in shares.index}
        plot_calibration(drawn, styles=styles, axes=coverage)
        lines |= {line.get_label(): line for line in coverage.get_lines()}
        for axes, metric in zip(others, _QUANTITIES, strict=True):
            _draw_by_points(axes, of_family, metric, styles)
    for axes, label in zip(panels[1:, 0], _QUANTITIES.values(), strict=True):
        axes.set_ylabel(label)
    figure.legend([lines[name] for name in styles], styles, loc="outside lower center", ncols=3)
    return figure


def _draw_by_points(
    axes: Axes, rows: pd.DataFrame, metric: str, styles: dict[str, dict[str, Any]]
) -> None:
    means = rows.groupby(["n", "method"])[metric].mean().unstack("method")
    for method in means.columns:
        axes.plot(means.index, means[method], **styles[method])
    # The densities of surrogates that are far too sure of themselves span orders of magnitude.
    if means.max(axis=None) > 10.0:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set(xlabel="n", xticks=means.index)

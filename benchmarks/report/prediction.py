"""The reports on predictions: of tasks with as many observations, and of one with few."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.methods import GPS, MULTI_TASK_GPS, OURS
from benchmarks.problems import FAMILIES, PROBLEMS
from benchmarks.protocols.prediction import PERCENT
from benchmarks.report import Report, ReportTable, comparison
from benchmarks.report.plots import BANDS, draw_panels
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure, plot_calibration

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
    methods = results.rows.groupby("method")
    report.tables.append(comparison.grouped_table(labels, methods, columns, results))


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
            report.tables.append(comparison.means_table(labels, families, ".2f", "family"))
            cells.append(comparison.cells_table(blocks[value], f"{value}_cells", title))
    report.tables += layers + cells
    if not blocks["rmse"].empty:
        layer = next((table.frame for table in layers if table.name == "rmse_layer"), None)
        report.figures["unequal"] = _plot_unequal(blocks["rmse"], layer)


def _group(label: str) -> str:
    family, p, _ = PROBLEMS[label]
    return family if p is None else f"{family}, p = {p:g}"


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
        groups = rows[rows["family"] == family].groupby(["n", "method"])
        labels = (f"{family}_means", family, caption)
        table = comparison.grouped_table(labels, groups, columns, results)
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


def head_to_head(
    results: Results, gps: Sequence[str] = GPS, multi_task: Sequence[str] = MULTI_TASK_GPS
) -> pd.DataFrame:
    """Ours against the best GP (of RMSEs the best multi-task GP) of every cell, in hindsight."""
    found = results.found("method")
    gps, multi_task = ([name for name in names if name in found] for names in (gps, multi_task))
    nlpd = _cell_means(results, "nlpd", [OURS, *gps])
    rmse = _cell_means(results, "rmse", [OURS, *multi_task])
    columns = {
        "nlpd_below": (nlpd[OURS] < nlpd[gps].min(axis=1)).astype(float),
        "rmse_ratio": rmse[OURS] / rmse[multi_task].min(axis=1),
        "coverage_95": _cell_means(results, "coverage_95", [OURS])[OURS],
    }
    return pd.DataFrame(columns)


def _opponents_table(results: Results) -> ReportTable:
    others = [name for name in results.found("method") if name != OURS]
    cells = {name: head_to_head(results, [name], [name]) for name in others}
    groups = pd.concat(cells, names=["opponent"]).groupby(level="opponent", sort=False)
    caption = (
        f"In how many cells, a problem and a number of points each, {OURS} is below the other and "
        "in how many it is not, means over the seeds, and the mean ratio of the errors."
    )
    columns = {
        "cells": ("rmse_ratio", "count", ".0f"),
        "NLPD below": ("nlpd_below", "sum", ".0f"),
        "NLPD not": ("nlpd_below", lambda below: below.eq(0).sum(), ".0f"),
        "RMSE below": ("rmse_ratio", lambda ratio: ratio.lt(1).sum(), ".0f"),
        "RMSE not": ("rmse_ratio", lambda ratio: ratio.ge(1).sum(), ".0f"),
        "ratio of RMSEs": ("rmse_ratio", "mean", ".2f"),
    }
    labels = ("opponents", f"{OURS} against each other surrogate", caption)
    return comparison.grouped_table(labels, groups, columns)


def _head_to_head_table(cells: pd.DataFrame) -> ReportTable:
    names = [f"{PROBLEMS[problem].family}, n = {n}" for problem, n in cells.index]
    both = pd.concat([cells.assign(cells=names), cells.assign(cells="all")])
    caption = (
        "In how many cells our NLPD is below that of every GP; the mean ratio of our RMSE and that "
        "of the multi-task GP that is best in the cell, and in how many it is below 1; the share "
        "of test values within our 95 % interval."
    )
    columns = {
        "NLPD below every GP's": ("nlpd_below", "sum", ".0f"),
        "NLPD not": ("nlpd_below", lambda below: below.eq(0).sum(), ".0f"),
        "RMSE / best multi-task GP's": ("rmse_ratio", "mean", ".2f"),
        "below 1": ("rmse_ratio", lambda ratio: ratio.lt(1).sum(), ".0f"),
        "not": ("rmse_ratio", lambda ratio: ratio.ge(1).sum(), ".0f"),
        "in 95 %": ("coverage_95", "mean", ".2f"),
    }
    labels = ("head_to_head", f"{OURS} against the GPs", caption)
    return comparison.grouped_table(labels, both.groupby("cells", sort=False), columns)


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
            means = of_family.groupby(["n", "method"])[metric].mean().unstack("method")
            for method in means.columns:
                axes.plot(means.index, means[method], **styles[method])
            # Densities of surrogates that are far too sure of themselves span orders of magnitude.
            if means.max(axis=None) > 10.0:
                axes.set_yscale("symlog", linthresh=1.0)
            axes.set(xlabel="n", xticks=means.index)
    for axes, label in zip(panels[1:, 0], _QUANTITIES.values(), strict=True):
        axes.set_ylabel(label)
    figure.legend([lines[name] for name in styles], styles, loc="outside lower center", ncols=3)
    return figure

"""The report on predictions of tasks that are observed at the same points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.methods import GPS, MULTI_TASK_GPS, OURS
from botorch_cll.plots import make_figure, plot_calibration
from botorch_cll.studies.prediction.problems import FAMILIES, PROBLEMS
from botorch_cll.studies.prediction.scores import PERCENT
from botorch_cll.studies.report import Report, ReportTable
from botorch_cll.studies.report.comparison import complete_blocks, failure_notes
from botorch_cll.studies.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METRICS = {
    "rmse": "RMSE",
    "nlpd": "NLPD",
    "coverage_50": "in 50 %",
    "coverage_80": "in 80 %",
    "coverage_95": "in 95 %",
    "sharpness": "sharpness",
    "seconds": "s",
}
_CELL = ["problem", "n"]


def report_calibration(results: Results) -> Report:
    """Means of every surrogate, and ours against each of the others.

    Args:
        results: The results of the study.

    Returns:
        The report; without results, one that says so.
    """
    report = Report(
        f"Study {results.study}: both tasks observed at the same n points, "
        f"{results.config['num_test']} test points"
    )
    if results.rows.empty:
        report.notes.append(f"None of {results.num_requested} runs is finished.")
        return report
    family = results.rows["problem"].map(lambda label: PROBLEMS[label].family)
    rows = results.rows.assign(family=family)
    families = [name for name in FAMILIES if name in set(family)]
    methods = [method for method in results.levels["method"] if method in set(rows["method"])]
    report.notes += [
        results.state,
        *failure_notes(results),
        "RMSE, NLPD (negative log predictive density) and sharpness (mean standard deviation) are "
        "in units of a task's standard deviation over the test points; predictive distributions "
        "include the noise. 'in 95 %': the share of test values within the central 95 % interval.",
    ]
    report.tables += [_means_table(rows, name, methods) for name in families]
    if OURS in methods and len(methods) > 1:
        report.tables.append(_opponents_table(rows, results, methods))
    if OURS in methods and not set(GPS).isdisjoint(methods):
        report.tables.append(_head_to_head_table(head_to_head(rows, results)))
    report.figures["calibration"] = _plot(rows, families, methods)
    return report


def _means_table(rows: pd.DataFrame, family: str, methods: list[str]) -> ReportTable:
    """Means over problems and seeds: a row per number of points and surrogate."""
    means = rows[rows["family"] == family].groupby(["n", "method"])[list(_METRICS)].mean()
    order = [(n, m) for n in sorted(rows["n"].unique()) for m in methods if (n, m) in means.index]
    frame = means.loc[order].rename(columns=_METRICS).reset_index()
    caption = "Means over problems and seeds; s: processor seconds of fit and predictions."
    formats = dict.fromkeys(_METRICS.values(), ".2f")
    return ReportTable(f"{family}_means", family, caption, frame, {"n": "d", **formats})


def _cell_means(
    rows: pd.DataFrame, results: Results, metric: str, methods: list[str]
) -> pd.DataFrame:
    """The means of several methods over the seeds that all of them have, cell by cell."""
    chosen = rows[rows["method"].isin(methods)]
    return complete_blocks(chosen, results, metric).groupby(level=_CELL, sort=False).mean()


def _opponents_table(rows: pd.DataFrame, results: Results, methods: list[str]) -> ReportTable:
    records = []
    for opponent in methods:
        if opponent == OURS:
            continue
        pair = [OURS, opponent]
        rmse, nlpd = (_cell_means(rows, results, metric, pair) for metric in ("rmse", "nlpd"))
        records.append(
            {
                "opponent": opponent,
                "cells": len(rmse),
                "NLPD below": int((nlpd[OURS] < nlpd[opponent]).sum()),
                "NLPD not": int((nlpd[OURS] >= nlpd[opponent]).sum()),
                "RMSE below": int((rmse[OURS] < rmse[opponent]).sum()),
                "RMSE not": int((rmse[OURS] >= rmse[opponent]).sum()),
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


def head_to_head(rows: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Ours against the best GP of every cell, in hindsight.

    Args:
        rows: Result rows.
        results: The results that they come from.

    Returns:
        One row per cell, a problem and a number of points, and the columns `nlpd_below`: 1 if our
        NLPD, the mean over the seeds, is below that of every GP in the rows, else 0; `rmse_ratio`:
        our RMSE over that of the best multi-task GP, NaN without one; `coverage_95`: our share of
        test values within the 95 % interval.
    """
    gps = [name for name in GPS if name in set(rows["method"])]
    multi_task = [name for name in MULTI_TASK_GPS if name in gps]
    nlpd = _cell_means(rows, results, "nlpd", [OURS, *gps])
    rmse = _cell_means(rows, results, "rmse", [OURS, *multi_task])
    return pd.DataFrame(
        {
            "nlpd_below": (nlpd[OURS] < nlpd[gps].min(axis=1)).astype(float),
            "rmse_ratio": rmse[OURS] / rmse[multi_task].min(axis=1),
            "coverage_95": _cell_means(rows, results, "coverage_95", [OURS])[OURS],
        }
    )


def _head_to_head_table(cells: pd.DataFrame) -> ReportTable:
    labels = cells.index.get_level_values("problem")
    keys = [labels.map(lambda label: PROBLEMS[label].family), cells.index.get_level_values("n")]
    groups = [(f"{family}, n = {n}", part) for (family, n), part in cells.groupby(keys, sort=False)]
    records = []
    for name, part in [*groups, ("all", cells)]:
        below, ratio = part["nlpd_below"].dropna(), part["rmse_ratio"].dropna()
        records.append(
            {
                "cells": name,
                "NLPD below every GP's": int(below.sum()),
                "NLPD not": int(len(below) - below.sum()),
                "RMSE / best multi-task GP's": ratio.mean(),
                "below 1": int((ratio < 1.0).sum()),
                "not": int((ratio >= 1.0).sum()),
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


def _plot(rows: pd.DataFrame, families: list[str], methods: list[str]) -> Figure:
    """Calibration curves, and RMSE and NLPD over the number of points, family by family."""
    # Ours lies on top of what it often coincides with.
    styles = {
        name: {"color": f"C{index}", "marker": ".", "lw": 1.5 + (name == OURS), "zorder": 3 - index}
        for index, name in enumerate(methods)
    }
    width = max(8.0 / len(families), 3.6)
    figure, panels = make_figure(3, len(families), (width, 3.0), share_x=False)
    for column, family in enumerate(families):
        of_family = rows[rows["family"] == family]
        panels[0][column].set_title(family)
        _draw_coverage(panels[0][column], of_family, styles)
        _draw_by_points(panels[1][column], of_family, "rmse", styles)
        _draw_by_points(panels[2][column], of_family, "nlpd", styles)
    for axes, label in zip(panels[1:, 0], ("RMSE", "NLPD"), strict=True):
        axes.set_ylabel(label)
    # A surrogate may be missing from a family.
    lines = {line.get_label(): line for axes in panels[0] for line in axes.get_lines()[1:]}
    figure.legend([lines[name] for name in styles], styles, loc="outside lower center", ncols=3)
    return figure


def _draw_coverage(axes: Axes, rows: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    columns = [f"coverage_{percent}" for percent in PERCENT]
    means = rows.groupby("method")[columns].mean()
    shares = {method: means.loc[method].tolist() for method in styles if method in means.index}
    plot_calibration(shares, styles=styles, axes=axes)


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

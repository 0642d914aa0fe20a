"""The report of the training study: the error curves of the paper's Fig. 8, and its claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.report import Report, ReportTable
from botorch_cll.studies.report.plots import (
    BANDS,
    draw_methods,
    fit_to_lines,
    method_colors,
    shared_legend,
)
from botorch_cll.studies.report.statistics import mean_interval, verdicts
from botorch_cll.studies.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTITIES = {"train_error": "training error", "test_error": "test error"}

_CLAIMS = (("MultiRBF+", "MultiRBF"), ("MultiRBF+ReLU", "MultiRBF"), ("MultiRBF+ReLU", "MultiRBF+"))
_BEYOND = (("MultiRBF+", "SingleRBF"), ("MultiRBF+ReLU", "SingleRBF"))
_WEAK = 0.5
"""The correlation at which the paper claims the activated layer to be the better one."""


def report_fig8(results: Results) -> Report:
    """Draw the error curves and test the paper's claims.

    Args:
        results: The results of the study.

    Returns:
        The report; without results, one that says so.
    """
    config = results.config
    report = Report(
        f"Study {results.study}: Adam, {config['num_steps']} steps, learning rate "
        f"{config['learning_rate']:g} halved after {', '.join(map(str, config['milestones']))}"
    )
    if results.rows.empty:
        report.notes.append(f"None of {results.num_requested} runs is finished.")
        return report
    report.notes.append(results.state)
    report.notes.append(
        f"{config['num_train']} training points in {config['dim']} dimensions (the paper gives "
        "neither), new tasks and data with every seed. Errors are mean squared errors in units of "
        "the variance of the training targets, means over both tasks."
    )
    report.notes.append(BANDS)
    errors = {
        quantity: results.rows.groupby(["correlation", "method", "seed"])[quantity].mean()
        for quantity in QUANTITIES
    }
    report.tables += [claims_table(errors), _errors_table(errors)]
    report.figures["curves"] = _curves(results)
    return report


def claims_table(errors: dict[str, pd.Series]) -> ReportTable:
    """Test the paper's claims about which network has the lower error.

    A ratio of errors is the geometric mean over the seeds of both networks, its interval Student's
    on the logarithm; see `verdicts` for what confirms a claim.

    Args:
        errors: Final errors by correlation, method and seed, for each quantity.

    Returns:
        One row per claim, correlation and quantity.
    """
    records, gains = [], []
    for quantity, series in errors.items():
        table = series.unstack("method").sort_index(ascending=False)
        for first, second in (*_CLAIMS, *_BEYOND):
            if first not in table or second not in table:
                continue
            for p, group in table.groupby(level="correlation", sort=False):
                if first == "MultiRBF+ReLU" and second == "MultiRBF+" and p != _WEAK:
                    continue
                gain = np.log(group[second] / group[first]).dropna()
                gains.append(gain)
                interval = mean_interval(gain)
                records.append(
                    {
                        "claim": f"{first} below {second}",
                        "in": "paper" if (first, second) in _CLAIMS else "here only",
                        "p": p,
                        "error": QUANTITIES[quantity],
                        "seeds": len(gain),
                        "ratio": np.exp(-interval.mean),
                        "from": np.exp(-interval.high),
                        "to": np.exp(-interval.low),
                    }
                )
    for record, verdict in zip(records, verdicts(gains), strict=True):
        record["verdict"] = verdict
    caption = (
        "Ratio of the first network's final error to the second's: geometric mean over seeds with "
        "its 95 % confidence interval, each claim by itself. Confirmed: below 1 by Student's test "
        "of the logarithm at the 5 % level, adjusted for all rows (Holm); refuted: above; else "
        "undecided. Networks before a correlation layer have hidden layers of their own, like "
        "SingleRBF, whereas that of MultiRBF is shared: the comparison with SingleRBF shows the "
        "layer alone."
    )
    formats = dict.fromkeys(("ratio", "from", "to"), ".3f") | {"p": "g", "seeds": "d"}
    return ReportTable("claims", "The paper's claims", caption, pd.DataFrame(records), formats)


def _errors_table(errors: dict[str, pd.Series]) -> ReportTable:
    parts = {
        QUANTITIES[quantity]: series.groupby(level=["correlation", "method"], sort=False).mean()
        for quantity, series in errors.items()
    }
    frame = pd.DataFrame(parts).reset_index()
    frame = frame.sort_values("correlation", ascending=False, kind="stable")
    formats = {"correlation": "g", **dict.fromkeys(QUANTITIES.values(), ".4f")}
    return ReportTable("errors", "Final errors", "Means over the seeds.", frame, formats)


def _curves(results: Results) -> Figure:
    """Errors over the training steps, geometric means of the seeds with confidence bands.

    A row per quantity, a column per correlation.
    """
    index = ["curve", "correlation", "x", "seed", "method"]
    curves = results.curves.groupby(index)["y"].mean().unstack("method")
    correlations = sorted(results.curves["correlation"].unique(), reverse=True)
    methods = [method for method in results.levels["method"] if method in curves.columns]
    colors = method_colors(methods)
    figure, axes = make_figure(len(QUANTITIES), len(correlations), (3.4, 2.8))
    for row, (quantity, title) in zip(axes, QUANTITIES.items(), strict=True):
        for panel, p in zip(row, correlations, strict=True):
            # Of the seeds, those that all networks trained at this correlation have in common.
            errors = curves.loc[(quantity, p), methods].dropna(axis=1, how="all").dropna()
            draw_methods(panel, errors.transform(np.log), colors, log=True)
            if panel.lines:
                fit_to_lines(panel)
            panel.set_title(f"{title}, p = {p:g}", fontsize=9)
    figure.supxlabel("training steps", fontsize=9)
    figure.supylabel("geometric mean of the runs", fontsize=9)
    shared_legend(figure)
    return figure

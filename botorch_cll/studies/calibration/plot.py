"""The picture of the calibration report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from botorch_cll.plots import make_figure, plot_calibration
from botorch_cll.studies.prediction.scores import PERCENT
from botorch_cll.studies.surrogates import OURS


def plot_report(results: pd.DataFrame, out: Path) -> None:
    """Draw, family by family, calibration curves and RMSE and NLPD over the number of points.

    Args:
        results: Rows of the report.
        out: Where to write the picture.
    """
    families = list(results.family.unique())
    # Ours lies on top of what it often coincides with.
    styles = {
        name: {"color": f"C{index}", "marker": ".", "lw": 1.5 + (name == OURS), "zorder": 3 - index}
        for index, name in enumerate(results.surrogate.unique())
    }
    width = max(8.0 / len(families), 3.6)
    figure, rows = make_figure(3, len(families), (width, 3.0), share_x=False)
    for column, family in enumerate(families):
        of_family = results[results.family == family]
        rows[0][column].set_title(family)
        _draw_coverage(rows[0][column], of_family, styles)
        _draw_by_points(rows[1][column], of_family, "rmse", styles)
        _draw_by_points(rows[2][column], of_family, "nlpd", styles)
    for axes, label in zip(rows[1:, 0], ("RMSE", "NLPD"), strict=True):
        axes.set_ylabel(label)
    # A surrogate may be missing from a family.
    lines = {line.get_label(): line for axes in rows[0] for line in axes.get_lines()[1:]}
    handles = [lines[name] for name in styles]
    figure.legend(handles, styles, loc="outside lower center", ncols=3)
    figure.savefig(out, dpi=120)


def _draw_coverage(axes: Any, results: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    columns = [f"coverage_{percent}" for percent in PERCENT]
    means = results.groupby("surrogate", sort=False)[columns].mean()
    shares = {surrogate: row.tolist() for surrogate, row in means.iterrows()}
    plot_calibration(shares, styles=styles, axes=axes)


def _draw_by_points(
    axes: Any, results: pd.DataFrame, metric: str, styles: dict[str, dict[str, Any]]
) -> None:
    means = results.groupby(["n", "surrogate"])[metric].mean().unstack("surrogate")
    for surrogate in results.surrogate.unique():
        axes.plot(means.index, means[surrogate], **styles[surrogate])
    # The densities of surrogates that are far too sure of themselves span orders of magnitude.
    if means.max(axis=None) > 10.0:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set(xlabel="n", xticks=means.index)

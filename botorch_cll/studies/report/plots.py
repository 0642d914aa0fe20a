"""The figures of reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.report.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BANDS = (
    "Bands in figures are 95 % confidence intervals (Student's) of each mean over the seeds. "
    "Methods of a seed share its data, so that they may differ clearly where bands overlap: tables "
    "compare them by seed."
)

_LEGEND_INCHES = 2.2


def draw_methods(axes: Axes, values: pd.DataFrame, colors: Mapping[str, str], log: bool) -> None:
    """Draw the methods' means over seeds with 95 % confidence bands.

    Args:
        axes: Where to draw.
        values: One row per point `x` and `seed` (the two levels of the index), one column per
            method. Points may have different seeds.
        colors: The color of every method.
        log: Whether `values` are logarithms: the means are then drawn as geometric ones, on a
            logarithmic axis.
    """
    if log:
        axes.set_yscale("log")
    alpha = min(0.15, 0.6 / len(values.columns))
    for method in values.columns:
        points = values[method].groupby(level=0)
        intervals = np.array([mean_interval(point) for _, point in points])
        mean, low, high = (np.exp(intervals) if log else intervals).T
        x = list(points.groups)
        marker = "o" if len(x) == 1 else None
        axes.plot(x, mean, label=method, color=colors[method], linewidth=1.4, marker=marker)
        axes.fill_between(x, low, high, color=colors[method], alpha=alpha)


def fit_to_lines(axes: Axes) -> None:
    """Choose the vertical range for the means: bands of few seeds would dwarf them."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array([drawn.min(), drawn.max()]))
    margin = 0.15 * (high - low) or 0.1
    axes.set_ylim(*scale.inverted().transform(np.array([low - margin, high + margin])))


def method_colors(methods: list[str]) -> dict[str, str]:
    """One color per method, the same in all figures of a study."""
    return {method: f"C{index}" for index, method in enumerate(methods)}


def shared_legend(figure: Figure) -> None:
    """One legend above all panels, of whatever is in any of them."""
    lines: dict[str, Any] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    columns = max(1, min(len(lines), int(figure.get_figwidth() / _LEGEND_INCHES)))
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=columns)


def bars(values: pd.DataFrame, title: str, unit: str) -> Figure:
    """Horizontal stacked bars, for quantities of methods.

    Args:
        values: One row per method, one column per part.
        title: The title.
        unit: The unit of the values.

    Returns:
        The figure.
    """
    figure, axes = make_figure(1, 1, (6.4, 0.9 + 0.32 * len(values)))
    (panel,) = axes[0]
    left = np.zeros(len(values))
    for part in values.columns:
        panel.barh(values.index, values[part], left=left, label=part)
        left = left + values[part].to_numpy()
    panel.invert_yaxis()
    panel.set(title=title, xlabel=unit)
    panel.legend(frameon=False)
    return figure

"""The figures of reports."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report.statistics import mean_interval
from botorch_cll.plots import make_figure

BANDS = (
    "Bands in figures are 95 % confidence intervals (Student's) of each mean over the seeds. "
    "Methods of a seed share its data, so that they may differ clearly where bands overlap: tables "
    "compare them by seed."
)

_LEGEND_INCHES = 2.2

Panel = tuple[str, pd.DataFrame]  # a title, and values by point `x` and `seed`, a column per method


def draw_panels(
    grid: Sequence[Sequence[Panel | None]],
    methods: Sequence[str],
    size: tuple[float, float],
    log: bool = False,
    font_size: float | str = "large",
    x_label: str = "",
    y_label: str = "",
) -> tuple[Figure, Any]:
    """Means over seeds with confidence bands, panel by panel; with `log` of logarithms."""
    figure, axes = make_figure(len(grid), len(grid[0]), size)
    lines: dict[str, Any] = {}
    for panel, content in zip(axes.flat, (x for row in grid for x in row), strict=True):
        if content is None:
            panel.set_visible(False)
            continue
        title, values = content
        # Of the seeds, those that all methods of this panel have in common.
        values = values.dropna(axis=1, how="all").dropna()
        if not values.empty:
            _draw_methods(panel, values, methods, log)
        panel.set_title(title, fontsize=font_size)
        lines |= {line.get_label(): line for line in panel.lines}
    figure.supxlabel(x_label, fontsize=9)
    figure.supylabel(y_label, fontsize=9)
    columns = max(1, min(len(lines), int(figure.get_figwidth() / _LEGEND_INCHES)))
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=columns)
    return figure, axes


def _draw_methods(axes: Axes, values: pd.DataFrame, methods: Sequence[str], log: bool) -> None:
    if log:
        axes.set_yscale("log")
    alpha = min(0.15, 0.6 / len(values.columns))
    for method in values.columns:
        points = values[method].groupby(level=0)
        intervals = np.array([mean_interval(point) for _, point in points])
        mean, low, high = (np.exp(intervals) if log else intervals).T
        x = list(points.groups)
        color = f"C{list(methods).index(method)}"
        marker = "o" if len(x) == 1 else None
        axes.plot(x, mean, label=method, color=color, linewidth=1.4, marker=marker)
        axes.fill_between(x, low, high, color=color, alpha=alpha)
    # The vertical range is that of the means: bands of few seeds would dwarf them.
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array([drawn.min(), drawn.max()]))
    margin = 0.15 * (high - low) or 0.1
    axes.set_ylim(*scale.inverted().transform(np.array([low - margin, high + margin])))


def bars(values: pd.DataFrame, title: str, unit: str) -> Figure:
    """Horizontal stacked bars: one row of values per method, one column per part."""
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

"""The figures of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from botorch_cll.studies.report.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def make_figure(num_rows: int, num_columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    """An empty figure that belongs to no global state of matplotlib.

    Args:
        num_rows: The number of rows of panels.
        num_columns: The number of columns of panels.
        size: Width and height of a panel in inches.

    Returns:
        The figure and a `num_rows x num_columns` array of axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * num_columns, size[1] * num_rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_rows, num_columns, squeeze=False, sharex=True)
    return figure, axes


def band(axes: Axes, values: pd.DataFrame, label: str, color: str, log: bool = False) -> None:
    """Draw a mean over seeds and its 95 % confidence band.

    Args:
        axes: Where to draw.
        values: One row per point `x` (the index), one column per seed.
        label: The label.
        color: The color.
        log: Whether `values` are logarithms: the mean is then drawn as a geometric one, on a
            logarithmic axis.
    """
    intervals = np.array([mean_interval(row) for row in values.to_numpy()])
    if log:
        intervals = np.exp(intervals)
        axes.set_yscale("log")
    axes.plot(values.index, intervals[:, 0], label=label, color=color, linewidth=1.4)
    axes.fill_between(values.index, intervals[:, 1], intervals[:, 2], color=color, alpha=0.15)


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
    """One legend above all panels."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 4))


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

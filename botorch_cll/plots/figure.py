"""Figures that belong to no global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botorch.exceptions.errors import InputDataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def make_figure(
    num_rows: int = 1,
    num_columns: int = 1,
    size: tuple[float, float] = (5.0, 3.6),
    share_x: bool = True,
) -> tuple[Figure, Any]:
    """An empty figure that belongs to no global state of matplotlib.

    `size` is width and height of a panel in inches, `share_x` whether the panels share their
    horizontal axis. Next to the figure a `num_rows x num_columns` array of its axes is returned.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Pictures need matplotlib, which is in the extra 'plots': "
            "pip install 'botorch_cll[plots]'",
            name=error.name,
        ) from error

    figure = Figure(figsize=(size[0] * num_columns, size[1] * num_rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(num_rows, num_columns, squeeze=False, sharex=share_x)


def axes_or_new(axes: Axes | None) -> Axes:
    """The axes that were given, or the only ones of a new figure."""
    return make_figure()[1][0, 0] if axes is None else axes


def check_labels(labels: Sequence[str] | None, numbers: Sequence[int], default: str) -> list[str]:
    """The labels that were given, as many as numbers, or `default` followed by each number."""
    if labels is None:
        return [f"{default} {number}" for number in numbers]
    if len(labels) != len(numbers):
        raise InputDataError(f"Expected {len(numbers)} labels, got {len(labels)}: {list(labels)}.")
    return list(labels)

"""How many values lie within the intervals that a model states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from torch import Tensor

from botorch_cll.plots.figure import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""The probabilities of the central intervals that calibration curves are drawn for."""


def interval_coverage(
    mean: Tensor, variance: Tensor, Y: Tensor, levels: Sequence[float] = LEVELS
) -> Tensor:
    """The shares of values within central intervals of Gaussian predictions.

    `mean`, `variance` (observation noise included) and the values `Y` (NaN where there is none) are
    `n x T`-dim tensors. The shares are a `len(levels) x T`-dim tensor and equal to the levels, the
    probabilities of the intervals, for a calibrated model.

    Raises:
        BotorchTensorDimensionError: If the shapes differ.
        InputDataError: If a level is not between 0 and 1.

    Example:
        >>> left_out = model.loo()
        >>> shares = interval_coverage(left_out.mean, left_out.variance, train_Y)
    """
    if not mean.shape == variance.shape == Y.shape or Y.ndim != 2:
        raise BotorchTensorDimensionError(
            "Expected mean, variance and Y of one shape n x T, got "
            f"{tuple(mean.shape)}, {tuple(variance.shape)} and {tuple(Y.shape)}."
        )
    for level in levels:
        if not 0.0 < level < 1.0:
            raise InputDataError(f"Expected levels between 0 and 1, got {level}.")
    # The smallest central interval with a value in it, as a share of the distribution.
    smallest = torch.special.erf((Y - mean).abs() / variance.sqrt() / math.sqrt(2.0))
    within = [(smallest <= level).to(Y).where(~Y.isnan(), torch.nan).nanmean(0) for level in levels]
    return torch.stack(within)


def plot_calibration(
    shares: Mapping[str, Sequence[float] | Tensor],
    levels: Sequence[float] = LEVELS,
    *,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the diagonal and calibration curves: the share of values within an interval, in percent.

    On the diagonal a model is calibrated, below it is too sure of itself, above not sure enough.
    `shares` and `styles` (options of matplotlib's lines) are by the name of the curve.

    Raises:
        InputDataError: If a curve has more or fewer shares than there are levels.

    Example:
        >>> shares = interval_coverage(left_out.mean, left_out.variance, train_Y)
        >>> axes = plot_calibration({"task 0": shares[:, 0], "task 1": shares[:, 1]})
    """
    for name, curve in shares.items():
        if len(curve) != len(levels):
            raise InputDataError(
                f"Expected {len(levels)} shares, one for each level, got {len(curve)} for {name}."
            )
    axes = axes_or_new(axes)
    axes.plot([0, 100], [0, 100], color="0.8", zorder=-10)
    percent = [100.0 * level for level in levels]
    for name, curve in shares.items():
        style = {"marker": "."} | dict((styles or {}).get(name, {}))
        axes.plot(percent, [100.0 * float(share) for share in curve], label=name, **style)
    axes.set(xlabel="central interval [%]", ylabel="values within [%]")
    return axes

"""The best value found so far, over the evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError
from torch import Tensor

from botorch_cll.plots.figure import axes_or_new, check_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def best_so_far(Y: Tensor, maximize: bool = True) -> Tensor:
    """The best value of each task among the first 1, 2, ..., n evaluations.

    `Y` is a `n x T`-dim tensor of observations in the order they were made, NaN where a task was
    not observed. So is the result, NaN until a task is first observed.

    Raises:
        BotorchTensorDimensionError: If `Y` is not two-dimensional.
    """
    if Y.ndim != 2:
        raise BotorchTensorDimensionError(
            f"Expected Y of shape n x T, got {tuple(Y.shape)}: one column per task."
        )
    sign = 1.0 if maximize else -1.0
    gains = (sign * Y).where(~Y.isnan(), -torch.inf).cummax(0).values
    return (sign * gains).where(gains > -torch.inf, torch.nan)


def plot_best_so_far(
    Y: Tensor,
    maximize: bool = True,
    *,
    labels: Sequence[str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw `best_so_far` as a line of steps for each task, the first evaluation at 1.

    Raises:
        BotorchTensorDimensionError: If `Y` is not two-dimensional.
        InputDataError: If there are more or fewer labels than tasks.
    """
    best = best_so_far(Y, maximize).detach().cpu()
    names = check_labels(labels, range(best.shape[-1]), "task")
    axes = axes_or_new(axes)
    for column, name in zip(best.T, names, strict=True):
        axes.plot(range(1, len(best) + 1), column, drawstyle="steps-post", label=name)
    axes.set_xlabel("evaluations")
    return axes

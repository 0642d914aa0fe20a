"""A surrogate along one input, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.plots.figure import axes_or_new, check_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_surrogate(
    model: Model,
    bounds: Tensor,
    dimension: int = 0,
    at: Tensor | None = None,
    *,
    outputs: Sequence[int] | None = None,
    X: Tensor | None = None,
    Y: Tensor | None = None,
    level: float = 0.95,
    observation_noise: bool = False,
    num_points: int = 200,
    labels: Sequence[str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw a line and a band along one input: a model's mean and central interval of each task.

    Args:
        model: Any fitted BoTorch model with `m` outputs.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        dimension: The input to vary.
        at: A `d`-dim tensor with the values of the other inputs; the middle of the box if omitted.
        outputs: The outputs to draw; all if omitted.
        X: A `n x d`-dim tensor of observed points, drawn wherever they are in the other inputs.
        Y: A `n x m`-dim tensor of what was observed there, NaN where nothing was.
        level: The probability of the interval.
        observation_noise: Whether the interval is that of new observations, not of the function.
        num_points: The number of points to draw.
        labels: What to call the outputs drawn.
        axes: Where to draw; a new figure if omitted.

    Raises:
        BotorchTensorDimensionError: If a shape is not as above.
        InputDataError: If the dimension, the level or the number of labels is out of range.

    Example:
        >>> axes = plot_surrogate(model, bounds, X=train_X, Y=train_Y)
        >>> axes.figure.savefig("surrogate.png")
    """
    d = bounds.shape[-1]
    at = bounds.mean(0) if at is None else at
    if not -d <= dimension < d:
        raise InputDataError(f"Expected dimension between {-d} and {d - 1}, got {dimension}.")
    if not 0.0 < level < 1.0:
        raise InputDataError(f"Expected level between 0 and 1, got {level}.")
    if at.shape != (d,):
        raise BotorchTensorDimensionError(f"Expected at of shape ({d},), got {tuple(at.shape)}.")
    if (X is None) != (Y is None) or (X is not None and Y is not None and len(X) != len(Y)):
        raise BotorchTensorDimensionError("Expected X and Y with equally many rows, or neither.")
    chosen = list(range(model.num_outputs)) if outputs is None else list(outputs)
    names = check_labels(labels, chosen, "task")
    grid = at.repeat(num_points, 1)
    low, high = bounds[:, dimension]
    grid[:, dimension] = low + (high - low) * torch.linspace(0.0, 1.0, num_points).to(bounds)
    with torch.no_grad():
        # One point at a time: the joint posterior of all of them is not asked for.
        posterior = model.posterior(grid.unsqueeze(-2), observation_noise=observation_noise)
        mean, std = posterior.mean.squeeze(-2).cpu(), posterior.variance.squeeze(-2).sqrt().cpu()
    half = std * float(torch.special.ndtri(torch.tensor(0.5 * (1.0 + level), dtype=torch.double)))
    x = grid[:, dimension].cpu()
    axes = axes_or_new(axes)
    lower, upper = mean - half, mean + half
    for i, name in zip(chosen, names, strict=True):
        (line,) = axes.plot(x, mean[:, i], label=name)
        color = line.get_color()
        axes.fill_between(x, lower[:, i], upper[:, i], color=color, alpha=0.2, linewidth=0)
        if X is not None and Y is not None:
            axes.plot(X[:, dimension].cpu(), Y[:, i].cpu(), ".", color=color, ms=7)
    axes.set_xlabel(f"x[{dimension % d}]")
    return axes

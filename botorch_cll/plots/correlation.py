"""What the correlation layer of a surrogate has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from botorch.exceptions.errors import ModelFittingError, UnsupportedError
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.nn import CorrelationLearningLayer
from botorch_cll.plots.figure import axes_or_new, check_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def correlation_weights(model: RBFEnsembleModel) -> Tensor:
    """The linear map that the correlation layer makes of the tasks' outputs, mean of the members.

    A layer adds `B p` to the preliminary outputs `p`; this is the identity plus the mean of `B`, a
    `T x T`-dim tensor: entry `(t, s)` is what final output `t` takes of preliminary output `s`,
    both in the scale of the transformed outcomes (standardized, by default).

    Raises:
        ModelFittingError: If the model has not been fitted.
        UnsupportedError: If it has no correlation layer, or one that is not linear.
    """
    if model.fitted is None:
        raise ModelFittingError(f"Expected a fitted {type(model).__name__}, got one that is not.")
    layer = model.fitted.layer
    if not isinstance(layer, CorrelationLearningLayer):
        raise UnsupportedError("Expected a model with a correlation layer, got one without.")
    if not layer.is_linear:
        raise UnsupportedError(
            "Expected a linear correlation layer, got one with activations, which no one matrix "
            "describes."
        )
    weight = layer.weights[0].detach().mean(0)
    return weight + torch.eye(len(weight)).to(weight)


def plot_correlation(
    model: RBFEnsembleModel, *, labels: Sequence[str] | None = None, axes: Axes | None = None
) -> Axes:
    """Draw the matrix of `correlation_weights`, which also says what is raised, with its numbers.

    Raises:
        InputDataError: If there are more or fewer labels than tasks.
    """
    weights = correlation_weights(model).cpu()
    names = check_labels(labels, range(len(weights)), "task")
    axes = axes_or_new(axes)
    largest = max(1.0, float(weights.abs().max()))
    axes.imshow(weights.numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest)
    for row, values in enumerate(weights.tolist()):
        for column, value in enumerate(values):
            color = "white" if abs(value) > 0.6 * largest else "black"
            text = f"{round(value, 2) + 0.0:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="preliminary output", ylabel="final output")
    return axes

"""The paper's fit: all parameters by Adam."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from botorch.exceptions.errors import UnsupportedError
from torch import Tensor

from botorch_cll.fit.calibration import calibrate
from botorch_cll.fit.resampling import draw_bags
from botorch_cll.models.blocks import noise_weights
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.models.left_out import honest_members
from botorch_cll.nn import kmeans_centers

_LATER_RIDGE = 1e-2


@dataclass(frozen=True)
class GradientOptions:
    """Options of the gradient fit; the defaults are the paper's where it states them.

    Attributes:
        num_steps: The number of full-batch Adam steps (not stated in the paper).
        learning_rate: The first learning rate.
        milestones: The steps after which the learning rate is halved.
        sample_fraction: The share of each task's rows that a restart is fitted to. Calibration and
            `model.loo()` go by observations that at least two restarts were not fitted to: with
            few restarts or a share near one there may be too few, with a share of one there is
            none.
        share_hidden_layer: Whether all tasks use the same centers and widths (the paper's
            MultiRBF) instead of training their own.
        callback: Called before the first step and after every step with the number of steps made
            and the model, whose `forward` then gives the restarts' values.

    Raises:
        UnsupportedError: If a value is out of range.
    """

    num_steps: int = 10_000
    learning_rate: float = 1e-4
    milestones: tuple[int, ...] = (1000, 3000, 7000)
    sample_fraction: float = 0.8
    share_hidden_layer: bool = False
    callback: Callable[[int, RBFEnsembleModel], None] | None = None

    def __post_init__(self) -> None:
        if self.num_steps < 0 or not self.learning_rate > 0.0:
            raise UnsupportedError(
                "Expected num_steps >= 0 and learning_rate > 0, got "
                f"{self.num_steps} and {self.learning_rate}."
            )
        if not 0.0 < self.sample_fraction <= 1.0:
            raise UnsupportedError(
                f"Expected sample_fraction in (0, 1], got {self.sample_fraction}."
            )


def fit_gradient(model: RBFEnsembleModel, options: GradientOptions) -> None:
    """Fit all parameters of all restarts by Adam; see `botorch_cll.fit.fit_rbf_ensemble`.

    Centers start from k-means, widths from the mean distance between centers, output weights from
    small random numbers, the correlation layer from the identity. The loss is the mean squared
    error of each restart and task over the restart's rows.

    Args:
        model: The model; its parameters and buffers are set.
        options: The options.

    Raises:
        UnsupportedError: If the model is defined by a closed form.
    """
    if model.solves_tasks_jointly:
        raise UnsupportedError(
            f"Expected method 'two_stage' for a {type(model).__name__}, whose penalties only its "
            "closed form knows; got 'gradient'."
        )
    generator = torch.Generator().manual_seed(model.seed)
    data = model.data
    bags = draw_bags(data.observed, model.num_restarts, options.sample_fraction, generator)
    _start(model, data.X, bags, generator)
    weight = noise_weights(data) * bags
    share = weight / weight.sum(1, keepdim=True).clamp_min(1.0)
    Y = data.Y.nan_to_num(0.0)
    parameters = list(model.parameters())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(parameters, lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(options.milestones), gamma=0.5)
    callback = options.callback or (lambda step, model: None)
    callback(0, model)
    for step in range(1, options.num_steps + 1):
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = (share * (Y - model.mixed_outputs(data.X)[0]).square()).sum()
            loss.backward()
        if options.share_hidden_layer:
            _share_gradients(model)
        optimizer.step()
        schedule.step()
        callback(step, model)
    for parameter in parameters:
        parameter.requires_grad_(False)
        parameter.grad = None
    model.bags = bags
    # The ridge that later observations are taken in with; Adam itself has none.
    model.log_ridge = torch.full_like(model.log_ridge, math.log(_LATER_RIDGE))
    everything = torch.arange(len(data.X), device=data.X.device)
    honest = honest_members(data.observed, bags)
    calibrate(model, *model.mixed_outputs(data.X), honest, everything, generator)


def _share_gradients(model: RBFEnsembleModel) -> None:
    """Give all tasks' hidden layers the gradient of one that they share.

    They start equal, so Adam keeps them equal.
    """
    for parameter in (model.network.centers, model.network.log_length_scale):
        assert parameter.grad is not None
        parameter.grad.copy_(parameter.grad.sum(1, keepdim=True).expand_as(parameter))


def _start(model: RBFEnsembleModel, X: Tensor, bags: Tensor, generator: torch.Generator) -> None:
    """Set the first values of the hidden layer and the output weights."""
    rows = bags.any(-1).unsqueeze(1).to(X)
    num_centers = min(model.num_centers, int((rows > 0).sum(-1).min()))
    model.allocate(num_centers)
    centers = kmeans_centers(X, rows, num_centers, generator)
    network = model.network
    network.centers.data = centers.expand(-1, model.num_tasks, -1, -1).contiguous()
    spread = centers.std(-2) if num_centers > 1 else torch.full_like(centers[..., 0, :], 0.3)
    scale = (spread * X.shape[-1] ** 0.5).clamp_min(0.05).log()
    network.log_length_scale.data = scale.expand(-1, model.num_tasks, -1).contiguous()
    noise = torch.randn(network.weight.shape, generator=generator, dtype=torch.double)
    network.weight.data = (0.1 * noise).to(network.weight)

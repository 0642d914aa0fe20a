"""The paper's fit: all parameters by Adam."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from botorch_cll.data import TaskData
from botorch_cll.data.bags import draw_bags, honest_members
from botorch_cll.data.blocks import noise_weights
from botorch_cll.ensemble import Architecture, Calibration, FittedEnsemble, Members
from botorch_cll.fit.calibration import calibrate
from botorch_cll.fit.options import GradientOptions
from botorch_cll.nn import RBFNetwork, kmeans_centers


def fit_gradient(
    data: TaskData,
    architecture: Architecture,
    options: GradientOptions,
    generator: torch.Generator,
    report: Callable[[int, FittedEnsemble], None],
) -> FittedEnsemble:
    """Fit all parameters of all restarts by Adam; see `botorch_cll.fit.fit_rbf_ensemble`.

    Centers start from k-means, widths from the mean distance between centers, output weights from
    small random numbers, the correlation layer from the identity. The loss is the mean squared
    error of each restart and task over the restart's rows. Before the first step and after every
    step the number of steps made and the ensemble as it is, not calibrated, are reported.
    """
    coupling = architecture.coupling
    coupling.check_gradients()
    size = (architecture.num_restarts, data.num_tasks)
    bags = draw_bags(data.observed, architecture.num_restarts, options.sample_fraction, generator)
    members = _first_members(data, architecture, bags, options, generator)
    layer = coupling.make_layer(*size, architecture.seed, data.X)
    ensemble = FittedEnsemble(coupling, members, layer, Calibration.none(*size, data.X))
    weight = noise_weights(data) * bags.mT
    share = weight / weight.sum(1, keepdim=True).clamp_min(1.0)
    Y = data.Y.nan_to_num(0.0)
    ensemble.requires_grad_(True)
    optimizer = torch.optim.Adam(ensemble.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(options.milestones), gamma=0.5)
    report(0, ensemble)
    for step in range(1, options.num_steps + 1):
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = (share * (Y - ensemble.outputs(data.X)[0]).square()).sum()
            loss.backward()
        if options.share_hidden_layer:
            _share_gradients(members.network)
        optimizer.step()
        schedule.step()
        report(step, ensemble)
    optimizer.zero_grad()
    ensemble.requires_grad_(False)
    outputs, remote = (values.mT for values in ensemble.outputs(data.X))
    rows = torch.arange(len(data.X), device=data.X.device)
    honest = honest_members(data.observed, bags)
    calibrated = calibrate(data, rows, outputs, remote, honest, options.calibration, generator)
    return FittedEnsemble(coupling, members, layer, *calibrated)


def _share_gradients(network: RBFNetwork) -> None:
    """Give the tasks' hidden layers, equal at first, one gradient: so Adam keeps them equal."""
    for parameter in (network.centers, network.log_length_scale):
        assert parameter.grad is not None
        parameter.grad.copy_(parameter.grad.sum(1, keepdim=True).expand_as(parameter))


def _first_members(
    data: TaskData,
    architecture: Architecture,
    bags: Tensor,
    options: GradientOptions,
    generator: torch.Generator,
) -> Members:
    """The networks that Adam starts from, with the tail and ridge of the paper's."""
    X, num_tasks = data.X, data.num_tasks
    rows = bags.any(1).unsqueeze(1).to(X)
    num_centers = min(architecture.num_centers, int((rows > 0).sum(-1).min()))
    centers = kmeans_centers(X, rows, num_centers, generator)
    alone = torch.full_like(centers[..., 0, :], options.single_scale)
    spread = centers.std(-2) if num_centers > 1 else alone
    scale = (spread * X.shape[-1] ** 0.5).clamp_min(options.least_scale).log()
    centers = centers.expand(-1, num_tasks, -1, -1)
    scale = scale.expand(-1, num_tasks, -1).contiguous()
    network = RBFNetwork.of_hidden_layers(centers, scale)
    noise = torch.randn(network.weight.shape, generator=generator, dtype=torch.double)
    network.weight.data = (options.first_weight * noise).to(network.weight)
    size = network.weight.shape[:2]
    log_ridge = X.new_full((*size, architecture.coupling.num_ridges), math.log(options.later_ridge))
    return Members(network, log_ridge, torch.full(size, 2, device=X.device), bags)

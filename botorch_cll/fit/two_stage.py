"""The default fit: closed-form networks first, then the correlation layer, then calibration."""

from dataclasses import replace

import torch
from torch import Tensor

from botorch_cll.data import TaskData
from botorch_cll.data.bags import choose_rows, draw_bags, trusted_members
from botorch_cll.ensemble import Architecture, FittedEnsemble, Members
from botorch_cll.fit.calibration import calibrate
from botorch_cll.fit.hidden_settings import HiddenSettings
from botorch_cll.fit.options import TwoStageOptions
from botorch_cll.fit.search import search_settings
from botorch_cll.nn import RBFNetwork, kmeans_centers


def fit_two_stage(
    data: TaskData,
    architecture: Architecture,
    options: TwoStageOptions,
    generator: torch.Generator,
    known: HiddenSettings | None = None,
) -> FittedEnsemble:
    """Fit an ensemble in two stages, from known settings if there are any, and calibrate it."""
    coupling, seed = architecture.coupling, architecture.seed
    bags = draw_bags(data.observed, architecture.num_restarts, options.sample_fraction, generator)
    settings = search_settings(data, architecture, bags, options, known, generator)
    near = choose_rows(data.observed, options.search.max_center_rows, generator)
    centers = _draw_centers(data.X[near], bags[..., near], architecture, generator)
    network = RBFNetwork.of_hidden_layers(centers, settings.log_length_scale, settings.additive)
    members = Members(network, settings.log_ridge, settings.tail, bags)
    solution = members.solve(coupling, data)
    solution = replace(solution, weight=coupling.fill_in(solution.weight, data, generator))
    network.weight.data = solution.weight.squeeze(-1)
    rows = choose_rows(data.observed, options.search.max_honest_rows, generator)
    outputs, remote = members.out_of_sample(data, rows, solution)
    layer, added = coupling.fit_layer(data, rows, bags[..., rows], outputs, seed)
    trusted = trusted_members(data.observed[rows], bags[..., rows])
    final = outputs + added
    calibrated = calibrate(data, rows, final, remote, trusted, options.calibration, generator)
    return FittedEnsemble(coupling, members, layer, *calibrated)


def _draw_centers(
    X: Tensor, bags: Tensor, architecture: Architecture, generator: torch.Generator
) -> Tensor:
    """Centers by k-means on each member's rows, of all tasks or of each alone: `S x T x K x d`."""
    weight, num_tasks = bags.to(X), bags.shape[1]
    if architecture.coupling.num_hidden_layers(num_tasks) == 1:
        weight = weight.amax(1, keepdim=True)
    available = (weight > 0).sum(-1)
    num_centers = min(architecture.num_centers, int(available.max()))
    # A task with fewer rows of its own fills up with those of the others.
    weight = torch.where((available >= num_centers).unsqueeze(-1), weight, 1.0)
    return kmeans_centers(X, weight, num_centers, generator).expand(-1, num_tasks, -1, -1)

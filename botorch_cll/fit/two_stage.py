"""The default fit: closed-form networks first, then the correlation layer, then calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from botorch.exceptions.errors import UnsupportedError
from torch import Tensor

from botorch_cll.fit.calibration import calibrate
from botorch_cll.fit.layer import fit_hidden_layers, fit_linear_layer, shrink_layer
from botorch_cll.fit.resampling import draw_bags
from botorch_cll.fit.search import (
    Settings,
    draw_settings,
    log_evidence,
    move_settings,
    sample_index,
    score_settings,
    settings_of,
)
from botorch_cll.models.blocks import TaskBlocks, noise_weights
from botorch_cll.models.data import TaskData
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.models.left_out import average_trusted, trusted_members
from botorch_cll.nn import kmeans_centers

_MIN_SCORE_ROWS, _MAX_SCORE_ROWS = 150, 600
_MIN_SCORE_CENTERS, _ROWS_PER_SCORE_CENTER = 40, 8
_MAX_CENTER_ROWS = 2_000
MAX_HONEST_ROWS = 2_000


@dataclass(frozen=True)
class TwoStageOptions:
    """Options of the two-stage fit.

    Attributes:
        sample_fraction: The share of each task's rows that a restart is fitted to.
        num_initial: How many random settings of the hidden layer the search scores first.
        num_candidates: How many settings drawn near good ones each further round scores.
        num_rounds: How many further rounds there are.
        half_rows: How many rows it takes until leave-one-out errors decide between settings with
            half the weight of a likelihood; see `botorch_cll.fit.search.log_evidence`.

    Raises:
        UnsupportedError: If a value is out of range.
    """

    sample_fraction: float = 0.8
    num_initial: int = 96
    num_candidates: int = 24
    num_rounds: int = 6
    half_rows: float = 60.0

    def __post_init__(self) -> None:
        if not 0.0 < self.sample_fraction <= 1.0:
            raise UnsupportedError(
                f"Expected sample_fraction in (0, 1], got {self.sample_fraction}."
            )
        for name, least in (("num_initial", 1), ("num_candidates", 1), ("num_rounds", 0)):
            if getattr(self, name) < least:
                raise UnsupportedError(
                    f"Expected {name} of at least {least}, got {getattr(self, name)}."
                )
        if not self.half_rows >= 0.0:
            raise UnsupportedError(f"Expected half_rows >= 0, got {self.half_rows}.")


def fit_two_stage(
    model: RBFEnsembleModel,
    options: TwoStageOptions,
    warm_start: RBFEnsembleModel | Mapping[str, Tensor] | None = None,
) -> None:
    """Fit a model in two stages and calibrate it; see `botorch_cll.fit.fit_rbf_ensemble`.

    Args:
        model: The model; its parameters and buffers are set.
        options: The options.
        warm_start: A model or state whose settings the search starts from.

    Raises:
        UnsupportedError: If there is no starting from `warm_start`.
    """
    generator = torch.Generator().manual_seed(model.seed)
    data = model.data
    known = None if warm_start is None else settings_of(warm_start, model)
    bags = draw_bags(data.observed, model.num_restarts, options.sample_fraction, generator)
    pool, errors, scored = _search(model, data, known, options, generator)
    index = _choose(model, bags, errors, scored, options, generator)
    centers = _draw_centers(model, data, bags, generator)
    _set_members(model, bags, centers, pool.pick(index))
    solution = model.solution()
    model.network.weight.data = solution.weight.squeeze(-1)
    _draw_tasks_without_data(model, data, generator)
    rows = _choose_rows(data.observed, MAX_HONEST_ROWS, generator)
    outputs, remote = model.out_of_sample_outputs(rows, solution)
    honest = outputs + _fit_correlation_layer(model, data, bags, rows, outputs)
    trusted = trusted_members(data.observed[rows], bags[:, rows])
    calibrate(model, honest, remote, trusted, rows, generator)


def _fit_correlation_layer(
    model: RBFEnsembleModel, data: TaskData, bags: Tensor, rows: Tensor, outputs: Tensor
) -> Tensor:
    """Train the layer on out-of-sample outputs; return what it adds to them, `S x rows x T`.

    Penalties and steps take the tasks in units of their standard deviations, whatever theirs are.
    """
    if model.correlation is None:
        return torch.zeros_like(outputs)
    layer, weight = model.correlation, noise_weights(data)[rows] * data.observed[rows]
    unit = data.variance.sqrt() if layer.can_rescale else torch.ones_like(data.variance)
    outputs, Y = outputs / unit, data.Y[rows] / unit
    if layer.is_linear:
        added = fit_linear_layer(layer, outputs, Y, weight)
        trusted = trusted_members(data.observed[rows], bags[:, rows])
        residual = Y - average_trusted(outputs, trusted)
        added *= shrink_layer(layer, residual, average_trusted(added, trusted), weight)
    else:
        added = fit_hidden_layers(layer, outputs, Y, weight * bags[:, rows])
    layer.rescale(unit)
    return added * unit


def score_size(num_rows: int, num_centers: int) -> tuple[int, int]:
    """How many rows settings are scored on, and with how many centers.

    Half of the rows, 150 at least and 600 at most, and a center for eight of these, 40 at least:
    length scales that are best with few centers are too long with many, and additive networks need
    centers for every input.

    Args:
        num_rows: The number of rows.
        num_centers: The number of centers of the networks.

    Returns:
        Numbers of rows and of centers.
    """
    rows = min(num_rows, max(_MIN_SCORE_ROWS, min(num_rows // 2, _MAX_SCORE_ROWS)))
    centers = max(_MIN_SCORE_CENTERS, rows // _ROWS_PER_SCORE_CENTER)
    return rows, min(centers, num_centers, num_rows)


def _choose_rows(observed: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """All rows, or a sorted random choice of them where there are too many.

    The tasks take turns in choosing, so that one with few rows keeps them beside one with many.

    Args:
        observed: A `n x T`-dim boolean tensor: which tasks were observed in which rows.
        most: How many rows are not too many.
        generator: The source of the choice.

    Returns:
        A tensor of at most `most` row numbers.
    """
    n, device = len(observed), observed.device
    if n <= most:
        return torch.arange(n, device=device)
    order = torch.randperm(n, generator=generator).to(device)
    turn = observed[order].cumsum(0).where(observed[order], n).amin(-1)
    return order[turn.argsort(stable=True)[:most]].sort().values


def _search(
    model: RBFEnsembleModel,
    data: TaskData,
    known: Settings | None,
    options: TwoStageOptions,
    generator: torch.Generator,
) -> tuple[Settings, Tensor, TaskBlocks]:
    """Score settings by leave-one-out over all restarts' rows at once.

    Returns:
        The `C` settings tried, their squared errors (`C x T x b`, in units of the tasks' variances)
        and the rows scored, per task.
    """
    num_rows, num_centers = score_size(len(data.X), model.num_centers)
    if model.solves_tasks_jointly:
        # What the other tasks were observed to be at a point that is left out is left out too.
        blocks = TaskBlocks.of_rows(data, _choose_rows(data.observed, num_rows, generator))
    else:
        blocks = TaskBlocks.from_data(data, per_task=not model.shares_hidden_layer)
        blocks = blocks.sample(num_rows, generator)
    near = data.X[_choose_rows(data.observed, _MAX_CENTER_ROWS, generator)]
    count = (blocks.per_task().weight > 0).sum(-1).to(data.X)
    unit = data.variance.unsqueeze(-1)

    def score(settings: Settings) -> Tensor:
        everywhere = near.new_ones(len(settings), len(near))
        centers = kmeans_centers(near, everywhere, num_centers, generator, num_iterations=0)
        return score_settings(model, data.X, blocks, settings, centers) / unit

    num_new, num_rounds = options.num_initial, options.num_rounds
    if known is not None:
        num_new, num_rounds = max(1, num_new // 4), min(1, num_rounds)
    pool = draw_settings(num_new, data.X.shape[-1], model.num_ridges, generator, data.X)
    if known is not None:
        order = torch.randperm(len(known), generator=generator).to(data.X.device)
        pool = known[order[: options.num_initial // 2]].join(pool)
    errors = score(pool)
    if not model.shares_hidden_layer:
        pool = pool.pick(torch.arange(len(pool)).unsqueeze(-1).expand(-1, model.num_tasks))
    for _ in range(num_rounds):
        mean = errors.sum(-1) / count.clamp_min(1.0)
        evidence = log_evidence(mean, count, model.pooling_rows, options.half_rows)
        if model.shares_hidden_layer:
            # Every new setting descends from one that is good for some task, whichever it is.
            evidence = evidence.log_softmax(-2).logsumexp(-1, keepdim=True)
        parents = sample_index(evidence, options.num_candidates, generator)
        new = move_settings(pool.pick(parents), generator)
        errors = torch.cat([errors, score(new)])
        pool = pool.join(new)
    return pool, errors, blocks.per_task()


def _choose(
    model: RBFEnsembleModel,
    bags: Tensor,
    errors: Tensor,
    scored: TaskBlocks,
    options: TwoStageOptions,
    generator: torch.Generator,
) -> Tensor:
    """Choose a setting for every restart and task by the errors on the restart's own rows.

    Returns:
        A `S x T`-dim tensor of indices.
    """
    in_bag = _gather_rows(bags, scored.index) & (scored.weight > 0)
    share = in_bag.to(errors)
    count = share.sum(-1)
    mean = torch.einsum("ctb,stb->sct", errors, share) / count.clamp_min(1.0).unsqueeze(1)
    evidence = log_evidence(mean, count, model.pooling_rows, options.half_rows)
    return sample_index(evidence, model.num_restarts, generator)


def _gather_rows(bags: Tensor, index: Tensor) -> Tensor:
    """The entries of `S x n x T`-dim bags in each task's rows `index` (`T x b`): `S x T x b`."""
    by_task = bags.movedim(-1, 1)
    return by_task.gather(-1, index.expand(len(bags), -1, -1))


def _draw_centers(
    model: RBFEnsembleModel, data: TaskData, bags: Tensor, generator: torch.Generator
) -> Tensor:
    """Centers of every restart by k-means on its rows: of all tasks, or of each task alone.

    Returns:
        A `S x T x K x d`-dim tensor; `K` is smaller than asked for where there are fewer rows.
    """
    near = _choose_rows(data.observed, _MAX_CENTER_ROWS, generator)
    weight = bags[:, near].movedim(-1, 1).to(data.X)
    if model.shares_hidden_layer:
        weight = weight.amax(1, keepdim=True)
    available = (weight > 0).sum(-1)
    num_centers = min(model.num_centers, int(available.max()))
    # A task with fewer rows of its own fills up with those of the others.
    weight = torch.where((available >= num_centers).unsqueeze(-1), weight, 1.0)
    centers = kmeans_centers(data.X[near], weight, num_centers, generator)
    return centers.expand(-1, model.num_tasks, -1, -1)


def _set_members(
    model: RBFEnsembleModel, bags: Tensor, centers: Tensor, settings: Settings
) -> None:
    """Set what the members' output weights follow from."""
    model.allocate(centers.shape[-2])
    model.bags = bags
    model.network.centers.data = centers.contiguous()
    model.network.log_length_scale.data = settings.log_length_scale
    model.network.additive = settings.additive
    model.log_ridge = settings.log_ridge
    model.tail_degree = settings.tail


def _draw_tasks_without_data(
    model: RBFEnsembleModel, data: TaskData, generator: torch.Generator
) -> None:
    """Give a task without data a constant per restart: all that is known of it is its scale.

    Where the tasks share weights, it has those.
    """
    if model.solves_tasks_jointly:
        return
    without = data.num_observed == 0
    draws = torch.randn(model.num_restarts, 1, generator=generator, dtype=torch.double).to(data.X)
    draws = draws - draws.mean(0)
    constant = model.network.weight[..., model.network.centers.shape[-2]]
    constant.copy_(torch.where(without, data.variance.sqrt() * draws, constant))

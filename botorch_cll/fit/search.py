"""Stage 1a: propose settings of the hidden layer and score them by leave-one-out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from botorch.exceptions.errors import UnsupportedError
from torch import Tensor

from botorch_cll.models.blocks import MAX_ELEMENTS, TaskBlocks
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.nn import gaussian_rbf, polynomial_tail
from botorch_cll.nn.rbf import included_columns, seen_dimensions

_LOG_SCALE_RANGE = (-1.4, 1.8)
_LOG_SCALE_STD = 1.0
_LOG_RIDGE_RANGE = (math.log(1e-4), 0.0)
_ADDITIVE_SHARE = 0.5
_TAILS = 3  # constant, linear, quadratic
_MOVE = 0.4
_TINY_ERROR = 1e-10


@dataclass(frozen=True)
class Settings:
    """A batch of settings of the hidden layer.

    Attributes:
        log_length_scale: A `batch_shape x d`-dim tensor, in the unit cube's scale.
        log_ridge: A `batch_shape x num_ridges`-dim tensor.
        tail: A `batch_shape`-dim tensor, the degree of the polynomial tail: 0, 1 or 2.
        additive: A `batch_shape`-dim boolean tensor: whether each center looks at one dimension
            only.
    """

    log_length_scale: Tensor
    log_ridge: Tensor
    tail: Tensor
    additive: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> Settings:
        """The settings with a function applied to each tensor."""
        return Settings(
            function(self.log_length_scale),
            function(self.log_ridge),
            function(self.tail),
            function(self.additive),
        )

    def __getitem__(self, index: Tensor) -> Settings:
        """Some rows of a batch."""
        return self.map(lambda values: values[index])

    def __len__(self) -> int:
        return len(self.tail)

    def pick(self, index: Tensor) -> Settings:
        """One setting for each entry of a `num x T`-dim tensor of rows.

        Where the batch has a column per task, entry `t` is taken from column `t`.
        """
        column = torch.arange(index.shape[-1], device=index.device)
        column = column.clamp(max=self.tail.shape[-1] - 1).expand_as(index)
        return self.map(lambda values: values[index, column])

    def join(self, other: Settings) -> Settings:
        """These settings and then the others."""
        return Settings(
            torch.cat([self.log_length_scale, other.log_length_scale]),
            torch.cat([self.log_ridge, other.log_ridge]),
            torch.cat([self.tail, other.tail]),
            torch.cat([self.additive, other.additive]),
        )

    def included(self, num_centers: int) -> Tensor:
        """The feature columns that take part, a `batch_shape x P`-dim boolean tensor."""
        return included_columns(self.tail, num_centers, self.log_length_scale.shape[-1])


def settings_of(
    fitted: RBFEnsembleModel | Mapping[str, Tensor], model: RBFEnsembleModel
) -> Settings:
    """The distinct settings of a fitted model, as another one would have them.

    Args:
        fitted: A fitted model or its `state_dict`.
        model: The model to be fitted; its inputs may span another box.

    Returns:
        A `num x 1`-dim batch of settings, in the scale of the unit cube of `model`.

    Raises:
        UnsupportedError: If the state is not of a fitted model of the same input dimension and
            number of ridge parameters.
    """
    state = fitted.state_dict() if isinstance(fitted, RBFEnsembleModel) else fitted
    names = (
        "network.log_length_scale",
        "log_ridge",
        "tail_degree",
        "network.additive",
        "input_scale",
        "is_fitted",
    )
    missing = [name for name in names if name not in state]
    if missing or not bool(state["is_fitted"]):
        raise UnsupportedError(
            "Expected warm_start to be a fitted model of this package or its state_dict, got one "
            + (f"without {missing}." if missing else "that is not fitted.")
        )
    like = model.input_scale
    log_scale, log_ridge, tail, additive, box = (state[name].to(like.device) for name in names[:5])
    expected = (like.shape[-1], model.num_ridges)
    if (log_scale.shape[-1], log_ridge.shape[-1]) != expected:
        raise UnsupportedError(
            "Expected warm_start with (input dimension, ridge parameters) = "
            f"{expected}, got {(log_scale.shape[-1], log_ridge.shape[-1])}."
        )
    log_scale = log_scale.to(like) + (box.to(like) / like).log()
    columns = [
        log_scale,
        *(values.to(like) for values in (log_ridge, tail[..., None], additive[..., None])),
    ]
    distinct = torch.cat(columns, dim=-1).flatten(0, 1).unique(dim=0).unsqueeze(1)
    log_scale, log_ridge, tail, additive = distinct.split([*expected, 1, 1], dim=-1)
    return Settings(log_scale, log_ridge, tail.squeeze(-1).long(), additive.squeeze(-1).bool())


def draw_settings(
    num: int, dim: int, num_ridges: int, generator: torch.Generator, like: Tensor
) -> Settings:
    """Draw settings from the prior.

    Length scales are log-uniform around `sqrt(d / 6)`, the root mean square distance per dimension
    of two uniform points of the unit cube times `sqrt(d)`, with a normal factor per dimension.
    Half of the settings are additive, around `sqrt(1 / 6)`; with one dimension none is. Ridge
    parameters are log-uniform on `[1e-4, 1]`; the degree of the tail is uniform.

    Args:
        num: The number of settings.
        dim: The input dimension `d`.
        num_ridges: The number of ridge parameters.
        generator: The source of random numbers.
        like: A tensor of the dtype and device wanted.

    Returns:
        A `num x 1`-dim batch of settings.
    """

    def uniform(size: int, low: float, high: float) -> Tensor:
        unit = torch.rand(num, 1, size, generator=generator, dtype=torch.double)
        return low + (high - low) * unit

    factor = torch.randn(num, 1, dim, generator=generator, dtype=torch.double)
    additive = (uniform(1, 0.0, 1.0) < _ADDITIVE_SHARE) & (dim > 1)
    looked_at = torch.where(additive, 1.0, additive.new_full((), dim, dtype=torch.double))
    center = 0.5 * (looked_at / 6.0).log()
    return Settings(
        (center + uniform(1, *_LOG_SCALE_RANGE) + _LOG_SCALE_STD * factor).to(like),
        uniform(num_ridges, *_LOG_RIDGE_RANGE).to(like),
        torch.randint(_TAILS, (num, 1), generator=generator).to(like.device),
        additive.squeeze(-1).to(like.device),
    )


def move_settings(settings: Settings, generator: torch.Generator) -> Settings:
    """Settings near given ones: a step in all length scales, one in each, one in the ridge.

    Where the batch has a column per task, all tasks take the same steps.
    """

    def normal(like: Tensor, size: int) -> Tensor:
        steps = torch.randn(len(settings), 1, size, generator=generator, dtype=torch.double)
        return steps.to(like)

    scale, ridge = settings.log_length_scale, settings.log_ridge
    step = _MOVE * (normal(scale, scale.shape[-1]) + 0.5 * normal(scale, 1))
    ridge = ridge + 0.5 * math.log(10.0) * normal(ridge, ridge.shape[-1])
    low, high = _LOG_RIDGE_RANGE
    ridge = ridge.clamp(low, high + math.log(10.0))
    return replace(settings, log_length_scale=scale + step, log_ridge=ridge)


def score_settings(
    model: RBFEnsembleModel,
    X: Tensor,
    blocks: TaskBlocks,
    settings: Settings,
    centers: Tensor,
    max_elements: int = MAX_ELEMENTS,
) -> Tensor:
    """Squared leave-one-out errors of networks with given settings, fitted to all rows of a block.

    Args:
        model: The model, which knows how output weights follow from normal equations.
        X: A `n x d`-dim tensor of inputs in the unit cube.
        blocks: The rows, in `G` groups of tasks.
        settings: A `C x G`- or `C x 1`-dim batch of settings.
        centers: A `C x K x d`-dim tensor of centers.
        max_elements: The number of feature values to hold at a time.

    Returns:
        A `C x T x b`-dim tensor, zero for padding.
    """
    x = X[blocks.index]
    tail = polynomial_tail(x)
    num_columns = centers.shape[-2] + tail.shape[-1]
    at_a_time = max(1, max_elements // (x.shape[0] * x.shape[1] * num_columns))
    errors = []
    for chosen in torch.arange(len(settings)).split(at_a_time):
        some = settings[chosen]
        sees = seen_dimensions(some.log_length_scale, some.additive, centers.shape[-2])
        radial = gaussian_rbf(
            x,
            centers[chosen].unsqueeze(1),
            some.log_length_scale.exp(),
            sees,
        )
        phi = torch.cat([radial, tail.expand(*radial.shape[:-1], -1)], dim=-1)
        weighted = (phi * blocks.weight.unsqueeze(-1)).transpose(-1, -2)
        groups = phi.shape[:2]
        solution = model.solve_output_weights(
            weighted @ phi,
            weighted @ blocks.Y,
            some.log_ridge.exp().expand(*groups, -1),
            some.included(centers.shape[-2]).expand(*groups, -1),
        )
        left_out = solution.leave_one_out(phi, blocks.weight, blocks.Y)
        squared = (blocks.Y - left_out).square() * blocks.weight.unsqueeze(-1)
        errors.append(squared.movedim(-1, -2).flatten(1, 2))
    return torch.cat(errors)


def log_evidence(errors: Tensor, count: Tensor, pooling_rows: float, half_rows: float) -> Tensor:
    r"""How much the leave-one-out errors speak for each setting, on a log scale.

    A task with `n` rows weighs its own mean squared error, relative to the best setting's, with `n`
    rows and the mean over all tasks with `pooling_rows`; with `r` the weighted mean the score is
    `-n / 2 * log r`, times `n / (n + half_rows)`. The first factor is the log-likelihood of `n`
    normal errors at their own variance, which leave-one-out errors make a predictive one (Geisser
    and Eddy 1979). Pooling and the second factor are our own: errors of few rows say little of the
    errors elsewhere, and the best of many settings is best by luck.

    Args:
        errors: A `batch_shape x C x T`-dim tensor of mean squared errors, in units of the variance
            of the task's targets.
        count: A `batch_shape x T`-dim tensor: how many rows each task has in them.
        pooling_rows: The weight of the other tasks, in rows; may be infinite.
        half_rows: How many rows it takes for half the weight of the likelihood.

    Returns:
        A `batch_shape x C x T`-dim tensor.
    """
    errors = errors.clamp_min(_TINY_ERROR)
    relative = errors / errors.amin(-2, keepdim=True)
    rows = count.unsqueeze(-2)
    total = rows.sum(-1, keepdim=True)
    pooled = (relative * rows).sum(-1, keepdim=True) / total.clamp_min(1.0)
    if math.isinf(pooling_rows):
        relative, rows = pooled.expand_as(relative), total.expand_as(rows)
    elif pooling_rows > 0:
        relative = (rows * relative + pooling_rows * pooled) / (rows + pooling_rows)
    trust = rows / (rows + half_rows).clamp_min(1.0)
    return -0.5 * trust * rows * relative.log()


def sample_index(log_weight: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Draw indices with probabilities proportional to `exp(log_weight)` (the Gumbel trick).

    Args:
        log_weight: A `C x T`-dim tensor, or `num x C x T`-dim with weights for each draw.
        num: The number of draws.
        generator: The source of random numbers.

    Returns:
        A `num x T`-dim tensor of indices. The draws of the tasks share their random numbers, so
        that tasks of equal weights get equal indices.
    """
    uniform = torch.rand(num, log_weight.shape[-2], 1, generator=generator, dtype=torch.double)
    gumbel = -(-uniform.clamp_min(1e-300).log()).clamp_min(1e-300).log()
    return (log_weight + gumbel.to(log_weight)).argmax(dim=-2)

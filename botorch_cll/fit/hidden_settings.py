"""Settings of the hidden layer: a batch of them, drawn from a prior or near good ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from botorch.exceptions import UnsupportedError
from torch import Tensor

from botorch_cll.ensemble.fitted import upgrade_state
from botorch_cll.settings import SearchSettings


@dataclass(frozen=True)
class HiddenSettings:
    """A batch of settings of the hidden layer."""

    log_length_scale: Tensor  #: `batch_shape x d`, in the unit cube's scale
    log_ridge: Tensor  #: `batch_shape x num_ridges`
    tail: Tensor  #: `batch_shape`, the degree of the polynomial tail; 0, 1 or 2
    additive: Tensor  #: `batch_shape`, boolean; whether each center looks at one input only

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return self.log_length_scale, self.log_ridge, self.tail, self.additive

    def map(self, function: Callable[[Tensor], Tensor]) -> HiddenSettings:
        """The settings with a function applied to each tensor."""
        return HiddenSettings(*map(function, self._tensors))

    def __getitem__(self, index: Tensor) -> HiddenSettings:
        """Some rows of a batch."""
        return self.map(lambda values: values[index])

    def __len__(self) -> int:
        return len(self.tail)

    def pick(self, index: Tensor) -> HiddenSettings:
        """A setting for each of `num x T` rows, of the task's own column where there is one."""
        column = torch.arange(index.shape[-1], device=index.device)
        column = column.clamp(max=self.tail.shape[-1] - 1).expand_as(index)
        return self.map(lambda values: values[index, column])

    def join(self, other: HiddenSettings) -> HiddenSettings:
        """These settings and then the others."""
        pairs = zip(self._tensors, other._tensors, strict=True)
        return HiddenSettings(*map(torch.cat, pairs))


def known_settings(
    state: Mapping[str, Tensor], input_scale: Tensor, num_ridges: int
) -> HiddenSettings:
    """The distinct settings in a fitted model's state, a `num x 1`-dim batch.

    Their scale is the unit cube of the model with the sides `input_scale`. A state of no fitted
    model, or of another input dimension or number of ridges, is an `UnsupportedError`.
    """
    state, of_members = upgrade_state(state), "fitted.members."
    names = ("network.log_length_scale", "log_ridge", "tail_degree", "network.additive")
    needed = ["input_scale", *(of_members + name for name in names)]
    missing = [name for name in needed if name not in state]
    if missing:
        not_fitted = "rows_fingerprint" in state and len(missing) == len(names)
        raise UnsupportedError(
            "Expected warm_start to be a fitted model of this package or its state_dict, got one "
            + ("that is not fitted." if not_fitted else f"without {missing}.")
        )
    like = input_scale
    box, log_scale, log_ridge, tail, additive = (state[name].to(like.device) for name in needed)
    expected = (like.shape[-1], num_ridges)
    if (log_scale.shape[-1], log_ridge.shape[-1]) != expected:
        raise UnsupportedError(
            "Expected warm_start with (input dimension, ridge parameters) = "
            f"{expected}, got {(log_scale.shape[-1], log_ridge.shape[-1])}."
        )
    log_scale = log_scale.to(like) + (box.to(like) / like).log()
    rest = (values.to(like) for values in (log_ridge, tail[..., None], additive[..., None]))
    distinct = torch.cat([log_scale, *rest], dim=-1).flatten(0, 1).unique(dim=0).unsqueeze(1)
    log_scale, log_ridge, tail, additive = distinct.split([*expected, 1, 1], dim=-1)
    return HiddenSettings(log_scale, log_ridge, tail[..., 0].long(), additive[..., 0].bool())


def draw_settings(
    num: int, num_ridges: int, search: SearchSettings, generator: torch.Generator, like: Tensor
) -> HiddenSettings:
    """Draw a `num x 1`-dim batch of settings from the prior.

    Length scales are log-uniform around `sqrt(d / 6)`, the root mean square distance per dimension
    of two uniform points of the unit cube times `sqrt(d)`, with a normal factor per dimension.
    Additive settings are around `sqrt(1 / 6)`; with one dimension none is. Ridge parameters
    are log-uniform; the degree of the tail is uniform.
    """

    def uniform(size: int, low: float, high: float) -> Tensor:
        unit = torch.rand(num, 1, size, generator=generator, dtype=torch.double)
        return low + (high - low) * unit

    dim = like.shape[-1]
    factor = torch.randn(num, 1, dim, generator=generator, dtype=torch.double)
    additive = (uniform(1, 0.0, 1.0) < search.additive_share) & (dim > 1)
    looked_at = torch.where(additive, 1.0, additive.new_full((), dim, dtype=torch.double))
    center = 0.5 * (looked_at / 6.0).log()
    log_scale = center + uniform(1, *search.log_scale_range) + search.log_scale_std * factor
    log_ridge = uniform(num_ridges, *map(math.log, search.ridge_range)).to(like)
    tail = torch.randint(3, (num, 1), generator=generator)
    rest = (values.to(like.device) for values in (tail, additive.squeeze(-1)))
    return HiddenSettings(log_scale.to(like), log_ridge, *rest)


def move_settings(
    settings: HiddenSettings, search: SearchSettings, generator: torch.Generator
) -> HiddenSettings:
    """Settings near given ones: a step in all scales, in each, in the ridge; one for all tasks."""

    def normal(like: Tensor, size: int) -> Tensor:
        steps = torch.randn(len(settings), 1, size, generator=generator, dtype=torch.double)
        return steps.to(like)

    scale, ridge = settings.log_length_scale, settings.log_ridge
    step = search.move * (normal(scale, scale.shape[-1]) + 0.5 * normal(scale, 1))
    low, high = map(math.log, search.ridge_range)
    ridge = ridge + search.ridge_move * normal(ridge, ridge.shape[-1])
    ridge = ridge.clamp(low, high + math.log(10.0))
    return replace(settings, log_length_scale=scale + step, log_ridge=ridge)

"""Observations that came after a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AddedRows:
    """Observations that came after a fit; `batch_shape` broadcasts to `batch_shape'`."""

    X: Tensor  #: `batch_shape x k x d`, inputs in the unit cube
    Y: Tensor  #: `batch_shape' x k x T`, transformed targets, NaN where a task was not observed
    row_weight: Tensor  #: the weights of the observations, which broadcast to the shape of `Y`

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the targets."""
        return self.Y.shape[:-2]

    def join(self, other: AddedRows) -> AddedRows:
        """These rows and then others, whose batch shape broadcasts with that of these."""
        weight = _cat_rows(self.row_weight, other.row_weight)
        return AddedRows(_cat_rows(self.X, other.X), _cat_rows(self.Y, other.Y), weight)

    def map(self, function: Callable[[Tensor], Tensor]) -> AddedRows:
        """The rows with a function applied to each tensor."""
        return AddedRows(function(self.X), function(self.Y), function(self.row_weight))


def _cat_rows(first: Tensor, second: Tensor) -> Tensor:
    batch = torch.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    return torch.cat([t.expand(*batch, *t.shape[-2:]) for t in (first, second)], dim=-2)

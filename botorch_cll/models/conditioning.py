"""Rows that a fitted model is conditioned on, by an exact update of every member's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from botorch_cll.nn import RBFNetwork, gaussian_rbf
from botorch_cll.nn.ridge import RidgeSolution


@dataclass(frozen=True)
class AddedRows:
    """Observations that came after the fit.

    Attributes:
        X: A `batch_shape x k x d`-dim tensor of inputs in the unit cube.
        Y: A `batch_shape' x k x T`-dim tensor of transformed targets, NaN where a task was not
            observed; `batch_shape` broadcasts to `batch_shape'`.
        row_weight: A tensor of the weights of the observations that broadcasts to the shape of `Y`.
    """

    X: Tensor
    Y: Tensor
    row_weight: Tensor

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the targets."""
        return self.Y.shape[:-2]

    def join(self, other: AddedRows) -> AddedRows:
        """These rows and then others, whose batch shape broadcasts with that of these."""
        return AddedRows(
            *[
                _cat_rows(mine, theirs)
                for mine, theirs in (
                    (self.X, other.X),
                    (self.Y, other.Y),
                    (self.row_weight, other.row_weight),
                )
            ]
        )

    def map(self, function: Callable[[Tensor], Tensor]) -> AddedRows:
        """The rows with a function applied to each tensor."""
        return AddedRows(function(self.X), function(self.Y), function(self.row_weight))

    def output_weights(self, network: RBFNetwork, solution: RidgeSolution) -> Tensor:
        """The output weights of a fit to the old and the added rows.

        Args:
            network: The networks as they were fitted.
            solution: The solution that their output weights are.

        Returns:
            A `batch_shape' x S x T x P`-dim tensor.
        """
        batch = self.batch_shape
        if self.X.shape[-2] == 0:
            return network.weight.expand(*batch, *network.weight.shape)
        # Where only the targets differ over leading dimensions, the rows are worked on once.
        lead = len(batch) - len(self.X.shape[:-2])
        weight_varies = any(size > 1 for size in self.row_weight.shape[:-2][:lead])
        if self.X.shape[:-2] != batch[lead:] or weight_varies:
            lead = 0
        sets = batch[lead:]
        X = self.X.expand(*sets, -1, -1).flatten(0, -3) if sets else self.X.unsqueeze(0)
        weight = self.row_weight
        weight = weight.view(weight.shape[-(len(sets) + 2) :])
        weight = weight.expand(*sets, *self.Y.shape[-2:]).reshape(*X.shape[:2], -1)
        Y = self.Y.reshape(-1, *X.shape[:2], self.Y.shape[-1]).movedim(-1, 0).movedim(1, -1)
        phi = network.features(X.flatten(0, 1)).unflatten(-2, X.shape[:2])
        fitted = (phi @ network.weight[:, :, None, :, None]).squeeze(-1)
        residual = Y.nan_to_num(0.0) - fitted.unsqueeze(-1)
        change = solution.update(phi, weight.movedim(-1, 0), residual)
        change = change.movedim((-1, 2), (0, 1)).reshape(*batch, *network.weight.shape)
        return network.weight + change

    def support(self, network: RBFNetwork, X: Tensor) -> Tensor:
        """What the added rows count for as centers near `X`.

        Args:
            network: The networks.
            X: A `batch_shape'' x q x d`-dim tensor of points in the unit cube.

        Returns:
            A `batch_shape'' x S x q x T`-dim tensor, broadcast with the rows' batch shape.
        """
        radial = gaussian_rbf(
            X[..., None, None, :, :], self.X[..., None, None, :, :], network.log_length_scale.exp()
        )
        counted = (self.row_weight > 0).to(radial).transpose(-1, -2)[..., None, :, None, :]
        return (radial.square() * counted).sum(-1).transpose(-1, -2)


def _cat_rows(first: Tensor, second: Tensor) -> Tensor:
    batch = torch.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    return torch.cat([t.expand(*batch, *t.shape[-2:]) for t in (first, second)], dim=-2)

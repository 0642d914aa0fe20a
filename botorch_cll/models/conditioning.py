"""Rows that a fitted model is conditioned on, by an update of every member in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.models.utils import fantasize as fantasize_flag
from torch import Tensor

from botorch_cll.models.blocks import weights_like
from botorch_cll.models.data import check_finite, check_noise
from botorch_cll.nn import CorrelationLearningLayer, RBFNetwork, gaussian_rbf
from botorch_cll.nn.ridge import RidgeSolution

if TYPE_CHECKING:
    from botorch_cll.models.ensemble import RBFEnsembleModel

_LEAST_SHARE = 1e-9


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

    def output_weights(
        self,
        network: RBFNetwork,
        solution: RidgeSolution,
        layer: CorrelationLearningLayer | None,
    ) -> Tensor:
        r"""Output weights of networks that together are the members after the added rows.

        Without a layer they are those of a fit to the old and the added rows. With one, the
        members' final outputs `f = l(p)` take in what is new to *them*: with the residuals
        `e = y - f` in the added rows and a ridge update `U_t`, as a fit would make it of the
        residuals of task `t`,

        .. math:: f'_t = f_t + c_t + U_t(e_t - c_t), \qquad
            c_t = l_t(p + U_{\ne t}(e_{\ne t})) - l_t(p)

        so that a task learns of what its own network sees, and through the layer of what others
        see. The rows of task `t` have the weight of a fit times the share
        `min(1, var(f_t) / var(p_t))` of the variance between members that the layer leaves of the
        task: a task that the layer predicts well from others is not thrown by one observation.

        Args:
            network: The networks as they were fitted.
            solution: The solution that their output weights are.
            layer: The correlation layer, if there is one.

        Returns:
            A `batch_shape' x S x T x P x 1`-dim tensor, the weights of `f'`; with a layer
            `batch_shape' x S x T x P x 3`, those of `p`, of `U(e)` and of `U(e - c)`.
        """
        batch = self.batch_shape
        old = network.weight.expand(*batch, *network.weight.shape)
        if self.X.shape[-2] == 0:
            none = torch.zeros_like(old)
            return torch.stack([old] if layer is None else [old, none, none], dim=-1)
        # Where only the targets differ over leading dimensions, the rows are worked on once.
        lead = len(batch) - len(self.X.shape[:-2])
        weight_varies = any(size > 1 for size in self.row_weight.shape[:-2][:lead])
        if self.X.shape[:-2] != batch[lead:] or weight_varies:
            lead = 0
        sets = batch[lead:]
        X = self.X.expand(*sets, -1, -1).flatten(0, -3) if sets else self.X.unsqueeze(0)
        weight = self.row_weight
        weight = weight.view(weight.shape[-(len(sets) + 2) :])
        weight = weight.expand(*sets, *self.Y.shape[-2:]).reshape(*X.shape[:2], -1).movedim(-1, 0)
        Y = self.Y.reshape(-1, *X.shape[:2], self.Y.shape[-1]).movedim(-1, 0).movedim(1, -1)
        phi = network.features(X.flatten(0, 1)).unflatten(-2, X.shape[:2])

        def as_weights(change: Tensor) -> Tensor:
            return change.movedim((-1, 2), (0, 1)).reshape(*batch, *network.weight.shape)

        fitted = (phi @ network.weight[:, :, None, :, None]).squeeze(-1)
        if layer is None:
            residual = Y.nan_to_num(0.0) - fitted.unsqueeze(-1)
            return (old + as_weights(solution.update(phi, weight, residual))).unsqueeze(-1)
        # The layer takes tasks last: B x S x k x T in place of S x T x B x k.
        preliminary = fitted.permute(2, 0, 3, 1)
        final = layer(preliminary)
        weight = weight * _share_left(preliminary, final).permute(2, 0, 1)
        residual = Y.nan_to_num(0.0) - final.permute(1, 3, 0, 2).unsqueeze(-1)
        first = solution.update(phi, weight, residual)
        change = (phi @ first).permute(4, 2, 0, 3, 1)
        passed = layer.passed_on(preliminary.expand_as(change), change).permute(2, 4, 1, 3, 0)
        own = solution.update(phi, weight, residual - passed)
        return torch.stack([old, as_weights(first), as_weights(own)], dim=-1)

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


def rows_to_add(model: RBFEnsembleModel, X: Tensor, Y: Tensor, noise: Tensor | None) -> AddedRows:
    """Further observations as a model sees them; see `condition_on_observations`.

    Args:
        model: A fitted model.
        X: A `batch_shape x n' x d`-dim tensor of inputs.
        Y: A `batch_shape' x n' x m`-dim tensor of targets.
        noise: A tensor of noise variances that broadcasts to the shape of `Y`, or `None`.

    Returns:
        The rows, of which `batch_shape` broadcasts with that of the model.

    Raises:
        BotorchTensorDimensionError: If shapes do not fit together.
        InputDataError: If a dtype is not that of the model, an input is not finite, a variance is
            negative or infinite, or a target has no finite value on the scale of the outcome
            transform.
    """
    for name, tensor in (("Y", Y), ("noise", noise)):
        if tensor is not None and not isinstance(tensor, Tensor):
            raise InputDataError(f"Expected {name} to be a tensor, got {type(tensor).__name__}.")
    task = model._check_inputs(X)
    if not bool(X.isfinite().all()):
        raise InputDataError(
            f"Expected finite X, got {int((~X.isfinite()).sum())} entries that are NaN or infinite."
        )
    num_columns = model.num_outputs if task is None else 1
    if Y.ndim < 2 or Y.shape[-2:] != (X.shape[-2], num_columns):
        raise BotorchTensorDimensionError(
            f"Expected Y of shape batch_shape x {X.shape[-2]} x {num_columns}, got "
            f"{tuple(Y.shape)} for X of shape {tuple(X.shape)}."
        )
    try:
        batch = torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2], model.batch_shape)
    except RuntimeError as error:
        raise BotorchTensorDimensionError(
            f"Expected batch shapes that broadcast, got {tuple(X.shape[:-2])} of X, "
            f"{tuple(Y.shape[:-2])} of Y and {tuple(model.batch_shape)} of the model."
        ) from error
    if noise is not None:
        if not _broadcasts_to(noise.shape, (*batch, *Y.shape[-2:])):
            raise BotorchTensorDimensionError(
                f"Expected noise that broadcasts to shape {(*batch, *Y.shape[-2:])}, got "
                f"{tuple(noise.shape)}."
            )
        check_noise("noise", noise)
    model.eval()
    with fantasize_flag():
        X = model._transformed(X, with_task=task is not None)
    Y = model.tasks.by_task(Y.expand(*batch, *Y.shape[-2:]), task)
    observed = ~Y.isnan()
    if hasattr(model, "outcome_transform"):
        Y = model._map_outcomes(model.outcome_transform, Y, X)
    check_finite(Y, ~observed)
    if noise is None:
        Yvar = Y.new_full((X.shape[-2], model.num_tasks), torch.nan)
    else:
        Yvar = model.tasks.by_task(
            noise.expand(*noise.shape[:-2], *Y.shape[-2:-1], num_columns), task
        )
    # A mask that all batches share keeps the weights small.
    first = observed[(0,) * len(batch)]
    if bool((observed == first).all()):
        observed = first
    return AddedRows(
        X=model._to_unit_cube(model.tasks.without_task(X)),
        Y=Y,
        row_weight=weights_like(model.data, Yvar) * observed,
    )


def _share_left(preliminary: Tensor, final: Tensor) -> Tensor:
    """The share of the variance between members that a layer leaves, 1 at most.

    Args:
        preliminary: A `B x S x k x T`-dim tensor of what goes into the layer.
        final: A `B x S x k x T`-dim tensor of what comes out.

    Returns:
        A `B x k x T`-dim tensor; 1 for a single member.
    """
    if final.shape[1] == 1:
        return torch.ones_like(final[:, 0])
    tiny = torch.finfo(final.dtype).tiny
    share = (final.var(1) + tiny) / (preliminary.var(1) + tiny)
    return share.clamp(_LEAST_SHARE, 1.0)


def _broadcasts_to(shape: torch.Size, target: tuple[int, ...]) -> bool:
    try:
        return torch.broadcast_shapes(shape, target) == target
    except RuntimeError:
        return False


def _cat_rows(first: Tensor, second: Tensor) -> Tensor:
    batch = torch.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    return torch.cat([t.expand(*batch, *t.shape[-2:]) for t in (first, second)], dim=-2)

"""Predictions of training data by the members that have not seen them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from botorch_cll.models.blocks import MAX_ELEMENTS

if TYPE_CHECKING:
    from botorch_cll.models.ensemble import RBFEnsembleModel


@dataclass(frozen=True)
class LeftOut:
    """Predictive means and variances of training observations by members that were fitted without.

    Attributes:
        mean: A tensor of the shape of `train_Y` (wide data: one column per output), in the scale
            of the targets, NaN where there is no observation.
        variance: A tensor of that shape, observation noise included.
    """

    mean: Tensor
    variance: Tensor


def left_out_moments(predictions: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means and variances over the members that have not seen a row.

    Args:
        predictions: A `S x n x T`-dim tensor of members' predictions.
        trusted: A `S x n x T`-dim boolean tensor: predictions of rows that the member has not seen.

    Returns:
        Two `n x T`-dim tensors, and a boolean one that is true where there are at least two such
        members (one, if the ensemble has no more).
    """
    share = trusted.to(predictions)
    count = share.sum(0)
    mean = (share * predictions).sum(0) / count.clamp_min(1.0)
    variance = (share * (predictions - mean).square()).sum(0) / (count - 1.0).clamp_min(1.0)
    return mean, variance, count >= min(2, len(predictions))


def average_trusted(values: Tensor, trusted: Tensor) -> Tensor:
    """The means over trusted members of `S x n x T`-dim values, a `n x T`-dim tensor."""
    share = trusted.to(values)
    return (share * values).sum(0) / share.sum(0).clamp_min(1.0)


def honest_members(observed: Tensor, bags: Tensor) -> Tensor:
    """Which members have not seen which observations, where there are two of them at least.

    Args:
        observed: A `n x T`-dim boolean tensor.
        bags: A `S x n x T`-dim boolean tensor: what each member was fitted to.

    Returns:
        A `S x n x T`-dim boolean tensor, false for all members where fewer than two (one, if the
        ensemble has no more) have not seen an observation.
    """
    unseen = observed & ~bags
    return unseen & (unseen.sum(0) >= min(2, len(bags)))


def trusted_members(observed: Tensor, bags: Tensor) -> Tensor:
    """Which members' predictions of which observations to use where all of them are honest.

    Args:
        observed: A `n x T`-dim boolean tensor.
        bags: A `S x n x T`-dim boolean tensor: what each member was fitted to.

    Returns:
        A `S x n x T`-dim boolean tensor: `honest_members`, and where there are none all members,
        whose predictions have to leave the row out instead.
    """
    honest = honest_members(observed, bags)
    return honest | (observed & ~honest.any(0))


def predict_left_out(model: RBFEnsembleModel) -> LeftOut:
    """Predictions of all training observations; see `RBFEnsembleModel.loo`.

    Args:
        model: A model that knows its rows.

    Returns:
        Means and variances in the order and scale of the model's `train_Y`.
    """
    data = model.data
    moments = data.Y.new_full((2, *data.Y.shape), torch.nan)
    moments[:, model.left_out_rows] = model.left_out
    rest = torch.ones_like(data.observed[:, 0])
    rest[model.left_out_rows] = False
    if bool(rest.any()):
        # The weights of a task without data are drawn, not solved for.
        solution = replace(model.solution(), weight=model.network.weight.unsqueeze(-1))
        at_a_time = max(1, MAX_ELEMENTS // (model.num_restarts * model.num_tasks))
        for rows in rest.nonzero().squeeze(-1).split(at_a_time):
            outputs, remote = model.out_of_sample_outputs(rows, solution)
            if model.correlation is not None:
                outputs = model.correlation(outputs)
            trusted = trusted_members(data.observed[rows], model.bags[:, rows])
            moments[:, rows] = torch.stack(model.calibrated_moments(outputs, remote, trusted))
    mean, variance = moments
    noise = model.noise.expand_as(mean)
    if data.Yvar is not None:
        noise = torch.where(data.Yvar.isnan(), noise, data.Yvar)
    X = model.tasks.with_task(model._rows_X, model.output_tasks[0])
    mean, std = model._untransform_moments(mean, (variance + noise).sqrt(), X)
    return LeftOut(_as_given(model, mean), _as_given(model, std.square()))


def _as_given(model: RBFEnsembleModel, values: Tensor) -> Tensor:
    """Bring `n x T` values of canonical rows into the order and shape of `train_Y`."""
    given = torch.full_like(model.train_Y, torch.nan)
    if model.tasks.feature is None:
        row, task = (~model.train_Y.isnan()).nonzero(as_tuple=True)
        given[row, task] = values[model._row, task]
        return given[:, list(model.tasks.outputs)]
    keep = ~model.train_Y[:, 0].isnan()
    given[keep, 0] = values[model._row, model.tasks.index(model.train_X[keep])]
    return given

"""Predictions of training data by the members that have not seen them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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

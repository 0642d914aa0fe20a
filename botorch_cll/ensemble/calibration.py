"""How far the members of an ensemble spread, and what that makes of rows left out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from botorch_cll.data.bags import average_trusted


@dataclass(frozen=True)
class Calibration:
    """The variances that make the members' spread an honest one."""

    inflation: Tensor  #: `T`, the factor `τ` on the members' variance
    remote_variance: Tensor  #: `T`, the variance `α` far from all centers
    remote_sign: Tensor  #: `S x T`, which way members leave their mean there
    noise: Tensor  #: `T`, the variance `σ^2` of the observation noise

    @classmethod
    def none(cls, num_restarts: int, num_tasks: int, like: Tensor) -> Calibration:
        """That of members which are taken as they are."""
        one = like.new_ones(num_tasks)
        return cls(one, one.clone(), like.new_zeros(num_restarts, num_tasks), one.clone())

    def spread(self, values: Tensor, remote: Tensor) -> Tensor:
        """The members' `batch_shape x S x n x T`-dim values, spread by `τ` and `α`."""
        mean, apart = values.mean(dim=-3, keepdim=True), self.remote_sign.unsqueeze(-2) * remote
        values = mean + self.inflation.sqrt() * (values - mean)
        return values + self.remote_variance.sqrt() * (apart - apart.mean(dim=-3, keepdim=True))

    def left_out_moments(self, outputs: Tensor, remote: Tensor, trusted: Tensor) -> Tensor:
        """Means and calibrated variances, without noise, over the members that have not seen a row.

        They are `2 x T x n`-dim, NaN where `left_out_moments` has none.
        """
        mean, variance, used = left_out_moments(outputs, trusted)
        squared = average_trusted(remote.square(), trusted)
        inflation, remote_variance = self.inflation[:, None], self.remote_variance[:, None]
        variance = inflation * variance + remote_variance * squared
        return torch.stack([mean, variance]).where(used, torch.nan)


def left_out_moments(predictions: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means and variances of `S x T x n`-dim predictions over the trusted ones.

    With them comes a boolean tensor: where there are two at least (one, if there is no more).
    """
    share = trusted.to(predictions)
    count = share.sum(0)
    mean = (share * predictions).sum(0) / count.clamp_min(1.0)
    variance = (share * (predictions - mean).square()).sum(0) / (count - 1.0).clamp_min(1.0)
    return mean, variance, count >= min(2, len(predictions))

"""How far the members' spread can be trusted: one factor and one noise variance per task."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from botorch_cll.models.data import TaskData

_LOG_INFLATION = (math.log(0.1), math.log(30.0))
_LOG_NOISE = (math.log(1e-4), math.log(3.0))
_NO_NOISE = 1e-6
_NUM_INFLATIONS = 26
_NUM_NOISES = 40


def calibrate(predictions: Tensor, trusted: Tensor, data: TaskData) -> tuple[Tensor, Tensor]:
    r"""Fit the variance to predictions of rows that the members have not seen.

    With mean `m_i` and variance `v_i` of the members that were not fitted to row `i`, the factor
    `τ` and the noise variance `σ^2` of a task minimise

    .. math:: \sum_i \tfrac12 \log(\tau v_i + \sigma_i^2)
        + \tfrac{(y_i - m_i)^2}{2 (\tau v_i + \sigma_i^2)} + \tfrac12 (\log \tau)^2

    on a grid, `σ^2` in units of the variance of the task's targets; `σ_i^2` is the known noise
    variance of the observation where there is one. A task without data keeps `τ = 1` and a noise
    variance of one such unit.

    Args:
        predictions: A `S x n x T`-dim tensor of members' predictions.
        trusted: A `S x n x T`-dim boolean tensor: predictions of rows that the member has not seen,
            by tasks that were observed there.
        data: The rows predicted.

    Returns:
        Two `T`-dim tensors, `τ` and `σ^2`.
    """
    num_restarts = predictions.shape[0]
    Y, Yvar, scale = data.Y, data.Yvar, data.variance
    share = trusted.to(predictions)
    count = share.sum(0)
    mean = (share * predictions).sum(0) / count.clamp_min(1.0)
    variance = (share * (predictions - mean).square()).sum(0) / (count - 1.0).clamp_min(1.0)
    used = count >= min(2, num_restarts)
    low, high = _LOG_INFLATION
    inflation = torch.linspace(low, high, _NUM_INFLATIONS, dtype=torch.double).to(Y).exp()
    noise = torch.linspace(*_LOG_NOISE, _NUM_NOISES, dtype=torch.double).to(Y).exp()
    noise = torch.cat([noise.new_tensor([_NO_NOISE]), noise]).unsqueeze(-1) * scale
    grid = noise.unsqueeze(1).expand(-1, *Y.shape)
    if Yvar is not None:
        grid = torch.where(Yvar.isnan(), grid, Yvar)
    total = inflation.reshape(-1, 1, 1, 1) * variance + grid
    total = torch.maximum(total, _NO_NOISE * scale)
    squared = (Y - mean).square().where(used, 0.0)
    loss = (0.5 * total.log() + 0.5 * squared / total).where(used, 0.0).sum(-2)
    loss = loss + 0.5 * inflation.log().square().reshape(-1, 1, 1)
    best = loss.flatten(0, 1).argmin(0)
    chosen = noise.gather(0, (best % len(noise)).unsqueeze(0)).squeeze(0)
    if Yvar is not None:
        known = Yvar.nanmean(0)
        chosen = torch.where(known.isnan(), chosen, known)
    without = data.num_observed == 0
    return (
        torch.where(without, 1.0, inflation[best // len(noise)]),
        torch.where(without, scale, chosen),
    )

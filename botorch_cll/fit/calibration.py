"""How far the members' spread can be trusted: three variances per task."""

import math

import torch
from torch import Tensor

from botorch_cll.data import TaskData
from botorch_cll.data.bags import average_trusted
from botorch_cll.ensemble.calibration import Calibration, left_out_moments
from botorch_cll.ensemble.fitted import LeftOutRows
from botorch_cll.nn.rbf import CACHED_ELEMENTS
from botorch_cll.settings import CalibrationSettings


def calibrate(
    data: TaskData,
    rows: Tensor,
    predictions: Tensor,
    remoteness: Tensor,
    trusted: Tensor,
    settings: CalibrationSettings,
    generator: torch.Generator,
) -> tuple[Calibration, LeftOutRows]:
    """Fit the calibration, and keep what was predicted of rows left out.

    Predictions and remoteness of `b` rows are `S x T x b`-dim, `trusted` are those to go by, of
    fits that have not seen the row. The generator draws the signs.
    """
    chosen = data.rows(rows)
    mean, variance, used = left_out_moments(predictions, trusted)
    remote = average_trusted(remoteness.square(), trusted)
    tau, alpha, noise = fit_variances(mean, variance, remote, used, chosen, settings)
    sign = _draw_signs(chosen, len(predictions), settings.sign_frequency, generator)
    calibration = Calibration(tau, alpha, sign, noise)
    moments = calibration.left_out_moments(predictions, remoteness, trusted)
    return calibration, LeftOutRows(rows, moments)


def fit_variances(
    mean: Tensor,
    variance: Tensor,
    remote: Tensor,
    used: Tensor,
    data: TaskData,
    settings: CalibrationSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit `τ`, `α` and `σ^2`, three `T`-dim tensors, to predictions of rows not seen.

    They minimize the loss in docs/mathematics.md, "Calibration", on grids that zoom in on the best,
    and are corrected for having been fitted to the very errors that they describe. The members'
    moments and mean squared remoteness are `T x n`-dim, and so is `used`, the predictions to fit
    to; a task without any keeps `τ = 1`, `α_0` and a noise variance of one unit, or the known one.
    """
    scale = data.variance
    known = torch.full_like(data.Y, torch.nan) if data.Yvar is None else data.Yvar
    squared = (data.Y.T - mean).square().where(used, 0.0)
    rows = (variance, remote, squared, used, known.T)
    grid_shape = [num for _, _, num in settings.grids]
    # As many rows at a time as have values that stay in the processor's cache until summed up.
    at_a_time = max(1, CACHED_ELEMENTS // (math.prod(grid_shape) * len(scale)))
    blocks = list(zip(*(values.split(at_a_time, dim=-1) for values in rows), strict=True))
    unit = scale.unsqueeze(-1)

    def loss(log_values: list[Tensor]) -> Tensor:
        """The loss of grids of shapes `a x 1 x 1 x T`, `1 x b x 1 x T` and `1 x 1 x c x T`."""
        tau, alpha, noise = (values.exp().unsqueeze(-1) for values in log_values)
        errors = scale.new_zeros(())
        for variance, remote, squared, used, known in blocks:
            unexplained = torch.where(known.isnan(), noise * unit, known)
            total = tau * variance + (alpha * unit * remote + unexplained)
            total = torch.maximum(total, settings.no_noise * unit)
            error = total.log().addcdiv_(squared, total)
            errors = errors + error.where(used, 0.0).sum(-1)
        remote_prior = (log_values[1] - math.log(settings.usual_remote)) / settings.remote_std
        return 0.5 * (errors + log_values[0].square() + remote_prior.square())

    best = [torch.full_like(scale, 0.5 * math.log(low * high)) for low, high, _ in settings.grids]
    for zoom in range(settings.num_rounds):
        grids = []
        for axis, (low, high, num) in enumerate(settings.grids):
            offsets = torch.linspace(-1.0, 1.0, num, dtype=scale.dtype, device=scale.device)
            # Each round looks one step of the last one to both sides.
            half_width = 0.5 * math.log(high / low) * (2.0 / (num - 1)) ** zoom
            grid = best[axis] + half_width * offsets.unsqueeze(-1)
            grids.append(grid.view([num if i == axis else 1 for i in range(3)] + [-1]))
        losses = loss(grids)
        least = losses.flatten(0, 2).argmin(0, keepdim=True)
        best = [x.expand_as(losses).flatten(0, 2).gather(0, least).squeeze(0) for x in grids]
    num_errors = used.sum(-1).to(scale)
    counted = num_errors.clamp_min(settings.least_errors)
    correction = torch.where(num_errors > 0, (counted + 1) / (counted - 3), 1.0)
    tau, alpha, noise = (correction * values.exp() for values in best)
    without = num_errors == 0
    noise = torch.where(without, 1.0, noise) * scale
    given = known.nanmean(0)
    noise = torch.where(given.isnan(), noise, given)
    alpha = torch.where(without, settings.usual_remote, alpha) * scale
    return torch.where(without, 1.0, tau), alpha, noise


def _draw_signs(
    data: TaskData, num_restarts: int, frequency: float, generator: torch.Generator
) -> Tensor:
    """`S x T` numbers of mean 0 and variance 1 over the members, all but independent between tasks.

    As random Fourier features (Rahimi and Recht 2007) of the kurtosis of a task's targets, with the
    sign of their skewness, they depend on neither other tasks nor the unit of the targets.
    """
    draws = torch.randn(2, num_restarts, 1, generator=generator, dtype=torch.double).to(data.Y)
    if num_restarts == 1:
        return data.Y.new_zeros(1, data.Y.shape[-1])
    z = (data.Y - data.Y.nanmean(0)) / data.variance.sqrt()
    skewness, kurtosis = z.pow(3).nanmean(0), z.pow(4).nanmean(0)
    phase = 2.0 * math.pi * draws[1]
    signs = (frequency * draws[0] * kurtosis.nan_to_num(0.0) + phase).cos()
    signs = (signs - signs.mean(0)) / signs.std(0)
    return torch.where(skewness < 0, -signs, signs)

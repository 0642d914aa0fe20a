"""How far the members' spread can be trusted: three variances per task."""

from __future__ import annotations

import math
import warnings

import torch
from botorch.exceptions.warnings import InputDataWarning
from torch import Tensor

from botorch_cll.models.data import TaskData
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.models.left_out import average_trusted, left_out_moments
from botorch_cll.nn.rbf import CACHED_ELEMENTS

_NO_NOISE = 1e-6
_USUAL_REMOTE = 0.3
# Least and largest value and number of points, log-uniform, of the grids of τ, α and σ^2.
_GRIDS = (
    (0.1, 30.0, 7),
    (0.1 * _USUAL_REMOTE, 10.0 * _USUAL_REMOTE, 5),
    (_NO_NOISE, 3.0, 9),
)
_NUM_ROUNDS = 3
_REMOTE_STD = 1.0
_LEAST_ERRORS = 4
# Two tasks' signs have the correlation `exp(-(30 Δ)^2 / 2)` if their kurtosis differs by `Δ`.
_SIGN_FREQUENCY = 30.0


def calibrate(
    model: RBFEnsembleModel,
    predictions: Tensor,
    remoteness: Tensor,
    trusted: Tensor,
    rows: Tensor,
    generator: torch.Generator,
) -> None:
    """Set the model's calibration and what it knows of rows left out.

    Warns where there is no prediction of a task to go by, which then keeps the variances that
    `fit_variances` gives a task without data.

    Args:
        model: The model, its members fitted and their rows known.
        predictions: A `S x len(rows) x T`-dim tensor of members' predictions.
        remoteness: A `S x len(rows) x T`-dim tensor, how remote the rows are from the centers.
        trusted: A `S x len(rows) x T`-dim boolean tensor: the predictions to go by, each of a fit
            that has not seen the row.
        rows: The training rows predicted.
        generator: The source of the signs with which members leave the mean far from data.
    """
    data = model.data.rows(rows)
    mean, variance, used = left_out_moments(predictions, trusted)
    without = (data.observed.any(0) & ~used.any(0)).nonzero().flatten().tolist()
    if without:
        warnings.warn(
            "Expected observations that at least two members were not fitted to (one, if there is "
            f"no other), got none of tasks {[model.tasks.values[i] for i in without]}: their noise "
            "and intervals are not calibrated. Choose a smaller sample_fraction or more restarts.",
            InputDataWarning,
            stacklevel=4,
        )
    remote = average_trusted(remoteness.square(), trusted)
    model.inflation, model.remote_variance, model.noise = fit_variances(
        mean, variance, remote, used, data
    )
    model.remote_sign = _draw_signs(data, model.num_restarts, generator)
    model.left_out_rows = rows
    model.left_out = torch.stack(model.calibrated_moments(predictions, remoteness, trusted))


def fit_variances(
    mean: Tensor, variance: Tensor, remote: Tensor, used: Tensor, data: TaskData
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Fit variances to predictions of rows that the members have not seen.

    With mean `m_i`, variance `v_i` and mean squared remoteness `r_i` of the members that were not
    fitted to row `i`, the factor `τ`, the remote variance `α` and the noise variance `σ^2` of a
    task minimise

    .. math:: \sum_i \tfrac12 \log V_i + \tfrac{(y_i - m_i)^2}{2 V_i}
        + \tfrac12 (\log \tau)^2 + \tfrac{1}{2 s^2} \log(\alpha / \alpha_0)^2, \qquad
        V_i = \tau v_i + \alpha r_i + \sigma_i^2

    on grids that zoom in on the best; `α` and `σ^2` are in units of the variance of the task's
    targets; `σ_i^2` is the known noise variance of the observation where there is one. Variances
    fitted to the very errors they describe come out too small: with `n` errors they are multiplied
    by `(n + 1) / (n - 3)`, with fewer than four by what it is with four. So the mean squared
    deviation of `n` numbers becomes the variance of a further one, a Student variable, if they are
    normal with unknown mean and variance (Gelman et al. 2013, "Bayesian data analysis", section
    3.2). A task without predictions to fit to keeps `τ = 1`, `α_0` and a noise variance of one
    unit, or the known one.

    Args:
        mean: A `n x T`-dim tensor.
        variance: A `n x T`-dim tensor.
        remote: A `n x T`-dim tensor.
        used: A `n x T`-dim boolean tensor of the predictions to fit to.
        data: The rows predicted.

    Returns:
        Three `T`-dim tensors, `τ`, `α` and `σ^2`.
    """
    scale = data.variance
    known = torch.full_like(data.Y, torch.nan) if data.Yvar is None else data.Yvar
    squared = (data.Y - mean).square().where(used, 0.0)
    rows = (variance, remote, squared, used, known)
    grid_size = math.prod(num for _, _, num in _GRIDS)
    # As many rows at a time as have values that stay in the processor's cache until summed up.
    at_a_time = max(1, CACHED_ELEMENTS // (grid_size * len(scale)))
    blocks = list(zip(*(values.split(at_a_time) for values in rows), strict=True))

    def loss(log_values: list[Tensor]) -> Tensor:
        """The loss of grids of shapes `a x 1 x 1 x T`, `1 x b x 1 x T` and `1 x 1 x c x T`."""
        tau, alpha, noise = (values.exp().unsqueeze(-2) for values in log_values)
        errors = scale.new_zeros(())
        for variance, remote, squared, used, known in blocks:
            unexplained = torch.where(known.isnan(), noise * scale, known)
            total = tau * variance + (alpha * scale * remote + unexplained)
            total = torch.maximum(total, _NO_NOISE * scale)
            error = total.log().addcdiv_(squared, total)
            errors = errors + error.where(used, 0.0).sum(-2)
        remote_prior = (log_values[1] - math.log(_USUAL_REMOTE)) / _REMOTE_STD
        return 0.5 * (errors + log_values[0].square() + remote_prior.square())

    best = [torch.full_like(scale, 0.5 * math.log(low * high)) for low, high, _ in _GRIDS]
    for zoom in range(_NUM_ROUNDS):
        grids = []
        for axis, (low, high, num) in enumerate(_GRIDS):
            offsets = torch.linspace(-1.0, 1.0, num, dtype=scale.dtype, device=scale.device)
            # Each round looks one step of the last one to both sides.
            half_width = 0.5 * math.log(high / low) * (2.0 / (num - 1)) ** zoom
            grid = best[axis] + half_width * offsets.unsqueeze(-1)
            grids.append(grid.view([num if i == axis else 1 for i in range(3)] + [-1]))
        losses = loss(grids)
        index = losses.flatten(0, 2).argmin(0)
        _, num_remote, num_noises = losses.shape[:3]
        position = (
            index // (num_remote * num_noises),
            index // num_noises % num_remote,
            index % num_noises,
        )
        best = [
            grid.flatten(0, 2).gather(0, at.unsqueeze(0)).squeeze(0)
            for grid, at in zip(grids, position, strict=True)
        ]
    num_errors = used.sum(0).to(scale)
    counted = num_errors.clamp_min(_LEAST_ERRORS)
    correction = torch.where(num_errors > 0, (counted + 1) / (counted - 3), 1.0)
    tau, alpha, noise = (correction * values.exp() for values in best)
    without = num_errors == 0
    noise = torch.where(without, 1.0, noise) * scale
    if data.Yvar is not None:
        given = data.Yvar.nanmean(0)
        noise = torch.where(given.isnan(), noise, given)
    return (
        torch.where(without, 1.0, tau),
        torch.where(without, _USUAL_REMOTE, alpha) * scale,
        noise,
    )


def _draw_signs(data: TaskData, num_restarts: int, generator: torch.Generator) -> Tensor:
    """Numbers of mean 0 and variance 1 over the members, all but independent between tasks.

    They are random functions of the shape of a task's own targets, so that neither the order of the
    tasks, nor other tasks' targets, nor the unit or sign of the task's own make a difference:
    random Fourier features (Rahimi and Recht 2007) of the kurtosis, with the sign of the skewness.

    Returns:
        A `S x T`-dim tensor.
    """
    draws = torch.randn(2, num_restarts, 1, generator=generator, dtype=torch.double).to(data.Y)
    if num_restarts == 1:
        return data.Y.new_zeros(1, data.Y.shape[-1])
    z = (data.Y - data.Y.nanmean(0)) / data.variance.sqrt()
    skewness, kurtosis = z.pow(3).nanmean(0), z.pow(4).nanmean(0)
    frequency, phase = _SIGN_FREQUENCY * draws[0], 2.0 * math.pi * draws[1]
    signs = (frequency * kurtosis.nan_to_num(0.0) + phase).cos()
    signs = (signs - signs.mean(0)) / signs.std(0)
    return torch.where(skewness < 0, -signs, signs)

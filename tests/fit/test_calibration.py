"""Calibration: a variance factor and a noise variance from predictions of unseen rows."""

import numpy as np
import pytest
import torch

from botorch_cll.data.task_data import TaskData
from botorch_cll.ensemble.calibration import left_out_moments
from botorch_cll.fit.calibration import calibrate as calibrate_ensemble
from botorch_cll.fit.calibration import fit_variances
from botorch_cll.settings import CalibrationSettings

NAN = float("nan")


def synthetic(
    factor: list[float], noise: list[float], n: int = 4000, S: int = 100, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Predictions of which the truth lies `sqrt(factor)` times as far off as they spread."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.double)

    T = len(factor)
    mean, std = randn(n, T), (0.8 * randn(n, T) - 1.0).exp()
    predictions = mean + std * randn(S, n, T)
    predictions = mean + predictions - predictions.mean(0)
    tau, sigma2 = torch.tensor(factor).double(), torch.tensor(noise).double()
    Y = mean + tau.sqrt() * std * randn(n, T) + sigma2.sqrt() * randn(n, T)
    trusted = torch.rand(S, n, T, generator=generator) < 0.6
    return predictions, trusted, Y


def fit(predictions, trusted, Y, Yvar, remote=None):
    data = TaskData(X=Y.new_zeros(len(Y), 1), Y=Y, Yvar=Yvar)
    mean, variance, used = left_out_moments(predictions.mT, trusted.mT)
    remote = torch.zeros_like(mean) if remote is None else remote.T
    return fit_variances(mean, variance, remote, used, data, CalibrationSettings())


def calibrate(predictions, trusted, Y, Yvar):
    """The factor and the noise where no row is remote."""
    factor, _, noise = fit(predictions, trusted, Y, Yvar)
    return factor, noise


def loss_by_hand(predictions, trusted, Y, factor, noise) -> np.ndarray:
    """The documented objective of each task."""
    losses = []
    for t in range(Y.shape[-1]):
        total = 0.5 * np.log(factor[t]) ** 2
        for i in range(Y.shape[0]):
            seen = predictions[trusted[:, i, t], i, t].numpy()
            variance = factor[t] * seen.var(ddof=1) + noise[t]
            total += 0.5 * np.log(variance) + (Y[i, t] - seen.mean()) ** 2 / (2 * variance)
        losses.append(float(total))
    return np.array(losses)


def test_known_factor_and_noise_are_recovered():
    factor, noise = [4.0, 1.0, 0.3], [0.3, 0.02, 0.1]
    found = calibrate(*synthetic(factor, noise), None)
    for values, expected in zip(found, (factor, noise), strict=True):
        assert values.shape == (3,)
        ratio = values.numpy() / np.array(expected)
        np.testing.assert_array_less(ratio, 1.5)
        np.testing.assert_array_less(1 / ratio, 1.5)


def test_noiseless_truth_gets_little_noise():
    _, noise = calibrate(*synthetic([1.0], [0.0]), None)
    assert noise.item() < 5e-3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [30, 5])
def test_documented_objective_is_all_but_minimised(n, seed):
    problem = synthetic([2.0, 0.7], [0.1, 0.5], n=n, S=12, seed=seed)
    factor, noise = (values * (n - 3) / (n + 1) for values in calibrate(*problem, None))
    found = loss_by_hand(*problem, factor.tolist(), noise.tolist())
    best = np.full(2, np.inf)
    for tau in np.geomspace(0.1, 30, 20):
        for sigma2 in [1e-6, *np.geomspace(1e-4, 3, 20)]:
            best = np.minimum(best, loss_by_hand(*problem, [tau] * 2, [sigma2] * 2))
    # In nats over all rows; the grids differ.
    assert (found - best).max() < 0.2


def test_predictions_of_rows_that_were_seen_play_no_part():
    predictions, trusted, Y = synthetic([2.0, 1.0], [0.1, 0.1], n=60, S=20)
    expected = calibrate(predictions, trusted, Y, None)
    nonsense = predictions.where(trusted, 1e3)
    found = calibrate(nonsense, trusted, Y, None)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected))


def test_targets_that_were_not_observed_play_no_part():
    predictions, trusted, Y = synthetic([2.0, 1.0], [0.1, 0.1], n=60, S=20)
    trusted[:, :20, 0] = False
    Y[:20, 0] = NAN
    expected = calibrate(predictions, trusted, Y, None)
    predictions[:, :20, 0] = 100.0
    found = calibrate(predictions, trusted, Y, None)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected))


def test_known_noise_passes_through():
    problem = synthetic([3.0, 1.0], [0.2, 0.05])
    known = torch.tensor([0.2, 0.05], dtype=torch.double)
    factor, noise = calibrate(*problem, known.expand_as(problem[-1]))
    torch.testing.assert_close(noise, known)
    np.testing.assert_allclose(factor.numpy(), [3.0, 1.0], rtol=0.25)


def test_noise_known_row_by_row_explains_the_errors():
    predictions, trusted, Y = synthetic([1.0], [0.0])
    generator = torch.Generator().manual_seed(1)
    Yvar = torch.rand(Y.shape, generator=generator, dtype=torch.double)
    noisy = Y + Yvar.sqrt() * torch.randn(Y.shape, generator=generator, dtype=torch.double)
    factor, noise = calibrate(predictions, trusted, noisy, Yvar)
    assert factor.item() == pytest.approx(1.0, rel=0.3)
    assert noise.item() == pytest.approx(Yvar.mean().item())


def test_unknown_noise_is_inferred_beside_known():
    predictions, trusted, Y = synthetic([1.0, 1.0, 1.0], [0.4, 0.4, 0.4])
    Yvar = torch.full_like(Y, 0.4)
    Yvar[:, 1] = NAN
    Yvar[:100, 2] = NAN
    factor, noise = calibrate(predictions, trusted, Y, Yvar)
    assert noise[0].item() == pytest.approx(0.4)
    assert noise[1].item() == pytest.approx(0.4, rel=0.5)
    assert noise[2].item() == pytest.approx(0.4)
    np.testing.assert_allclose(factor.numpy(), 1.0, rtol=0.3)


def test_noise_known_to_be_zero():
    predictions, trusted, Y = synthetic([1.0], [0.0], n=500)
    factor, noise = calibrate(predictions, trusted, Y, torch.zeros_like(Y))
    assert noise.item() == 0.0
    assert factor.item() == pytest.approx(1.0, rel=0.3)


def test_nothing_to_go_by_leaves_the_variance_alone():
    predictions, trusted, Y = synthetic([1.0, 1.0], [0.1, 0.1], n=10, S=5)
    factor, noise = calibrate(predictions, torch.zeros_like(trusted), Y, None)
    np.testing.assert_allclose(factor.numpy(), 1.0, rtol=0.3)
    assert (noise.isfinite() & (noise >= 0)).all()


@pytest.mark.parametrize("unit", [1e-5, 1e4])
def test_the_unit_of_the_targets_does_not_matter(unit):
    predictions, trusted, Y = synthetic([2.0, 0.7], [0.1, 0.5], n=60, S=20)
    factor, noise = calibrate(predictions, trusted, Y, None)
    scaled_factor, scaled_noise = calibrate(unit * predictions, trusted, unit * Y, None)
    torch.testing.assert_close(scaled_factor, factor)
    torch.testing.assert_close(scaled_noise, unit**2 * noise)


def test_a_task_without_data_may_be_anything_on_the_scale_of_the_others():
    predictions, trusted, Y = synthetic([2.0, 0.7], [0.1, 0.5], n=60, S=20)
    trusted[..., 1], Y[:, 1] = False, NAN
    factor, noise = calibrate(predictions, trusted, 10 * Y, None)
    assert factor[1] == 1.0
    assert noise[1].item() == pytest.approx((10 * Y[:, 0]).var().item())


def test_one_member_leaves_everything_to_the_noise():
    predictions, _, Y = synthetic([1.0], [1.0], n=500, S=1)
    error = (predictions[0] - Y).square().mean().item()
    factor, noise = calibrate(predictions, torch.ones_like(predictions, dtype=torch.bool), Y, None)
    assert factor.isfinite().all()
    assert noise.item() == pytest.approx(error, rel=0.5)


def test_errors_that_grow_with_the_remoteness_are_recovered():
    predictions, trusted, Y = synthetic([1.0], [0.05])
    generator = torch.Generator().manual_seed(1)
    remote = torch.rand(Y.shape, generator=generator, dtype=torch.double).square()
    Y = Y + (2.0 * remote).sqrt() * torch.randn(Y.shape, generator=generator, dtype=torch.double)
    factor, alpha, noise = fit(predictions, trusted, Y, None, remote)
    np.testing.assert_allclose([factor.item(), alpha.item(), noise.item()], [1, 2, 0.05], rtol=0.4)
    # Nothing says how far off remote points are where there are none: the usual share of the scale.
    alpha = fit(predictions, trusted, Y, None)[1]
    assert alpha.item() == pytest.approx(0.3 * Y.var().item(), rel=0.01)


def test_an_ensemble_is_as_remote_as_its_members_squared_are_on_average():
    predictions, trusted, Y = (x.mT for x in synthetic([2.0, 0.7], [0.1, 0.5], n=60, S=20))
    remote = torch.rand(20, 2, 60, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    data, settings = TaskData(X=Y.T, Y=Y.T, Yvar=None), CalibrationSettings()
    rows, generator = torch.arange(60), torch.Generator().manual_seed(0)
    found, _ = calibrate_ensemble(data, rows, predictions, remote, trusted, settings, generator)
    mean, variance, used = left_out_moments(predictions, trusted)
    squared = (trusted * remote.square()).sum(0) / trusted.sum(0)
    expected = fit_variances(mean, variance, squared, used, data, settings)
    for values, other in zip(
        (found.inflation, found.remote_variance, found.noise), expected, strict=True
    ):
        torch.testing.assert_close(values, other)


def test_few_errors_are_taken_for_too_small():
    predictions, trusted, Y = synthetic([1.0], [0.3], n=4000)
    many = fit(predictions, trusted, Y, None)
    total = [
        sum(
            values.item()
            for values in fit(predictions[:, i : i + 8], trusted[:, i : i + 8], Y[i : i + 8], None)[
                ::2
            ]
        )
        for i in range(0, 1600, 8)
    ]
    # The noise alone is 0.3; eight errors give more on average, not less.
    assert np.mean(total) > many[0].item() + many[2].item()


def test_the_fewer_the_errors_the_more_the_variances_grow():
    Y = torch.tensor([1.0, -1.0], dtype=torch.double).repeat(10).unsqueeze(-1)
    data, zero = TaskData(X=Y, Y=Y, Yvar=None), torch.zeros_like(Y.T)
    noise = {
        # All errors are one, so that all fits are the same but for their number.
        n: fit_variances(
            zero, zero, zero, torch.arange(20).unsqueeze(0) < n, data, CalibrationSettings()
        )[2].item()
        for n in range(1, 21)
    }
    for n in range(1, 20):
        assert noise[n] >= noise[n + 1]
    for n in range(4, 20):
        expected = (n + 1) / (n - 3) / (21 / 17)
        assert noise[n] / noise[20] == pytest.approx(expected)


def test_rows_may_be_worked_on_in_blocks(monkeypatch):
    problem = synthetic([2.0, 0.7], [0.1, 0.5], n=30, S=12)
    Yvar = torch.full_like(problem[2], NAN)
    Yvar[:7, 1] = 0.3
    expected = torch.stack(fit(*problem, Yvar))
    monkeypatch.setattr("botorch_cll.fit.calibration.CACHED_ELEMENTS", 4 * 2 * 7 * 5 * 9)
    torch.testing.assert_close(torch.stack(fit(*problem, Yvar)), expected)

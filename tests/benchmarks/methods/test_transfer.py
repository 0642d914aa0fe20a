"""What learns from sources, against the formulas of its authors."""

import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import MultiTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood

from benchmarks.methods import peers, transfer
from benchmarks.methods.target import Log, Scale
from benchmarks.methods.transfer import (
    MeanOfSources,
    RankWeightedGPs,
    fit_gp,
    fit_standardized,
    learn_mean,
    learn_multi_task_gp,
    learn_on_mean,
    learn_rank_weights,
    learn_stack,
)
from botorch_cll import models


def truth(X):
    return (6.0 * X[:, :1]).sin() - (X[:, 1:] - 0.4).square()


def log(n, seed, scale=1.0, offset=0.0, slope=0.0):
    X = torch.rand(n, 2, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    return Log(X, offset + scale * (truth(X) + slope * X[:, :1]))


SOURCES = [log(12, 0, 3.0, 1.0), log(18, 1, 0.2, -5.0, slope=1.0)]
TARGET = log(6, 2, 50.0, 1000.0, slope=0.5)
TEST_X = log(20, 3).X
LEARN = {
    "RMLA": transfer.of_all(models.RegularizedMultiTaskRBFModel, num_restarts=3),
    "mean": learn_mean,
    "GP on the mean": learn_on_mean,
    "RGPE": learn_rank_weights,
    "stack": learn_stack,
}


def moments(model, X=TEST_X, noise=False):
    """Means and standard deviations as arrays."""
    with torch.no_grad():
        posterior = model.posterior(X.unsqueeze(-2), observation_noise=noise)
    return posterior.mean.flatten().numpy(), posterior.variance.sqrt().flatten().numpy()


def standardized(log):
    """Values in standard deviations from the mean, and these two, by numpy."""
    values = log.Y.numpy()
    mean, std = values.mean(), values.std(ddof=1)
    return torch.from_numpy((values - mean) / std), mean, std


@pytest.mark.parametrize("learn", LEARN.values(), ids=LEARN)
def test_fits_depend_on_the_seed_alone_and_have_one_output(learn):
    before = torch.get_rng_state()
    first, again = (learn(SOURCES, 3)(TARGET) for _ in range(2))
    assert first.num_outputs == 1
    np.testing.assert_array_equal(moments(first)[0], moments(again)[0])
    assert (moments(first, noise=True)[1] >= moments(first)[1]).all()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["RMLA", "GP on the mean", "RGPE", "stack"])
def test_predictions_are_in_the_target_s_own_unit(name):
    mean, std = moments(LEARN[name](SOURCES, 0)(TARGET))
    expected = 1000.0 + 50.0 * (truth(TEST_X) + 0.5 * TEST_X[:, :1]).flatten().numpy()
    assert np.corrcoef(mean, expected)[0, 1] > 0.9
    assert abs(mean - expected).mean() < 0.5 * expected.std()
    assert (std < 200.0).all()


def test_a_model_of_the_target_gets_nothing_else():
    given = []

    def fit(X, Y, seed):
        given.append((X, Y, seed))
        return "model"

    assert transfer.of_target(fit)(SOURCES, 4)(TARGET) == "model"
    ((X, Y, seed),) = given
    assert X is TARGET.X
    assert Y is TARGET.Y
    assert seed == 4


def test_our_models_get_all_rows_and_need_none_of_the_target():
    options = {"num_restarts": 3, "correlation_layers": None}
    fit_target = transfer.of_all(models.MultiRBFCorrelationModel, **options)(SOURCES, 5)
    model = fit_target(TARGET)
    assert model.data.observed.sum(0).tolist() == [6, 12, 18]
    assert (model.seed, model.num_restarts, model.num_outputs) == (5, 3, 1)
    mean, std = moments(fit_target(TARGET.rows(slice(0))))
    assert np.isfinite(mean).all()
    assert (std > 0.0).all()


def test_sources_are_fitted_each_in_its_own_unit():
    gps = fit_standardized(SOURCES, 0)
    for gp, source in zip(gps, SOURCES, strict=True):
        values, _, _ = standardized(source)
        np.testing.assert_allclose(moments(gp, source.X)[0], values.flatten(), atol=0.1)


@pytest.mark.parametrize("noise", [False, True], ids=["outcome", "observation"])
def test_the_mean_of_sources_is_the_mixture_of_their_gps(noise):
    fit_target = learn_mean(SOURCES, 0)
    found = [moments(fit_gp(x.X, standardized(x)[0], 0), noise=noise) for x in SOURCES]
    (m1, s1), (m2, s2) = found
    mean = (m1 + m2) / 2
    variance = (s1**2 + m1**2 + s2**2 + m2**2) / 2 - mean**2
    offsets = [standardized(x)[1] for x in SOURCES]
    scales = [standardized(x)[2] for x in SOURCES]
    of_sources = sum(offsets) / 2, sum(scales) / 2
    for num, (offset, scale) in ((6, standardized(TARGET)[1:]), (1, of_sources), (0, of_sources)):
        model = fit_target(TARGET.rows(slice(num)))
        assert isinstance(model, MeanOfSources)
        found_mean, found_std = moments(model, noise=noise)
        np.testing.assert_allclose(found_mean, offset + scale * mean)
        np.testing.assert_allclose(found_std, scale * np.sqrt(variance))


@pytest.mark.parametrize("noise", [False, True], ids=["outcome", "observation"])
def test_a_gp_on_the_mean_predicts_what_the_mean_leaves_unexplained(noise):
    fit_target = learn_on_mean(SOURCES, 0)
    gps = [fit_gp(x.X, standardized(x)[0], 0) for x in SOURCES]

    def mean_of_sources(X):
        return sum(moments(gp, X)[0] for gp in gps) / 2

    for target in (TARGET, TARGET.rows(slice(3))):
        values, offset, scale = standardized(target)
        rest = values.flatten().numpy() - mean_of_sources(target.X)
        gp = fit_gp(target.X, torch.from_numpy(rest).unsqueeze(-1), 0)
        own_mean, own_std = moments(gp, noise=noise)
        mean, std = moments(fit_target(target), noise=noise)
        expected = offset + scale * (mean_of_sources(TEST_X) + own_mean)
        np.testing.assert_allclose(mean, expected, rtol=1e-6)
        np.testing.assert_allclose(std, scale * own_std, rtol=1e-6)


def test_the_ensemble_is_the_weighted_sum_of_its_gps():
    model = learn_rank_weights(SOURCES, 0)(TARGET)
    assert isinstance(model, RankWeightedGPs)
    assert len(model.gps) == 3
    assert model.weights.sum().item() == pytest.approx(1.0)
    model.weights = torch.tensor([0.5, 0.2, 0.3]).double()
    values, offset, scale = standardized(TARGET)
    gps = [fit_gp(x.X, standardized(x)[0], 0) for x in SOURCES] + [fit_gp(TARGET.X, values, 0)]
    (m1, s1), (m2, s2), (m3, s3) = map(moments, gps)
    mean, std = moments(model)
    np.testing.assert_allclose(mean, offset + scale * (0.5 * m1 + 0.2 * m2 + 0.3 * m3))
    variance = 0.25 * s1**2 + 0.04 * s2**2 + 0.09 * s3**2
    np.testing.assert_allclose(std, scale * np.sqrt(variance))
    noise = moments(gps[2], noise=True)[1] ** 2 - s3**2
    np.testing.assert_allclose(moments(model, noise=True)[1], scale * np.sqrt(variance + noise))
    model.weights = torch.tensor([0.0, 1.0, 0.0]).double()
    np.testing.assert_allclose(moments(model)[0], offset + scale * m2)


@pytest.mark.parametrize("noise", [False, True], ids=["outcome", "observation"])
def test_a_stack_adds_means_and_takes_geometric_means_of_deviations(noise):
    model = learn_stack(SOURCES, 0)(TARGET)
    first, second = SOURCES
    bottom = fit_gp(first.X, standardized(first)[0], 0)
    rest = standardized(second)[0].flatten().numpy() - moments(bottom, second.X)[0]
    middle = fit_gp(second.X, torch.from_numpy(rest).unsqueeze(-1), 0)
    values, offset, scale = standardized(TARGET)
    rest = values.flatten().numpy() - moments(bottom, TARGET.X)[0] - moments(middle, TARGET.X)[0]
    top = fit_gp(TARGET.X, torch.from_numpy(rest).unsqueeze(-1), 0)
    (m1, s1), (m2, s2), (m3, s3) = (moments(gp, noise=noise) for gp in (bottom, middle, top))
    # The numbers of rows are 12, 18 and 6.
    two_levels = s2 ** (18 / 30) * s1 ** (12 / 30)
    three_levels = s3 ** (6 / 24) * two_levels ** (18 / 24)
    mean, std = moments(model, noise=noise)
    np.testing.assert_allclose(mean, offset + scale * (m1 + m2 + m3), rtol=1e-6)
    np.testing.assert_allclose(std, scale * three_levels, rtol=1e-6)


def test_a_stack_learns_from_the_sources_once(monkeypatch):
    fitted = []

    def fit(X, Y, seed):
        fitted.append(len(X))
        return fit_gp(X, Y, seed)

    monkeypatch.setattr(transfer, "fit_gp", fit)
    fit_target = learn_stack(SOURCES, 0)
    models = [fit_target(TARGET.rows(slice(n))) for n in (3, 4)]
    assert fitted == [12, 18, 3, 4]
    assert [len(model.levels) for model in models] == [3, 3]


def test_the_multi_task_gp_predicts_in_the_target_s_own_unit(monkeypatch):
    def fit_exactly(gp):
        # The last digits of its parameters take it many steps.
        options = {"optimizer_kwargs": {"options": {"ftol": 1e-5}}}
        return fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp), **options)

    monkeypatch.setattr(peers, "fit_exactly", fit_exactly)
    model = learn_multi_task_gp(SOURCES, 0)(TARGET)
    assert type(model.gp) is MultiTaskGP
    mean, std = moments(model)
    expected = 1000.0 + 50.0 * (truth(TEST_X) + 0.5 * TEST_X[:, :1]).flatten().numpy()
    assert np.corrcoef(mean, expected)[0, 1] > 0.9
    assert abs(mean - expected).mean() < 0.5 * expected.std()
    assert (moments(model, noise=True)[1] > std).all()


def no_fit(monkeypatch, then=lambda gp: None):
    """Do something else than fit; the numbers of rows that there are at each fit."""
    rows = []

    def fit_exactly(gp):
        rows.append(len(gp.train_targets))
        then(gp)
        return gp

    monkeypatch.setattr(peers, "fit_exactly", fit_exactly)
    return rows


def test_the_multi_task_gp_has_few_sources_and_few_of_their_rows(monkeypatch):
    fitted = no_fit(monkeypatch)
    sources = [log(25, seed, scale=seed + 1.0) for seed in range(9)]
    gp = learn_multi_task_gp(sources, 0)(TARGET).gp
    assert gp.num_tasks == 8
    assert fitted == [6 + 7 * 20]
    (X,), values = gp.train_inputs, gp.train_targets
    assert X[:, -1].long().bincount().tolist() == [6] + 7 * [20]
    for task, source in enumerate([TARGET, *sources[:7]]):
        rows = X[:, -1] == task
        kept = source.rows(slice(20))
        assert torch.equal(X[rows, :-1], kept.X)
        np.testing.assert_allclose(values[rows], standardized(kept)[0].flatten(), atol=1e-12)


def test_the_multi_task_gp_begins_as_its_seed_says(monkeypatch):
    no_fit(monkeypatch)
    before = torch.get_rng_state()
    means = [moments(learn_multi_task_gp(SOURCES, seed)(TARGET))[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(means[0], means[1])
    assert not np.array_equal(means[0], means[2])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num", [0, 1])
def test_the_multi_task_gp_needs_no_row_of_the_target(num, monkeypatch):
    no_fit(monkeypatch)
    target = Log(TARGET.X[:num], SOURCES[0].Y[:num])
    model = learn_multi_task_gp(SOURCES, 0)(target)
    scale = Scale.of(*SOURCES)
    assert model.scale == scale
    # One row says nothing of its own scale: it is in that of the sources, as predictions are.
    expected = (target.Y.flatten() - scale.mean) / scale.std
    torch.testing.assert_close(model.gp.train_targets[:num], expected)
    mean, std = moments(model)
    assert (abs(mean - scale.mean.item()) < 5 * scale.std.item()).all()
    assert (std > 0.0).all()


def test_the_multi_task_gp_keeps_its_parameters_until_there_are_half_as_many_rows_again(
    monkeypatch,
):
    found = []

    def next_noise(gp):
        found.append(gp.likelihood.noise[0].item())
        gp.likelihood.noise = torch.full_like(gp.likelihood.noise, 0.5 + len(found))

    fitted = no_fit(monkeypatch, next_noise)
    fit_target = learn_multi_task_gp(SOURCES, 0)
    target = log(14, 2)
    noises = {}
    for n in (0, 4, 5, 6, 7, 8, 9, 13, 14):
        model = fit_target(target.rows(slice(n)))
        assert (model.gp.train_inputs[0][:, -1] == 0).sum() == n
        noises[n] = model.gp.likelihood.noise[0].item()
    assert [rows - 12 - 18 for rows in fitted] == [0, 4, 6, 9, 14]
    assert noises == pytest.approx(
        {0: 1.5, 4: 2.5, 5: 2.5, 6: 3.5, 7: 3.5, 8: 3.5, 9: 4.5, 13: 4.5, 14: 5.5}
    )
    assert found[1:] == pytest.approx([1.5, 2.5, 3.5, 4.5])  # each fit starts from the last one

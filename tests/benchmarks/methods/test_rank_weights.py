"""Weights of RGPE against its paper's formulas, by loops and dense algebra."""

import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP

from benchmarks.methods import rank_weights
from benchmarks.methods.rank_weights import left_out_moments, ranking_losses, ranking_weights
from benchmarks.methods.target import Log
from benchmarks.methods.transfer import fit_standardized

LENGTH_SCALES, NOISE, CONSTANT = (0.3, 0.7), 0.05, 0.4


def truth(X):
    return (7.0 * X[:, :1]).sin() + X[:, 1:].square()


def log(n, seed, scale=1.0):
    X = torch.rand(n, 2, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    return Log(X, scale * truth(X))


def known_gp(data):
    """A Gaussian process of known hyper-parameters and values as they are."""
    gp = SingleTaskGP(*data, input_transform=None, outcome_transform=None)
    gp.covar_module.lengthscale = torch.tensor([LENGTH_SCALES], dtype=torch.double)
    gp.likelihood.noise = torch.tensor([NOISE], dtype=torch.double)
    gp.mean_module.constant = torch.tensor(CONSTANT, dtype=torch.double)
    return gp.eval()


def dense_posterior(X, y, at):
    """Mean and covariance of the function of `known_gp` at points, by dense algebra."""

    def kernel(a, b):
        return np.exp(-0.5 * (((a[:, None] - b) / np.array(LENGTH_SCALES)) ** 2).sum(-1))

    gain = kernel(at, X) @ np.linalg.inv(kernel(X, X) + NOISE * np.eye(len(X)))
    return CONSTANT + gain @ (y - CONSTANT), kernel(at, at) - gain @ kernel(X, at)


# Warns that these values are not standardized.
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_left_out_moments_are_those_of_a_gp_of_the_other_rows():
    data = log(7, 0)
    with torch.no_grad():
        means, covariances = left_out_moments(known_gp(data))
    assert means.shape == (7, 7)
    assert covariances.shape == (7, 7, 7)
    X, y = data.X.numpy(), data.Y.flatten().numpy()
    for j in range(7):
        others = [i for i in range(7) if i != j]
        mean, covariance = dense_posterior(X[others], y[others], X)
        np.testing.assert_allclose(means[j], mean, atol=1e-8)
        np.testing.assert_allclose(covariances[j], covariance, atol=1e-8)
        with torch.no_grad():
            posterior = known_gp(data.rows(torch.tensor(others))).posterior(data.X).distribution
        torch.testing.assert_close(means[j], posterior.mean, atol=1e-8, rtol=0)
        torch.testing.assert_close(covariances[j], posterior.covariance_matrix, atol=1e-8, rtol=0)


def losses_by_loops(samples, y):
    """The losses, pair by pair."""
    S, n, _ = samples.shape
    return [
        sum(
            bool(samples[s, j, j] < samples[s, j, k]) != bool(y[j] < y[k])
            for j in range(n)
            for k in range(n)
        )
        for s in range(S)
    ]


def test_losses_are_the_pairs_that_are_ranked_wrongly():
    rng = np.random.default_rng(0)
    samples, y = rng.normal(size=(20, 6, 6)).round(1), np.array([0.0, 2.0, 2.0, -1.0, 5.0, 0.5])
    found = ranking_losses(torch.from_numpy(samples), torch.from_numpy(y))
    assert found.tolist() == losses_by_loops(samples, y)
    same = torch.from_numpy(y).expand(1, 6, 6)
    assert ranking_losses(same, torch.from_numpy(y)).tolist() == [0]
    # Of 15 pairs one is of equal values; each of the others is wrong twice, that one not at all.
    assert ranking_losses(-same, torch.from_numpy(y)).tolist() == [28]


def sources_and_target(n=8):
    """Fits of the target's own function, of its negative and of the target."""
    target = log(n, 5, 100.0)
    return fit_standardized([log(25, 1), log(25, 2, -1.0), target], 0), target


def test_a_source_that_is_the_target_has_nearly_all_weight_and_its_opposite_none():
    gps, target = sources_and_target()
    with torch.no_grad():
        weights = ranking_weights(gps, *target, seed=0)
    assert weights.shape == (3,)
    assert weights.sum().item() == pytest.approx(1.0)
    assert weights[0] > 0.9
    assert weights[1] == 0.0
    assert weights[2] >= 0.0


def test_the_only_source_has_no_weight_if_it_is_the_opposite():
    gps, target = sources_and_target()
    with torch.no_grad():
        assert ranking_weights(gps[1:], *target, seed=0).tolist() == [0.0, 1.0]


def test_weights_depend_on_the_seed_alone():
    gps, target = sources_and_target(4)
    before = torch.get_rng_state()
    with torch.no_grad():
        first, again, other = (ranking_weights(gps, *target, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")  # as above
def test_weights_are_those_of_a_simulation():
    target, noisy = log(5, 5), log(4, 1)
    other = Log(noisy.X, noisy.X[:, :1])
    with torch.no_grad():
        found = ranking_weights([known_gp(x) for x in (noisy, other, target)], *target, seed=0)
    rng = np.random.default_rng(1)
    X, y = target.X.numpy(), target.Y.flatten().numpy()
    num = 2000

    def drawn(data, at):
        mean, covariance = dense_posterior(data.X.numpy(), data.Y.flatten().numpy(), at)
        return rng.multivariate_normal(mean, covariance, size=num, check_valid="ignore")

    losses = []
    for source in (noisy, other):
        samples = drawn(source, X)
        losses.append(losses_by_loops(np.repeat(samples[:, None], 5, axis=1), y))
    left_out = [drawn(target.rows(torch.arange(5) != j), X) for j in range(5)]
    losses = np.array([*losses, losses_by_loops(np.stack(left_out, axis=1), y)], dtype=float)
    weights = np.zeros(3)
    kept = [i for i in (0, 1) if np.median(losses[i]) <= np.quantile(losses[2], 0.95)]
    for column in losses.T:
        least = min(column[i] for i in (*kept, 2))
        best = [2] if column[2] == least else [i for i in kept if column[i] == least]
        weights[best] += 1.0 / len(best) / num
    assert 0.1 < weights[0] < 0.9
    # Three standard deviations of 512 samples are 0.066.
    np.testing.assert_allclose(found, weights, atol=0.08)


LOSSES = {  # of four equal shares of the samples, by the last of which is the target, and weights
    "best": ([[0, 0, 3, 3], [9, 0, 0, 3], [2, 2, 2, 3]], [0.375, 0.375, 0.25]),
    "tie": ([[2, 2, 2, 2], [9, 9, 2, 2], [2, 2, 2, 2]], [0.0, 0.0, 1.0]),
    "diluting": ([[0, 5, 5, 5], [3, 3, 9, 9], [4, 4, 4, 4]], [0.0, 0.5, 0.5]),
    "below the percentile": ([[3, 5, 5, 5], [9, 9, 9, 9], [4, 4, 4, 6]], [0.5, 0.0, 0.5]),
    "at the percentile": ([[0, 4, 4, 4], [9, 9, 9, 9], [4, 4, 4, 4]], [0.25, 0.0, 0.75]),
}


@pytest.mark.parametrize(("losses", "expected"), LOSSES.values(), ids=LOSSES)
def test_weights_by_hand(losses, expected, monkeypatch):
    num = rank_weights._NUM_SAMPLES // 4
    by_model = iter(torch.tensor(losses).repeat_interleave(num, dim=-1))
    monkeypatch.setattr(rank_weights, "ranking_losses", lambda samples, y: next(by_model))
    gps, target = sources_and_target(4)
    with torch.no_grad():
        assert ranking_weights(gps, *target, seed=0).tolist() == expected

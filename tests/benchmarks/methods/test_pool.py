"""What methods try next out of a pool."""

import numpy as np
import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal
from scipy.stats import norm

from benchmarks.methods.pool import (
    MEAN_OF_SOURCES,
    POOL_METHODS,
    RANDOM,
    SINGLE_TASK_GP,
    TARGET_SURROGATES,
    WARM_START,
    after_best_settings,
    all_by_log_ei,
    at_random,
    by_log_ei,
    by_mean,
    greedy_portfolio,
)
from benchmarks.methods.target import Log, Scale, TargetModel
from benchmarks.methods.transfer import fit_standardized


def uniform(*shape, seed=0):
    return torch.rand(shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def log(n, seed, center=0.5):
    X = uniform(n, 2, seed=seed)
    return Log(X, -(X - center).square().sum(-1, keepdim=True))


TARGET, CANDIDATES = log(5, 0), uniform(40, 2, seed=1)


class Known(TargetModel):
    """A mean that grows along the first input, and a deviation that grows along the second."""

    def __init__(self):
        super().__init__(Scale(torch.tensor(2.0).double(), torch.tensor(3.0).double()))

    def moments(self, X, observation_noise):
        assert not observation_noise
        return X[..., 0], X[..., 1].square() + 1e-3


def learn_known(sources, seed):
    return lambda target: Known()


def test_every_surrogate_and_three_more_ways_are_methods_of_a_pool():
    assert set(POOL_METHODS) == {*TARGET_SURROGATES, WARM_START, RANDOM}


@pytest.mark.parametrize("best", [1.0, 3.0, 6.0])
def test_expected_improvement_on_the_best_row_so_far_is_largest(best):
    target = Log(TARGET.X, torch.tensor([[0.0], [best], [0.5], [0.2], [0.1]]).double())
    mean = 2.0 + 3.0 * CANDIDATES[:, 0].numpy()
    std = 3.0 * np.sqrt(CANDIDATES[:, 1].numpy() ** 2 + 1e-3)
    z = (mean - best) / std
    expected = (mean - best) * norm.cdf(z) + std * norm.pdf(z)
    assert by_log_ei(learn_known)([], 0)(target, CANDIDATES) == expected.argmax()


def test_the_largest_mean():
    chosen = by_mean(learn_known)([], 0)(TARGET, CANDIDATES)
    assert chosen == CANDIDATES[:, 0].argmax()


def test_rows_in_random_order_are_taken_as_they_come():
    assert at_random([], 0)(TARGET, CANDIDATES) == 0


def portfolio_by_force(values, num):
    """Column after column, each the first with the best mean of row maxima, by trying all."""
    chosen = []
    for _ in range(min(num, values.shape[1])):
        rest = [j for j in range(values.shape[1]) if j not in chosen]
        chosen.append(max(rest, key=lambda j: values[:, [*chosen, j]].max(1).mean()))
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num", [1, 3, 9])
def test_the_portfolio_is_that_of_trying_all(seed, num):
    values = np.random.default_rng(seed).integers(0, 9, size=(4, 6)).astype(float)
    found = greedy_portfolio(torch.from_numpy(values), num)
    assert found == portfolio_by_force(values, num)
    assert len(set(found)) == min(num, 6)


@pytest.mark.parametrize("num_sources", [3, 11])
def test_the_best_points_of_sources_come_first_and_then_another_method(num_sources):
    centers = uniform(num_sources, 2, seed=7)
    sources = [log(15, 10 + i, center) for i, center in enumerate(centers)]
    asked = []

    def then(given, seed):
        assert given is sources
        assert seed == 4

        def propose(target, candidates):
            asked.append(len(candidates))
            return 2

        return propose

    best = torch.stack([source.X[source.Y.flatten().argmax()] for source in sources])
    gps = fit_standardized(sources, 4)
    with torch.no_grad():
        values = np.stack([gp.posterior(best).mean.flatten().numpy() for gp in gps])
    propose = after_best_settings(then)(sources, 4)
    for number, i in enumerate(portfolio_by_force(values, 10)):
        distances = np.linalg.norm(CANDIDATES.numpy() - best[i].numpy(), axis=1)
        assert propose(TARGET, CANDIDATES) == distances.argmin(), number
    assert not asked
    assert propose(TARGET, CANDIDATES) == propose(TARGET, CANDIDATES[:9]) == 2
    assert asked == [40, 9]


class KnownTasks(Model):
    """Two tasks: the first grows along the first input, the second falls; deviations by task."""

    num_outputs = 2
    slopes, variances = torch.tensor([3.0, -1.0]).double(), torch.tensor([0.5, 0.2]).double()

    def posterior(self, X, posterior_transform):
        covariance = self.variances.diag() * (0.1 + X[..., 1:])
        distribution = MultitaskMultivariateNormal(X[..., :1] * self.slopes, covariance)
        return posterior_transform(GPyTorchPosterior(distribution))


@pytest.mark.parametrize("best", [(0.5, -1.5), (2.0, 1.0)], ids=str)
def test_every_task_has_the_improvement_on_its_own_best_row(best):
    rows = [TARGET.X, uniform(3, 2, seed=8)]
    seen = [
        Log(X, b - 9.0 * torch.arange(len(X)).double().unsqueeze(-1))
        for X, b in zip(rows, best, strict=True)
    ]
    candidates = [CANDIDATES, uniform(30, 2, seed=5)]
    given = []

    def fit(X, Y, seed):
        given.append((X, Y, seed))
        return KnownTasks()

    expected = []
    for task, (rows, X) in enumerate(zip(seen, candidates, strict=True)):
        mean = (KnownTasks.slopes[task] * X[:, 0]).numpy()
        std = (KnownTasks.variances[task] * (0.1 + X[:, 1])).sqrt().numpy()
        z = (mean - rows.Y.max().item()) / std
        expected.append((std * (z * norm.cdf(z) + norm.pdf(z))).argmax())
    assert all_by_log_ei(fit)(seen, candidates, 6) == expected
    ((X, Y, seed),) = given
    assert seed == 6
    assert torch.equal(X, torch.cat([rows.X for rows in seen]))
    assert torch.equal(Y[:5, :1], seen[0].Y)
    assert torch.equal(Y[5:, 1:], seen[1].Y)
    assert Y[:5, 1].isnan().all()
    assert Y[5:, 0].isnan().all()


def test_the_warm_start_goes_on_by_the_expected_improvement_of_a_gp_of_the_target():
    sources = [log(8, 3)]
    propose = POOL_METHODS[WARM_START](sources, 0)
    propose(TARGET, CANDIDATES)
    expected = POOL_METHODS[SINGLE_TASK_GP](sources, 0)(TARGET, CANDIDATES)
    assert propose(TARGET, CANDIDATES) == expected


def test_the_mean_of_sources_tries_its_best_and_not_what_is_uncertain():
    sources = [log(15, seed, 0.3) for seed in (0, 1)]
    distances = (CANDIDATES - 0.3).norm(dim=-1)
    chosen = POOL_METHODS[MEAN_OF_SOURCES](sources, 0)(TARGET, CANDIDATES)
    assert distances[chosen] <= distances.sort().values[2]

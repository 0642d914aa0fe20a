"""Data for fits, scores of predictive distributions, single runs."""

from statistics import NormalDist

import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal

from benchmarks.methods import SINGLE_RBF, SURROGATES
from benchmarks.problems import star_correlation
from benchmarks.protocols import prediction
from benchmarks.protocols.prediction import (
    PERCENT,
    draw_data,
    run_prediction,
    run_transfer,
    score,
)
from botorch_cll.test_functions import CorrelatedTasks, ShiftedTasks

CONFIG = {"num_poor": 6, "num_rich": 12, "num_test": 40}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_task_is_observed_at_points_of_its_own():
    problem = CorrelatedTasks(4, 3, 0.5, noise_std=None)
    X, Y, _ = draw_data(problem, (6, 12, 12), 9, generator())
    assert (~Y.isnan()).sum(0).tolist() == [6, 12, 12]
    assert ((~Y.isnan()).sum(1) == 1).all()
    assert len(X.unique(dim=0)) == 30
    seen = ~Y.isnan()
    assert torch.equal(Y[seen], problem.evaluate_true(X)[seen])


@pytest.mark.parametrize("problem", ["2 tasks", "4 tasks noisy"])
def test_runs_are_deterministic_and_score_the_poor_task(problem):
    key = {"problem": problem, "correlation": 0.9, "method": "RMLA", "seed": 2}
    (first,), (second,) = run_transfer(key, CONFIG).rows, run_transfer(key, CONFIG).rows
    assert first["task"] == 1
    assert 0.0 < first["rmse"] < 2.0
    assert 0.0 <= first["coverage_95"] <= 1.0
    first.pop("fit_seconds")
    second.pop("fit_seconds")
    assert first == second


def test_errors_are_those_of_exact_values_and_densities_those_of_new_observations(monkeypatch):
    calls = []

    def record(model, X, Y):
        calls.append((X, Y, score(model, X, Y)))
        return calls[-1][-1]

    monkeypatch.setattr(prediction, "score", record)
    key = {"problem": "2 tasks noisy", "correlation": 0.5, "method": "RMLA", "seed": 2}
    (row,) = run_transfer(key, CONFIG).rows
    (exact,) = (call for call in calls if call[2]["rmse"][0] == row["rmse"])
    (noisy,) = (call for call in calls if call[2]["nlpd"][0] == row["nlpd"])
    assert noisy[2]["coverage_95"][0] == row["coverage_95"]
    correlation = star_correlation(0.5, 2, 4, generator(2))
    problem = CorrelatedTasks(4, 2, correlation, num_sines=5, noise_std=0.5, seed=2)
    assert torch.equal(exact[1], problem.evaluate_true(exact[0]))
    assert 0.3 < (noisy[1] - exact[1]).std() < 0.7


def test_related_data_help_and_the_poor_task_s_data_are_the_same_for_all_methods():
    def rmse(method: str) -> float:
        key = {"problem": "2 tasks", "correlation": 1.0, "method": method, "seed": 0}
        config = {"num_poor": 6, "num_rich": 60, "num_test": 200}
        return run_transfer(key, config).rows[0]["rmse"]

    assert rmse("RMLA") < 0.8 * rmse("Single-RBF")


class Oracle(Model):
    """Predicts two tasks: zero with a variance of four, and one with a variance of nine."""

    def posterior(self, X: torch.Tensor, observation_noise: bool = False, **_: object):
        assert observation_noise
        mean = torch.tensor([0.0, 1.0]).to(X).expand(*X.shape[:-1], 2)
        covariance = torch.tensor([4.0, 9.0]).to(X).diag().expand(*X.shape[:-2], 2, 2)
        return GPyTorchPosterior(MultitaskMultivariateNormal(mean, covariance))


def test_scores_against_the_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(5000, 1, dtype=torch.double, generator=generator)
    Y = torch.randn(5000, 2, dtype=torch.double, generator=generator)
    Y = torch.stack([2.0 * Y[:, 0], 1.0 + 6.0 * Y[:, 1]], dim=-1)
    scores = score(Oracle(), X, Y)
    for task, (mean, std) in enumerate([(0.0, 2.0), (1.0, 3.0)]):
        y = Y[:, task]
        scale = y.std()
        rmse = (y - mean).square().mean().sqrt() / scale
        assert scores["rmse"][task].item() == pytest.approx(rmse.item())
        assert scores["sharpness"][task].item() == pytest.approx(std / scale.item())
        log_density = torch.distributions.Normal(mean, std).log_prob(y).mean() + scale.log()
        assert scores["nlpd"][task].item() == pytest.approx(-log_density.item())
        for percent in PERCENT:
            bound = NormalDist().inv_cdf(0.5 + percent / 200) * std
            within = ((y >= mean - bound) & (y <= mean + bound)).double().mean()
            assert scores[f"coverage_{percent}"][task].item() == pytest.approx(within.item())
            if task == 0:  # its variance is the true one
                assert within.item() == pytest.approx(percent / 100, abs=0.03)


def test_points_are_common_or_the_second_task_has_its_own() -> None:
    problem = ShiftedTasks("Levy", seed=1)
    X, Y, test_X = draw_data(problem, (15, 40), 100, generator())
    seen = ~Y.isnan()
    assert X.shape == (55, 4)
    assert seen.sum(0).tolist() == [15, 40]
    assert seen.sum(1).max() == 1
    common_X, common_Y, same_test_X = draw_data(problem, 15, 100, generator())
    assert common_Y.isnan().sum() == 0
    assert torch.equal(common_X, X[:15])
    assert torch.equal(same_test_X, test_X)
    assert torch.equal(common_Y, problem.evaluate_true(common_X))


@pytest.mark.parametrize("rich", [0, 9], ids=["common", "unequal"])
def test_scores_are_means_over_the_tasks_with_few_points(rich: int) -> None:
    key = {"problem": "Levy", "method": SINGLE_RBF, "seed": 3} | ({} if rich else {"n": 6})
    (found,) = run_prediction(key, {"num_poor": 6, "num_rich": rich, "num_test": 40}).rows
    problem = ShiftedTasks("Levy", seed=3)
    X, Y, test_X = draw_data(problem, (6, rich) if rich else 6, 40, generator(3))
    scores = score(SURROGATES[SINGLE_RBF](X, Y, 3), test_X, problem.evaluate_true(test_X))
    assert found["task"] == (1 if rich else "both")
    for name, values in scores.items():
        expected = values[0] if rich else (values[0] + values[1]) / 2
        assert found[name] == pytest.approx(expected.item())
    assert found["seconds"] > 0

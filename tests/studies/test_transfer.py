"""Regression with unequal data: correlations, data, single runs."""

import pytest
import torch

from botorch_cll.studies import transfer
from botorch_cll.studies.prediction.scores import score
from botorch_cll.studies.transfer import (
    TRANSFER,
    draw_unequal_data,
    run_transfer,
    star_correlation,
)
from botorch_cll.test_functions import CorrelatedTasks

CONFIG = {"num_poor": 6, "num_rich": 12, "num_test": 40}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("p", TRANSFER.factors["correlation"])
@pytest.mark.parametrize("num_tasks", [2, 4, 8])
def test_every_task_has_the_same_correlation_with_the_first(p, num_tasks):
    matrix = star_correlation(p, num_tasks, 4, generator())
    assert matrix[0, 1:].tolist() == pytest.approx([p] * (num_tasks - 1))
    assert torch.allclose(matrix.diagonal(), torch.ones(num_tasks).double())
    assert torch.linalg.eigvalsh(matrix).min() > -1e-9
    weights = CorrelatedTasks(4, num_tasks, matrix, c=1.0).weights
    torch.testing.assert_close(weights @ weights.T, matrix)


def test_every_task_is_observed_at_points_of_its_own():
    problem = CorrelatedTasks(4, 3, 0.5, noise_std=None)
    X, Y = draw_unequal_data(problem, 6, 12, generator())
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

    monkeypatch.setattr(transfer, "score", record)
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

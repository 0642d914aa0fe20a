"""Rows and curves of optimisation runs against the definitions."""

import pytest
import torch

from benchmarks.methods import MethodRun
from botorch_cll.studies.optimization import optimization_output, random_median
from botorch_cll.test_functions import CompositeTasks, ShiftedTasks

TRUTH = torch.tensor([[5.0, 4.0, 6.0, 2.0, 3.0], [1.0, 9.0, 9.0, 9.0, 0.5]], dtype=torch.double)
NOISE = torch.tensor([0.1, -0.1, 0.0, 0.3, 0.2], dtype=torch.double)


def output(optimum):
    run = MethodRun(torch.zeros(2, 5, 1), TRUTH + NOISE, fit_seconds=3.0, propose_seconds=4.0)
    median = torch.tensor([7.0, 8.0])
    return optimization_output(run, ("a", "b"), TRUTH, median, optimum, num_initial=2)


def test_rows_are_best_values_and_regret():
    first, second = output(torch.tensor([1.0, 0.0])).rows
    assert first["task"] == "a"
    assert first["best"] == pytest.approx(2.3)  # as observed
    assert first["true_best"] == 2.0  # without the noise
    assert first["regret"] == 1.0
    assert first["normalized_regret"] == pytest.approx((2.0 - 1.0) / (7.0 - 1.0))
    assert second["normalized_regret"] == pytest.approx(0.5 / 8.0)
    assert (first["fit_seconds"], first["propose_seconds"]) == (3.0, 4.0)


def test_curves_start_at_the_end_of_the_first_design():
    curves = output(None).curves
    assert [list(curve.x) for curve in curves] == [[2, 3, 4, 5]] * 2
    assert curves[0].y == [4.0, 4.0, 2.0, 2.0]
    assert curves[1].y == [1.0, 1.0, 1.0, 0.5]


def test_unknown_optima_stay_empty():
    first, _ = output(None).rows
    assert first["optimum"] is first["regret"] is first["normalized_regret"] is None


@pytest.mark.parametrize(
    "problem",
    [CompositeTasks("Rastrigin+Griewank", correlation=0.5, seed=2), ShiftedTasks("Rosenbrock")],
    ids=["symmetric", "skewed"],
)
def test_random_median_halves_fresh_random_values(problem):
    generator = torch.Generator().manual_seed(1)
    unit = torch.rand(4000, problem.dim, generator=generator, dtype=torch.double)
    low, high = problem.bounds
    values = problem.evaluate_true(low + (high - low) * unit)
    share = (values < random_median(problem)).double().mean(0)
    assert (share - 0.5).abs().max() < 0.06

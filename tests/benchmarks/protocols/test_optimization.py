"""Rows and curves of optimisation runs against the definitions."""

import pytest
import torch

from benchmarks.methods import METHODS
from benchmarks.methods.run import MethodRun
from benchmarks.problems import DATA_SETS
from benchmarks.protocols.optimization import (
    optimization_output,
    random_median,
    run_pairs,
    run_tuning,
)
from benchmarks.studies import STUDIES
from botorch_cll.test_functions import CompositeTasks, ShiftedTasks

TRUTH = torch.tensor([[5.0, 4.0, 6.0, 2.0, 3.0], [1.0, 9.0, 9.0, 9.0, 0.5]], dtype=torch.double)
NOISE = torch.tensor([0.1, -0.1, 0.0, 0.3, 0.2], dtype=torch.double)


def output(optimum):
    run = MethodRun(torch.zeros(2, 5, 1), TRUTH + NOISE, fit_seconds=3.0, propose_seconds=4.0)
    median = torch.tensor([7.0, 8.0])
    return optimization_output(run, ("a", "b"), TRUTH, median, optimum, {"num_initial": 2})


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


PAIR_CONFIG = {"budget": 12, "num_initial": 8}


def pair_key(method: str, seed: int = 1) -> dict:
    return {"problem": "Rastrigin+Griewank", "correlation": 0.5, "method": method, "seed": seed}


def test_the_study_is_the_papers_grid_with_our_methods():
    assert len(STUDIES["table2"]) == 10 * 5 * 3 * len(METHODS)
    assert STUDIES["table2"].config == {"budget": 100, "num_initial": 20}


@pytest.mark.filterwarnings("ignore:std")  # `optimize_acqf_per_task` for one task
@pytest.mark.parametrize("method", ["Bay_MRBFCor (paper)", "Single-RBF"])
def test_the_same_key_gives_the_same_rows(method):
    first, second = (run_pairs(pair_key(method), PAIR_CONFIG) for _ in range(2))
    for one, other in zip(first.rows, second.rows, strict=True):
        names = {name for name in one if not name.endswith("seconds")}
        assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert first.curves == second.curves


def test_rows_agree_with_the_problem():
    output = run_pairs(pair_key("Sobol"), PAIR_CONFIG)
    problem = CompositeTasks("Rastrigin+Griewank", correlation=0.5, seed=1)
    for task, row in enumerate(output.rows):
        assert row["task"] == task + 1
        assert row["optimum"] == pytest.approx(problem.optimal_value[task].item())
        assert row["true_best"] >= row["optimum"]
        assert abs(row["best"] - row["true_best"]) < 1.0  # noise of standard deviation 0.1
        assert output.curves[task].y[-1] == row["true_best"]


@pytest.mark.filterwarnings("ignore:std")  # as above
def test_all_methods_of_a_seed_start_alike_and_seeds_differ():
    starts = {
        (method, seed): [x.y[0] for x in run_pairs(pair_key(method, seed), PAIR_CONFIG).curves]
        for method, seed in (("Sobol", 1), ("Single-RBF", 1), ("RMLA", 1), ("Sobol", 2))
    }
    assert starts["Single-RBF", 1] == starts["Sobol", 1] == starts["RMLA", 1]
    assert starts["Sobol", 2] != starts["Sobol", 1]


def test_noise_of_the_first_design_does_not_depend_on_the_method():
    config = {"budget": 8, "num_initial": 8}
    rows = [run_pairs(pair_key(method), config).rows for method in ("Sobol", "independent GPs")]
    assert [row["best"] for row in rows[0]] == [row["best"] for row in rows[1]]
    assert not torch.tensor([row["best"] == row["true_best"] for row in rows[0]]).any()


def test_a_run_returns_log_losses_of_every_data_set():
    config = {"budget": 4, "num_initial": 3}
    key = {"problem": "svc", "method": "Sobol", "seed": 0}
    output = run_tuning(key, config)
    assert [row["task"] for row in output.rows] == list(DATA_SETS)
    for row, curve in zip(output.rows, output.curves, strict=True):
        assert row["optimum"] is None
        assert 0.0 < row["best"] == row["true_best"] == curve.y[-1] <= row["random_median"]
    assert output.curves == run_tuning(key, config).curves


def test_the_study_has_two_estimators_and_four_data_sets():
    assert len(STUDIES["tuning"].factors["problem"]) == 2
    assert len(DATA_SETS) == 4
    assert STUDIES["tuning"].factors["seed"] == (0, 1, 2, 3, 4)

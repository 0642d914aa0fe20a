"""A poorly observed task beside well observed ones: what the others' data are worth to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.methods import METHODS, NO_SURROGATE, without_sparse_warning
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.prediction.scores import score
from botorch_cll.studies.report.regression import report_regression
from botorch_cll.test_functions import CorrelatedTasks

_DIM = 4
_LOW_NOISE, _HIGH_NOISE = 0.01, 0.5

TRANSFER_PROBLEMS = {
    "2 tasks": (2, _LOW_NOISE),
    "4 tasks": (4, _LOW_NOISE),
    "8 tasks": (8, _LOW_NOISE),
    "2 tasks noisy": (2, _HIGH_NOISE),
    "4 tasks noisy": (4, _HIGH_NOISE),
}
"""Names, number of tasks and standard deviation of the noise, beside task values of some 2.5."""


def star_correlation(p: float, num_tasks: int, dim: int, generator: torch.Generator) -> Tensor:
    """Correlations of tasks of which each has correlation `p` with the first, in its own way.

    The directions behind them are `w_1 = u` and `w_t = p u + √(1 - p²) v_t` with independent random
    unit vectors `v_t` orthogonal to `u`: any `p` in [-1, 1] works for any number of tasks.

    Args:
        p: The correlation of the first task with each of the others.
        num_tasks: The number `T` of tasks.
        dim: The dimension of the space of directions, at least 2.
        generator: The source of the `v_t`.

    Returns:
        A `T x T`-dim tensor.
    """
    v = torch.randn(num_tasks - 1, dim - 1, generator=generator, dtype=torch.double)
    v = v / v.norm(dim=-1, keepdim=True)
    first = torch.eye(1, dim, dtype=torch.double)
    others = torch.cat([v.new_full((num_tasks - 1, 1), p), (1.0 - p * p) ** 0.5 * v], dim=-1)
    directions = torch.cat([first, others])
    return (directions @ directions.T).fill_diagonal_(1.0)


def draw_unequal_data(
    problem: CorrelatedTasks, num_poor: int, num_rich: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Observe every task at uniform points of its own.

    Args:
        problem: The problem, of `T` tasks.
        num_poor: The number of observations of the first task.
        num_rich: The number of observations of each other task.
        generator: The source of the points.

    Returns:
        A `n x d`-dim tensor of points and a `n x T`-dim tensor of observations, NaN where a task
        was not observed.
    """
    counts = torch.tensor([num_poor] + [num_rich] * (problem.num_tasks - 1))
    task = torch.arange(problem.num_tasks).repeat_interleave(counts)
    X = _uniform(problem, len(task), generator)
    own = task.unsqueeze(-1) == torch.arange(problem.num_tasks)
    return X, problem(X).where(own, torch.nan)


def _uniform(problem: CorrelatedTasks, n: int, generator: torch.Generator) -> Tensor:
    low, high = problem.bounds
    unit = torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
    return low + (high - low) * unit


def run_transfer(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Fit one surrogate and score its predictions of the poor task; a run of a `Study`.

    Args:
        key: The levels of `problem` (of `TRANSFER_PROBLEMS`), `correlation`, `method` and `seed`.
        config: `num_poor`, `num_rich` and `num_test`.

    Returns:
        One row: root mean squared error of the noise-free values, in standard deviations of the
        task, and negative log predictive density and coverage of new, noisy observations.
    """
    seed = int(key["seed"])
    num_tasks, noise = TRANSFER_PROBLEMS[str(key["problem"])]
    generator = torch.Generator().manual_seed(seed)
    correlation = star_correlation(float(key["correlation"]), num_tasks, _DIM, generator)
    problem = CorrelatedTasks(_DIM, num_tasks, correlation, num_sines=5, noise_std=noise, seed=seed)
    test_X = _uniform(problem, config["num_test"], generator)
    X, Y = draw_unequal_data(problem, config["num_poor"], config["num_rich"], generator)
    with without_sparse_warning():
        started = time.perf_counter()
        model = METHODS[str(key["method"])].fit(X, Y, seed)
        fit_seconds = time.perf_counter() - started
        assert model is not None
        exact = score(model, test_X, problem.evaluate_true(test_X))
        noisy = score(model, test_X, problem(test_X))
    row = {
        "task": 1,
        "rmse": exact["rmse"][0].item(),
        "nlpd": noisy["nlpd"][0].item(),
        "coverage_95": noisy["coverage_95"][0].item(),
        "fit_seconds": fit_seconds,
    }
    return RunOutput([row])


TRANSFER = Study(
    name="transfer",
    factors={
        "seed": tuple(range(10)),
        "problem": tuple(TRANSFER_PROBLEMS),
        "correlation": (1.0, 0.9, 0.5, 0.0, -0.5, -0.9),
        "method": tuple(name for name in METHODS if name != NO_SURROGATE),
    },
    config={"num_poor": 10, "num_rich": 40, "num_test": 500},
    run=run_transfer,
    report=report_regression,
)

"""Runs that minimise tasks with one method; those of a seed share the problem and first design."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.methods import METHODS
from benchmarks.methods.run import MethodRun, run_method
from benchmarks.problems import DATA_SETS, log_losses
from benchmarks.runner.grid import Config, Curve, Key, Level, RunOutput
from botorch_cll.test_functions import CompositeTasks, MultiTaskTestProblem, SklearnTuningTasks

_MEDIAN_POINTS = 1024


def run_pairs(key: Key, config: Config) -> RunOutput:
    """Minimise both tasks of one of the paper's pairs."""
    pair = partial(CompositeTasks, key["problem"], key["correlation"], seed=key["seed"])
    known = pair()

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        observed = pair()
        columns = slice(None) if task is None else slice(task, task + 1)
        return lambda X: observed(X)[:, columns]

    method, sizes = METHODS[key["method"]], (config["budget"], config["num_initial"])
    run = run_method(method, objective, known.bounds, 2, *sizes, seed=key["seed"])
    truth = torch.stack([known.evaluate_true(X)[:, task] for task, X in enumerate(run.X)])
    return optimization_output(
        run, (1, 2), truth, random_median(known), known.optimal_value, config
    )


def run_tuning(key: Key, config: Config) -> RunOutput:
    """Tune one estimator on all data sets by the logarithms of log losses; results are losses."""
    estimator, seed = key["problem"], key["seed"]
    bounds = SklearnTuningTasks(estimator, data_sets=DATA_SETS, seed=seed).bounds

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        return log_losses(estimator, DATA_SETS, task, seed)

    method, sizes = METHODS[key["method"]], (config["budget"], config["num_initial"])
    run = run_method(method, objective, bounds, len(DATA_SETS), *sizes, seed=seed)
    run = run._replace(Y=run.Y.exp())
    median = run.Y[:, : config["num_initial"]].median(-1).values
    return optimization_output(run, DATA_SETS, run.Y, median, None, config)


def random_median(problem: MultiTaskTestProblem) -> Tensor:
    """A `T`-dim tensor: each task's median over the box, from uniform points, always the same."""
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(_MEDIAN_POINTS, problem.dim, generator=generator, dtype=torch.double)
    return problem.evaluate_true(unnormalize(unit, problem.bounds)).median(0).values


def optimization_output(
    run: MethodRun,
    tasks: Sequence[Level],
    truth: Tensor,
    median: Tensor,
    optimum: Tensor | None,
    config: Config,
) -> RunOutput:
    """A row and a curve for each task, from `T x n` noise-free values `truth` at the run's points.

    Normalized regret is 1 at the `median` of random points; without an optimum regrets are empty.
    """
    num_initial = config["num_initial"]
    course = truth.cummin(-1).values
    best = course[:, -1]
    columns = {
        "best": run.Y.amin(-1),
        "true_best": best,
        "optimum": optimum,
        "random_median": median,
        "regret": None if optimum is None else best - optimum,
        "normalized_regret": None if optimum is None else (best - optimum) / (median - optimum),
    }
    seconds = {"fit_seconds": run.fit_seconds, "propose_seconds": run.propose_seconds}
    rows, curves = [], []
    for index, task in enumerate(tasks):
        row = {name: None if x is None else x[index].item() for name, x in columns.items()}
        rows.append({"task": task, **row, **seconds})
        evaluations = range(num_initial, course.shape[-1] + 1)
        y = course[index, num_initial - 1 :].tolist()
        curves.append(Curve(task, "true_best", evaluations, y))
    return RunOutput(rows, curves)

"""Runs that fit one surrogate to data of several tasks and score its predictions."""

import math
import time
from collections.abc import Sequence

import torch
from botorch.models.model import Model
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.methods import METHODS, SURROGATES
from benchmarks.methods.run import without_sparse_warning
from benchmarks.problems import PROBLEMS, transfer_problem
from benchmarks.runner.grid import Config, Key, RunOutput
from botorch_cll.plots import LEVELS, interval_coverage
from botorch_cll.test_functions import MultiTaskTestProblem

PERCENT = tuple(round(100 * level) for level in LEVELS)


def draw_data(
    problem: MultiTaskTestProblem,
    counts: int | Sequence[int],
    num_test: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Points, common or so many for each task, their observations, else NaN, and points to test."""

    def uniform(num: int) -> Tensor:
        unit = torch.rand(num, problem.dim, generator=generator, dtype=torch.double)
        return unnormalize(unit, problem.bounds)

    test_X = uniform(num_test)
    if isinstance(counts, int):
        X = uniform(counts)
        return X, problem(X), test_X
    task = torch.arange(problem.num_tasks).repeat_interleave(torch.tensor(counts))
    X = uniform(len(task))
    own = task.unsqueeze(-1) == torch.arange(problem.num_tasks)
    return X, problem(X).where(own, torch.nan), test_X


def score(model: Model, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
    """Accuracy and calibration for `n x T` values, task by task, in units of their deviation."""
    with torch.no_grad():
        # One point at a time: a joint posterior over all points is not asked for.
        posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
        mean, variance = posterior.mean.squeeze(-2), posterior.variance.squeeze(-2)
    scale = Y.std(0)
    z = (Y - mean) / variance.sqrt()
    density = 0.5 * (2.0 * math.pi * variance / scale.square()).log() + 0.5 * z.square()
    scores = {
        "rmse": ((Y - mean) / scale).square().mean(0).sqrt(),
        "nlpd": density.mean(0),
        "sharpness": (variance.sqrt() / scale).mean(0),
    }
    coverage = interval_coverage(mean, variance, Y)
    return scores | {f"coverage_{p}": x for p, x in zip(PERCENT, coverage, strict=True)}


def run_prediction(key: Key, config: Config) -> RunOutput:
    """Predict noise-free values of two tasks of `n` points, or of a poor one beside a rich one."""
    seed = key["seed"]
    problem = PROBLEMS[key["problem"]].build(seed=seed)
    counts = key["n"] if "n" in key else (config["num_poor"], config["num_rich"])
    generator = torch.Generator().manual_seed(seed)
    X, Y, test_X = draw_data(problem, counts, config["num_test"], generator)
    test_Y = problem.evaluate_true(test_X)
    started = time.process_time()
    scores = score(SURROGATES[key["method"]](X, Y, seed), test_X, test_Y)
    seconds = time.process_time() - started
    task, scored = ("both", slice(None)) if "n" in key else (1, slice(1))
    means = {name: values[scored].mean().item() for name, values in scores.items()}
    return RunOutput([{"task": task, **means, "seconds": seconds}])


def run_transfer(key: Key, config: Config) -> RunOutput:
    """Predict a poorly observed task: the error is of noise-free values, all else of noisy ones."""
    seed = key["seed"]
    generator = torch.Generator().manual_seed(seed)
    problem = transfer_problem(key["problem"], key["correlation"], seed, generator)
    counts = [config["num_poor"]] + [config["num_rich"]] * (problem.num_tasks - 1)
    X, Y, test_X = draw_data(problem, counts, config["num_test"], generator)
    with without_sparse_warning():
        started = time.perf_counter()
        model = METHODS[key["method"]].fit(X, Y, seed)
        seconds = time.perf_counter() - started
        assert model is not None
        exact = score(model, test_X, problem.evaluate_true(test_X))
        noisy = score(model, test_X, problem(test_X))
    first = {"rmse": exact["rmse"][0].item()}
    first |= {name: noisy[name][0].item() for name in ("nlpd", "coverage_95")}
    return RunOutput([{"task": 1, **first, "fit_seconds": seconds}])

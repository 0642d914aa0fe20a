"""Data for fits, fits to them, and scores of predictive distributions."""

from __future__ import annotations

import math
import time

import torch
from botorch.models.model import Model
from torch import Tensor

from benchmarks.methods import SURROGATES
from botorch_cll.plots import LEVELS, interval_coverage
from botorch_cll.studies.prediction.problems import PROBLEMS
from botorch_cll.test_functions import MultiTaskTestProblem

PERCENT = tuple(round(100 * level) for level in LEVELS)


def draw_data(
    problem: MultiTaskTestProblem, n: int, rich: int, num_test: int, seed: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Uniform training and test points, and the values of two tasks at them.

    Args:
        problem: The problem, on the unit cube.
        n: The observations of the tasks, at common points if `rich` is zero.
        rich: If not zero, the observations of the second task. They are at points of their own,
            and the `n` points are observed by the first task only.
        num_test: The number of test points.
        seed: The seed of the points.

    Returns:
        Training points and values (NaN where not observed), test points and noise-free values.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(num: int) -> Tensor:
        return torch.rand(num, problem.dim, generator=generator, dtype=torch.double)

    test_X = uniform(num_test)
    X = uniform(n + rich)
    Y = problem(X)
    if rich:
        Y[:n, 1] = torch.nan
        Y[n:, 0] = torch.nan
    return X, Y, test_X, problem.evaluate_true(test_X)


def score(model: Model, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
    """Accuracy and calibration of a model's predictive distribution, per task.

    Args:
        model: A fitted model of `T` outputs.
        X: A `n x d`-dim tensor of test points.
        Y: A `n x T`-dim tensor of noise-free values there.

    Returns:
        `T`-dim tensors: root mean squared error and mean standard deviation in units of the
        standard deviation of `Y`, mean negative log predictive density in those units, and the
        shares of values within the central intervals of `PERCENT`.
    """
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
    return scores | {
        f"coverage_{percent}": shares for percent, shares in zip(PERCENT, coverage, strict=True)
    }


def fit_and_score(
    problem: str, surrogate: str, n: int, rich: int, num_test: int, seed: int
) -> dict[str, float]:
    """Fit a surrogate to two tasks and score its predictions.

    Args:
        problem: A label of `PROBLEMS`.
        surrogate: A key of `SURROGATES`.
        n: The observations of each scored task.
        rich: The observations of the second task, elsewhere, in which case the first is scored;
            zero if both are observed at the same points and scored.
        num_test: The number of test points.
        seed: The seed of problem, data and surrogate.

    Returns:
        The scores, means over the scored tasks, and the processor `seconds` of fit and predictions.
    """
    X, Y, test_X, test_Y = draw_data(PROBLEMS[problem].build(seed), n, rich, num_test, seed)
    started = time.process_time()
    scores = score(SURROGATES[surrogate](X, Y, seed), test_X, test_Y)
    seconds = time.process_time() - started
    scored = slice(0, 1) if rich else slice(None)
    means = {name: values[scored].mean().item() for name, values in scores.items()}
    return {**means, "seconds": seconds}

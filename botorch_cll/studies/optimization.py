"""What a run of an optimisation study returns: best values, regret and how they came about."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.methods import MethodRun
from botorch_cll.studies.grid import Curve, Level, RunOutput
from botorch_cll.test_functions import MultiTaskTestProblem

_MEDIAN_POINTS = 1024


def random_median(problem: MultiTaskTestProblem) -> Tensor:
    """A `T`-dim tensor: the median of every task's noise-free values over the box.

    It is estimated from 1024 uniform points, always the same.
    """
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(_MEDIAN_POINTS, problem.dim, generator=generator, dtype=torch.double)
    low, high = problem.bounds
    return problem.evaluate_true(low + (high - low) * unit).median(0).values


def optimization_output(
    run: MethodRun,
    tasks: Sequence[Level],
    truth: Tensor,
    median: Tensor,
    optimum: Tensor | None,
    num_initial: int,
) -> RunOutput:
    r"""One row and one curve per task of a minimisation.

    `best` is the best observation, `true_best` the best noise-free value among the points
    evaluated, `regret` its distance from the optimum, and

    .. math:: \text{normalized regret} = \frac{\text{true best} - \text{optimum}}
        {\text{median} - \text{optimum}}

    is 0 at the optimum and 1 at the median of random points. The curve is the course of
    `true_best` from the end of the first design on. Where the optimum is not known, its columns
    stay empty, and reports put the best value of any run in its place.

    Args:
        run: The run.
        tasks: The `T` names of the tasks.
        truth: A `T x n`-dim tensor: the noise-free values at the points evaluated.
        median: A `T`-dim tensor: the median of the values of random points.
        optimum: A `T`-dim tensor of minima, if they are known.
        num_initial: The size of the first design.

    Returns:
        The rows and the curves.
    """
    course = truth.cummin(-1).values
    rows, curves = [], []
    for index, task in enumerate(tasks):
        best, middle = course[index, -1].item(), median[index].item()
        lowest = None if optimum is None else optimum[index].item()
        rows.append(
            {
                "task": task,
                "best": run.Y[index].min().item(),
                "true_best": best,
                "optimum": lowest,
                "random_median": middle,
                "regret": None if lowest is None else best - lowest,
                "normalized_regret": None
                if lowest is None
                else (best - lowest) / (middle - lowest),
                "fit_seconds": run.fit_seconds,
                "propose_seconds": run.propose_seconds,
            }
        )
        evaluations = range(num_initial, course.shape[-1] + 1)
        values = course[index, num_initial - 1 :].tolist()
        curves.append(Curve(task=task, name="true_best", x=evaluations, y=values))
    return RunOutput(rows, curves)

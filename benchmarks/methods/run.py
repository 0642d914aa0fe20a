"""How a method minimises several tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim import best_by_task, run_bay_mrbfcor
from botorch_cll.optim.loop import Fit, Propose
from botorch_cll.optim.random_state import isolated_random_state

_SOBOL_POINTS = 256


@dataclass(frozen=True)
class Method:
    """How to fit a surrogate and how to propose candidates with it.

    A surrogate that knows nothing of other tasks optimises the tasks `one_task_at_a_time`, each
    with all of its evaluations at candidates of its own, where a joint method also evaluates each
    task at the other tasks' candidates.
    """

    fit: Fit
    propose: Propose
    one_task_at_a_time: bool = False


class MethodRun(NamedTuple):
    """What a method has evaluated: `T x n x d`-dim points and `T x n`-dim values, in order.

    The seconds are those of all tasks together. A joint method evaluates all tasks at the same
    points.
    """

    X: Tensor
    Y: Tensor
    fit_seconds: float
    propose_seconds: float


def propose_by_gradient(
    model: Model | None, bounds: Tensor, X: Tensor, Y: Tensor, seed: int
) -> Tensor:
    """One candidate per task by `LogExpectedImprovement` and `optimize_acqf`, task by task.

    20 restarts from 512 raw samples and the best observation as incumbent, as in BoTorch's
    tutorials.
    """
    assert model is not None
    best_f = best_by_task(X, Y).Y
    candidates, values = [], []
    for weights, incumbent in zip(torch.eye(len(best_f)).to(best_f), best_f, strict=True):
        transform = ScalarizedPosteriorTransform(weights)
        acqf = LogExpectedImprovement(model, incumbent, posterior_transform=transform)
        with isolated_random_state(seed, X.device):
            candidate, value = optimize_acqf(
                acqf, bounds, q=1, num_restarts=20, raw_samples=512, options={"seed": seed}
            )
        candidates.append(candidate)
        values.append(value)
    return torch.cat(candidates)[torch.stack(values).argsort(descending=True)]


def no_model(X: Tensor, Y: Tensor, seed: int) -> None:
    """The fit of a method without a surrogate."""


def propose_sobol(model: Model | None, bounds: Tensor, X: Tensor, Y: Tensor, seed: int) -> Tensor:
    """Many points of one sequence, of which the loop takes as many as its budget allows."""
    return draw_sobol_samples(bounds, n=_SOBOL_POINTS, q=1, seed=seed).squeeze(-2)


@contextmanager
def without_sparse_warning() -> Iterator[None]:
    """Hide, while inside, what PyTorch says of the sparse tensors that GPyTorch makes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield


def run_method(
    method: Method,
    objective: Callable[[int | None], Callable[[Tensor], Tensor]],
    bounds: Tensor,
    num_tasks: int,
    budget: int,
    num_initial: int,
    seed: int,
    callback: Callable[[int], None] = lambda made: None,
) -> MethodRun:
    """Minimise several tasks with a method.

    Every task is evaluated `budget` times, whatever the method: one that proposes `T` candidates
    for `T` tasks and evaluates all tasks there takes `1 / T` as many iterations as one that
    optimises the tasks one at a time. The first design depends on the seed only.

    Args:
        method: The method.
        objective: Maps a task to the function to evaluate for it, from `n x d` to `n x 1`, and
            `None` to that for all tasks, from `n x d` to `n x T`. It is called once for each
            optimisation, so that noise starts anew.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        num_tasks: The number `T` of tasks.
        budget: The number of evaluations of each task, the first design included.
        num_initial: The size of the first design.
        seed: The seed of the design, the fits and the proposals.
        callback: Called with the number of evaluations made so far, those of all tasks added up.
    """
    tasks: list[int | None] = [*range(num_tasks)] if method.one_task_at_a_time else [None]
    results = []
    for number, task in enumerate(tasks):

        def report(X: Tensor, Y: Tensor, made: int = number * budget) -> None:
            callback(made + Y.numel())

        with without_sparse_warning():
            result = run_bay_mrbfcor(
                objective(task),
                bounds,
                budget=budget,
                num_initial=num_initial,
                maximize=False,
                seed=seed,
                callback=report,
                fit=method.fit,
                propose=method.propose,
            )
        results.append(result)
    X = torch.stack([result.X for result in results])
    return MethodRun(
        X=X.expand(num_tasks, -1, -1),
        Y=torch.cat([result.Y for result in results], dim=-1).T,
        fit_seconds=sum(result.fit_seconds for result in results),
        propose_seconds=sum(result.propose_seconds for result in results),
    )

"""How a method minimises several tasks."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim import best_by_task, run_bay_mrbfcor
from botorch_cll.optim.loop import Fit, Propose, propose_by_swarm
from botorch_cll.optim.random_state import isolated_random_state

_SOBOL_POINTS = 256


@dataclass(frozen=True)
class Method:
    """How to fit a surrogate and how to propose candidates with it."""

    fit: Fit
    propose: Propose = propose_by_swarm
    one_task_at_a_time: bool = False  # with candidates of its own, as a fit knows no other tasks


class MethodRun(NamedTuple):
    """What a method has evaluated, in order, and the seconds of all tasks together."""

    X: Tensor  # `T x n x d` points; those of a joint method are the same for all tasks
    Y: Tensor  # `T x n` values
    fit_seconds: float
    propose_seconds: float


def propose_by_gradient(
    model: Model | None, bounds: Tensor, X: Tensor, Y: Tensor, seed: int
) -> Tensor:
    """A candidate per task by log-EI and `optimize_acqf` with the sizes of BoTorch's tutorials."""
    best_f = best_by_task(X, Y).Y
    candidates, values = [], []
    for weights, incumbent in zip(torch.eye(len(best_f)).to(best_f), best_f, strict=True):
        transform = ScalarizedPosteriorTransform(weights)
        acqf = LogExpectedImprovement(model, incumbent, posterior_transform=transform)
        with isolated_random_state(seed, X.device):
            candidate, value = optimize_acqf(acqf, bounds, 1, 20, 512, options={"seed": seed})
        candidates.append(candidate)
        values.append(value)
    return torch.cat(candidates)[torch.stack(values).argsort(descending=True)]


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
    """Minimise several tasks, each evaluated `budget` times, first at a design by the seed alone.

    `objective` makes the function to evaluate for a task (`n x 1` values), or for all (`None`,
    `n x T`), once for each optimisation. `callback` gets the number of all evaluations so far.
    """
    tasks: list[int | None] = [*range(num_tasks)] if method.one_task_at_a_time else [None]
    results = []
    for number, task in enumerate(tasks):

        def report(X: Tensor, Y: Tensor, made: int = number * budget) -> None:
            callback(made + Y.numel())

        options: dict[str, Any] = {"fit": method.fit, "propose": method.propose, "seed": seed}
        problem = objective(task), bounds, budget, num_initial
        with without_sparse_warning():
            result = run_bay_mrbfcor(*problem, maximize=False, callback=report, **options)
        results.append(result)
    return MethodRun(
        X=torch.stack([result.X for result in results]).expand(num_tasks, -1, -1),
        Y=torch.cat([result.Y for result in results], dim=-1).T,
        fit_seconds=sum(result.fit_seconds for result in results),
        propose_seconds=sum(result.propose_seconds for result in results),
    )

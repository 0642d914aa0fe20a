"""The parts `fit` and `propose` of the benchmark: ours against BoTorch's surrogates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from botorch.models.model import Model
from torch import Tensor

from benchmarks.bench.clock import Clock, Row, time_side_by_side
from benchmarks.bench.floor import bench_floor
from benchmarks.methods import INDEPENDENT_GPS, KRONECKER_GP, MULTI_TASK_GP, OURS, SURROGATES, VBLL
from benchmarks.methods.run import propose_by_gradient
from botorch_cll.optim.loop import Propose, propose_by_swarm
from botorch_cll.test_functions import CompositeTasks

PEERS = (MULTI_TASK_GP, KRONECKER_GP, INDEPENDENT_GPS, VBLL)
FIT_SIZES = (100, 400)
PROPOSE_SIZE = 100
NUM_TEST_POINTS = 1_000
_WARM_UP_ROWS = 12

Fit = Callable[[Tensor, Tensor, int], Model]


def draw_tasks(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Random points of a pair of the paper's tasks, both observed everywhere.

    Returns:
        Bounds (`2 x 4`), points (`n x 4`) and values to maximise (`n x 2`).
    """
    problem = CompositeTasks("Ackley+Griewank", correlation=0.9, negate=True)
    low, high = problem.bounds
    generator = torch.Generator().manual_seed(seed)
    X = low + (high - low) * torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
    return problem.bounds, X, problem(X)


def fit_and_predict(fit: Fit, X: Tensor, Y: Tensor, test_X: Tensor) -> None:
    """Fit a surrogate and read mean and variance of its predictions at test points."""
    model = fit(X, Y, 0)
    with torch.no_grad():
        posterior = model.posterior(test_X, observation_noise=True)
        _ = posterior.mean, posterior.variance


def fit_and_propose(fit: Fit, propose: Propose, bounds: Tensor, X: Tensor, Y: Tensor) -> None:
    """One iteration of Bayesian optimisation: a fit and as many candidates as tasks."""
    propose(fit(X, Y, 0), bounds, X, Y, 0)


def bench_fit(
    peers: tuple[str, ...], sizes: tuple[int, ...], repeats: int, now: Clock
) -> Iterator[Row | None]:
    """Time a fit and predictions at 1 000 points, then the parts of ours beside their floor."""
    test_X = draw_tasks(NUM_TEST_POINTS, seed=1)[1]
    fits = {name: SURROGATES[name] for name in (OURS, *peers)}
    for fit in fits.values():
        fit_and_predict(fit, *draw_tasks(_WARM_UP_ROWS)[1:], test_X)
    for n in sizes:
        _, X, Y = draw_tasks(n)
        works = {name: partial(fit_and_predict, fit, X, Y, test_X) for name, fit in fits.items()}
        for row in time_side_by_side(works, repeats, now):
            yield row and {"part": "fit", "n": n, **row}
    for n in sizes:
        for row in bench_floor(*draw_tasks(n)[1:], test_X, repeats, now):
            yield {"part": "floor", "n": n, **row}


def bench_propose(peers: tuple[str, ...], repeats: int, now: Clock) -> Iterator[Row | None]:
    """Time one iteration of Bayesian optimisation: fit, and as many candidates as tasks.

    Ours proposes by `optimize_acqf_any_task`, the others by `optimize_acqf`, task by task.
    """
    bounds, X, Y = draw_tasks(PROPOSE_SIZE)
    ways: dict[str, Propose] = {OURS: propose_by_swarm} | dict.fromkeys(peers, propose_by_gradient)
    works = {}
    for name, propose in ways.items():
        work = partial(fit_and_propose, SURROGATES[name], propose, bounds)
        work(X[:_WARM_UP_ROWS], Y[:_WARM_UP_ROWS])
        works[name] = partial(work, X, Y)
    for row in time_side_by_side(works, repeats, now):
        yield row and {"part": "propose", "n": PROPOSE_SIZE, **row}

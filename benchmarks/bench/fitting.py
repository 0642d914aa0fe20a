"""The parts `fit` and `propose` of the benchmark: ours against BoTorch's surrogates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.bench.clock import Clock, Row, time_side_by_side
from benchmarks.bench.floor import bench_floor, predict
from benchmarks.methods import INDEPENDENT_GPS, KRONECKER_GP, MULTI_TASK_GP, OURS, SURROGATES, VBLL
from benchmarks.methods.run import propose_by_gradient
from botorch_cll.optim.loop import propose_by_swarm
from botorch_cll.test_functions import CompositeTasks

PEERS = (MULTI_TASK_GP, KRONECKER_GP, INDEPENDENT_GPS, VBLL)
FIT_SIZES = (100, 400)
PROPOSE_SIZE = 100
NUM_TEST_POINTS = 1_000
_WARM_UP_ROWS = 12

Work = Callable[[str, Tensor, Tensor], None]
"""What to do with a method, points and values."""


def draw_tasks(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Bounds of a pair of the paper's tasks, `n` random points, and values to maximise."""
    problem = CompositeTasks("Ackley+Griewank", correlation=0.9, negate=True)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
    X = unnormalize(unit, problem.bounds)
    return problem.bounds, X, problem(X)


def _bench(
    part: str, work: Work, methods: Iterable[str], sizes: tuple[int, ...], repeats: int, now: Clock
) -> Iterator[Row | None]:
    """Time a work with each of the methods, after a first time with few data."""
    works = {method: partial(work, method) for method in methods}
    for of_method in works.values():
        of_method(*draw_tasks(_WARM_UP_ROWS)[1:])
    for n in sizes:
        data = draw_tasks(n)[1:]
        of_data = {method: partial(of_method, *data) for method, of_method in works.items()}
        for row in time_side_by_side(of_data, repeats, now):
            yield row and {"part": part, "n": n, **row}


def bench_fit(
    peers: tuple[str, ...], sizes: tuple[int, ...], repeats: int, now: Clock
) -> Iterator[Row | None]:
    """Time a fit and predictions at 1 000 points, then the parts of ours beside their floor."""
    test_X = draw_tasks(NUM_TEST_POINTS, seed=1)[1]

    def fit_and_predict(method: str, X: Tensor, Y: Tensor) -> None:
        predict(SURROGATES[method](X, Y, 0), test_X, observation_noise=True)

    yield from _bench("fit", fit_and_predict, (OURS, *peers), sizes, repeats, now)
    for n in sizes:
        for row in bench_floor(*draw_tasks(n)[1:], test_X, repeats, now):
            yield {"part": "floor", "n": n, **row}


def bench_propose(peers: tuple[str, ...], repeats: int, now: Clock) -> Iterator[Row | None]:
    """Time one iteration: a fit and as many candidates as tasks, BoTorch's task by task."""
    bounds = draw_tasks(1)[0]

    def fit_and_propose(method: str, X: Tensor, Y: Tensor) -> None:
        propose = propose_by_swarm if method == OURS else propose_by_gradient
        propose(SURROGATES[method](X, Y, 0), bounds, X, Y, 0)

    yield from _bench("propose", fit_and_propose, (OURS, *peers), (PROPOSE_SIZE,), repeats, now)

"""The parts `fit` and `propose` of the benchmark: ours against BoTorch's surrogates."""

from collections.abc import Callable, Sequence

import torch
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.bench.clock import Clock, Row, Series
from benchmarks.bench.floor import predict, time_parts
from benchmarks.methods import INDEPENDENT_GPS, KRONECKER_GP, MULTI_TASK_GP, OURS, SURROGATES, VBLL
from benchmarks.methods.run import propose_by_gradient
from botorch_cll.optim.loop import propose_by_swarm
from botorch_cll.test_functions import CompositeTasks

PEERS = (MULTI_TASK_GP, KRONECKER_GP, INDEPENDENT_GPS, VBLL)
FIT_SIZES = (100, 400)
PROPOSE_SIZE = 100
NUM_TEST_POINTS = 1_000
LIMIT_SECONDS = 20.0  # a method that has used this much is not repeated again
_WARM_UP_ROWS = 12

Data = tuple[Tensor, Tensor, Tensor]
Work = Callable[[str, Data], None]


def draw_tasks(n: int, seed: int = 0) -> Data:
    """Bounds of a pair of the paper's tasks, `n` random points, and values to maximise."""
    problem = CompositeTasks("Ackley+Griewank", correlation=0.9, negate=True)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
    X = unnormalize(unit, problem.bounds)
    return problem.bounds, X, problem(X)


def fit_series(
    peers: Sequence[str], sizes: Sequence[int], repeats: int, now: Clock
) -> list[Series]:
    """A fit and predictions at 1 000 points, then the parts of ours beside their floor."""
    test_X = draw_tasks(NUM_TEST_POINTS, seed=1)[1]

    def fit_and_predict(method: str, data: Data) -> None:
        predict(SURROGATES[method](*data[1:], 0), test_X, observation_noise=True)

    def fit_in_parts(method: str, data: Data) -> list[Row]:
        return time_parts(*data[1:], test_X, now)

    fits = _series("fit", peers, fit_and_predict, sizes, repeats)
    return fits + [
        Series({"part": "floor", "n": n}, [OURS], fit_in_parts, [n] * repeats, draw_tasks)
        for n in sizes
    ]


def propose_series(peers: Sequence[str], repeats: int) -> list[Series]:
    """One iteration: a fit and as many candidates as tasks, BoTorch's task by task."""

    def fit_and_propose(method: str, data: Data) -> None:
        bounds, X, Y = data
        propose = propose_by_swarm if method == OURS else propose_by_gradient
        propose(SURROGATES[method](X, Y, 0), bounds, X, Y, 0)

    return _series("propose", peers, fit_and_propose, [PROPOSE_SIZE], repeats)


def _series(
    part: str, peers: Sequence[str], work: Work, sizes: Sequence[int], repeats: int
) -> list[Series]:
    """Work with ours and its peers, which have done it once with few data."""
    methods = [OURS, *peers]
    for method in methods:
        work(method, draw_tasks(_WARM_UP_ROWS))
    return [
        Series({"part": part, "n": n}, methods, work, [n] * repeats, draw_tasks, LIMIT_SECONDS)
        for n in sizes
    ]

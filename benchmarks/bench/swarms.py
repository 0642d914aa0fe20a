"""The part `swarm` of the benchmark: optimizers of acquisition functions on the same surfaces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.exceptions.errors import UnsupportedError
from botorch.optim import optimize_acqf
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.bench.clock import Clock, Row, timed
from benchmarks.methods import INDEPENDENT_GPS, OURS, SURROGATES
from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.test_functions import CompositeTasks
from botorch_cll.test_functions.composite import PAIRS

SURFACES = {"ensemble": OURS, "GP": INDEPENDENT_GPS}
NUM_POINTS = 60
NUM_RESTARTS, RAW_SAMPLES = 20, 512
TOLERANCE = 1e-3
_GRADIENT_EVALUATIONS = 3
_CORRELATIONS = (0.9, 0.5)
_CMA_STD = 0.3


class CountedLogEI(LogExpectedImprovement):
    """`LogExpectedImprovement` that counts points; with gradients they cost three times as much."""

    num_evaluations: int = 0

    def forward(self, X: Tensor) -> Tensor:
        """Evaluate at `batch_shape x 1 x d`-dim points."""
        times = _GRADIENT_EVALUATIONS if X.requires_grad else 1
        self.num_evaluations += times * X.shape[:-2].numel()
        return super().forward(X)


def draw_surface(kind: str, seed: int) -> tuple[CountedLogEI, Tensor]:
    """Log-EI of one task of a pair for a model of 60 random points, and the bounds of its cube.

    The seed decides which of the pairs, correlations, tasks and data sets.
    """
    choices = list(itertools.product(PAIRS, _CORRELATIONS, (0, 1)))
    pair, correlation, task = choices[seed % len(choices)]
    problem = CompositeTasks(pair, correlation=correlation, negate=True, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(NUM_POINTS, problem.dim, generator=generator, dtype=torch.double)
    Y = problem(unnormalize(unit, problem.bounds))
    model = SURROGATES[SURFACES[kind]](unit, Y, seed)
    transform = ScalarizedPosteriorTransform(torch.eye(problem.num_tasks).to(Y)[task])
    acqf = CountedLogEI(model, Y[:, task].max(), transform)
    return acqf, torch.tensor([[0.0], [1.0]]).to(Y).expand(2, problem.dim)


def _evaluate(acqf: CountedLogEI, points: np.ndarray) -> np.ndarray:
    """Minus the values at `n x d` points, for optimizers that minimise."""
    with torch.no_grad():
        return -acqf(torch.from_numpy(np.ascontiguousarray(points)).unsqueeze(1)).numpy()


def by_swarm(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """Our particle swarm, as long as it takes."""
    options = {"seed": seed}
    _, value = optimize_acqf_pso(acqf, bounds, 1, NUM_RESTARTS, RAW_SAMPLES, options=options)
    return float(value)  # type: ignore[arg-type]  # one candidate has one


def by_gradients(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """BoTorch's `optimize_acqf`, as long as it takes."""
    options = {"seed": seed}
    with isolated_random_state(seed, bounds.device):
        _, value = optimize_acqf(acqf, bounds, 1, NUM_RESTARTS, RAW_SAMPLES, options=options)
    return value.item()


def by_pymoo(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """Pymoo's particle swarm with its own settings."""
    from pymoo.algorithms.soo.nonconvex.pso import PSO  # type: ignore[import-untyped, unused-ignore]
    from pymoo.core.problem import Problem  # type: ignore[import-untyped, unused-ignore]
    from pymoo.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    class Surface(Problem):
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = _evaluate(acqf, x)[:, None]

    low, high = bounds.numpy()
    surface = Surface(n_var=len(low), n_obj=1, xl=low, xu=high)
    return -float(minimize(surface, PSO(), ("n_eval", budget), seed=seed).F[0])


def by_cma(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """CMA-ES, restarted with twice the population while evaluations are left.

    Source: A. Auger and N. Hansen, A restart CMA evolution strategy with increasing population
    size, CEC 2005.
    """
    import cma  # type: ignore[import-untyped, unused-ignore]

    random = np.random.default_rng(seed)
    options = {"bounds": [0.0, 1.0], "verbose": -9, "seed": np.nan}
    options["randn"] = lambda *shape: random.standard_normal(shape)
    best, used = np.inf, 0
    while used < budget:
        options["maxfevals"] = budget - used
        strategy = cma.CMAEvolutionStrategy(random.random(bounds.shape[-1]), _CMA_STD, options)
        while not strategy.stop():
            asked = strategy.ask()
            strategy.tell(asked, _evaluate(acqf, np.array(asked)).tolist())
        best = min(best, strategy.result.fbest)
        used += max(1, strategy.countevals)
        options["popsize"] = 2 * strategy.popsize
    return -float(best)


def evaluations_alone(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """The floor of all of them: so many evaluations in one batch."""
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(budget, 1, bounds.shape[-1], generator=generator, dtype=bounds.dtype)
    with torch.no_grad():
        acqf(unnormalize(unit, bounds))
    return float("nan")


SWARM, GRADIENTS = "optimize_acqf_pso", "optimize_acqf"
OPTIMIZERS: dict[str, Callable[[CountedLogEI, Tensor, int, int], float]] = {
    SWARM: by_swarm,
    GRADIENTS: by_gradients,
    "pymoo PSO": by_pymoo,
    "CMA-ES": by_cma,
    "the evaluations alone": evaluations_alone,
}


def bench_swarm(kinds: tuple[str, ...], seeds: int, now: Clock) -> Iterator[Row]:
    """Let the optimizers maximise log-EI on the same surfaces.

    Peers without restarts have as many evaluations as ours took.
    """
    for name in ("cma", "pymoo"):
        if find_spec(name) is None:
            raise UnsupportedError(
                f"The part 'swarm' compares with {name}: pip install 'botorch[pymoo]' cma"
            )
    for kind, seed in itertools.product(kinds, range(seeds)):
        acqf, bounds = draw_surface(kind, seed)
        budget = 0
        for method, maximize in OPTIMIZERS.items():
            acqf.num_evaluations = 0
            value, seconds = timed(partial(maximize, acqf, bounds, budget, seed), now)
            evaluations = acqf.num_evaluations
            budget = evaluations if method == SWARM else budget
            row: Row = {"part": "swarm", "kind": kind, "method": method, "repeat": seed}
            yield row | {"seconds": seconds, "value": value, "evaluations": evaluations}

"""The part `swarm` of the benchmark: optimizers of acquisition functions on the same surfaces."""

import itertools
import math
from collections.abc import Callable
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

from benchmarks.bench.clock import Row, Series
from benchmarks.methods import INDEPENDENT_GPS, OURS, SURROGATES
from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.test_functions import CompositeTasks
from botorch_cll.test_functions.composite import PAIRS

SURFACES = {"ensemble": OURS, "GP": INDEPENDENT_GPS}
TOLERANCE = 1e-3
_NUM_POINTS = 60
_SEARCH = (1, 20, 512)  # candidates, restarts, raw samples
_GRADIENT_EVALUATIONS = 3
_CORRELATIONS = (0.9, 0.5)
_CMA_STD = 0.3


class Surface(LogExpectedImprovement):
    """Log-EI that counts the points it is asked about; with gradients each counts three times."""

    num_evaluations: int = 0
    budget: int = 0  # how many evaluations a peer has
    bounds: Tensor
    seed: int

    def forward(self, X: Tensor) -> Tensor:
        """Evaluate at `batch_shape x 1 x d`-dim points."""
        times = _GRADIENT_EVALUATIONS if X.requires_grad else 1
        self.num_evaluations += times * X.shape[:-2].numel()
        return super().forward(X)


def draw_surface(kind: str, seed: int) -> Surface:
    """Log-EI on the unit cube of a task of a pair, chosen by the seed, after 60 random points."""
    choices = list(itertools.product(PAIRS, _CORRELATIONS, (0, 1)))
    pair, correlation, task = choices[seed % len(choices)]
    problem = CompositeTasks(pair, correlation=correlation, negate=True, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(_NUM_POINTS, problem.dim, generator=generator, dtype=torch.double)
    Y = problem(unnormalize(unit, problem.bounds))
    model = SURROGATES[SURFACES[kind]](unit, Y, seed)
    transform = ScalarizedPosteriorTransform(torch.eye(problem.num_tasks).to(Y)[task])
    surface = Surface(model, Y[:, task].max(), transform)
    surface.bounds = torch.tensor([[0.0], [1.0]]).to(Y).expand(2, problem.dim)
    surface.seed = seed
    return surface


def _evaluate(surface: Surface, points: np.ndarray) -> np.ndarray:
    """Minus the values at `n x d` points, for optimizers that minimise."""
    with torch.no_grad():
        return -surface(torch.from_numpy(np.ascontiguousarray(points)).unsqueeze(1)).numpy()


def by_swarm(surface: Surface) -> float:
    """Our particle swarm, as long as it takes."""
    options = {"seed": surface.seed}
    _, value = optimize_acqf_pso(surface, surface.bounds, *_SEARCH, options=options)
    return float(value)  # type: ignore[arg-type]  # one candidate has one


def by_gradients(surface: Surface) -> float:
    """BoTorch's `optimize_acqf`, as long as it takes."""
    with isolated_random_state(surface.seed):
        _, value = optimize_acqf(surface, surface.bounds, *_SEARCH, options={"seed": surface.seed})
    return value.item()


def by_pymoo(surface: Surface) -> float:
    """Pymoo's particle swarm with its own settings."""
    from pymoo.algorithms.soo.nonconvex.pso import PSO  # type: ignore[import-untyped, unused-ignore]
    from pymoo.core.problem import Problem  # type: ignore[import-untyped, unused-ignore]
    from pymoo.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    class Negative(Problem):
        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = _evaluate(surface, x)[:, None]

    low, high = surface.bounds.numpy()
    problem = Negative(n_var=len(low), n_obj=1, xl=low, xu=high)
    return -float(minimize(problem, PSO(), ("n_eval", surface.budget), seed=surface.seed).F[0])


def by_cma(surface: Surface) -> float:
    """CMA-ES, restarted with twice the population (IPOP: A. Auger and N. Hansen, CEC 2005)."""
    import cma  # type: ignore[import-untyped, unused-ignore]

    random = np.random.default_rng(surface.seed)
    options = {"bounds": [0.0, 1.0], "verbose": -9, "seed": np.nan}
    options["randn"] = lambda *shape: random.standard_normal(shape)
    best, left = np.inf, surface.budget
    while left > 0:
        start = random.random(surface.bounds.shape[-1])
        strategy = cma.CMAEvolutionStrategy(start, _CMA_STD, options | {"maxfevals": left})
        while not strategy.stop():
            asked = strategy.ask()
            strategy.tell(asked, _evaluate(surface, np.array(asked)).tolist())
        best = min(best, strategy.result.fbest)
        left -= max(1, strategy.countevals)
        options["popsize"] = 2 * strategy.popsize
    return -float(best)


def evaluations_alone(surface: Surface) -> float:
    """The floor of all of them: so many evaluations in one batch."""
    generator = torch.Generator().manual_seed(surface.seed)
    shape = (surface.budget, 1, surface.bounds.shape[-1])
    with torch.no_grad():
        surface(torch.rand(shape, generator=generator, dtype=surface.bounds.dtype))
    return math.nan


SWARM, GRADIENTS = "optimize_acqf_pso", "optimize_acqf"
OPTIMIZERS: dict[str, Callable[[Surface], float]] = {  # all with as many evaluations as ours
    SWARM: by_swarm,
    GRADIENTS: by_gradients,
    "pymoo PSO": by_pymoo,
    "CMA-ES": by_cma,
    "the evaluations alone": evaluations_alone,
}


def swarm_series(seeds: int) -> list[Series]:
    """The optimizers on the same surfaces; `UnsupportedError` if one is not installed."""
    absent = [name for name in ("cma", "pymoo") if find_spec(name) is None]
    if absent:
        hint = "pip install 'botorch[pymoo]' cma"
        raise UnsupportedError(f"The part 'swarm' compares with {absent[0]}: {hint}")

    def find(method: str, surface: Surface) -> list[Row]:
        surface.num_evaluations = 0
        value = OPTIMIZERS[method](surface)
        surface.budget = surface.budget or surface.num_evaluations
        return [{"value": value, "evaluations": surface.num_evaluations}]

    draws = {kind: partial(draw_surface, kind) for kind in SURFACES}
    return [
        Series({"part": "swarm", "kind": kind}, OPTIMIZERS, find, range(seeds), draw)
        for kind, draw in draws.items()
    ]

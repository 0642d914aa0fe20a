"""The part `swarm` of the benchmark: optimizers of acquisition functions on the same surfaces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.exceptions.errors import UnsupportedError
from botorch.optim import optimize_acqf
from torch import Tensor

from benchmarks.bench.clock import time_side_by_side
from benchmarks.methods import INDEPENDENT_GPS, OURS, SURROGATES
from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.test_functions import CompositeTasks
from botorch_cll.test_functions.composite import PAIRS

SWARM = "optimize_acqf_pso"
GRADIENTS = "optimize_acqf"
PYMOO = "pymoo PSO"
CMA_ES = "CMA-ES"
EVALUATIONS = "the evaluations alone"
SURFACES = {"ensemble": OURS, "GP": INDEPENDENT_GPS}
NUM_POINTS = 60
NUM_RESTARTS, RAW_SAMPLES = 20, 512
TOLERANCE = 1e-3
_GRADIENT_EVALUATIONS = 3
_CORRELATIONS = (0.9, 0.5)
_CMA_STD = 0.3


class CountedLogEI(LogExpectedImprovement):
    """`LogExpectedImprovement` that counts the points it was asked about.

    A point whose gradient is wanted counts three times, which is about what it costs.
    """

    num_evaluations: int = 0

    def forward(self, X: Tensor) -> Tensor:
        """Evaluate at a `batch_shape x 1 x d`-dim tensor; see `LogExpectedImprovement`."""
        times = _GRADIENT_EVALUATIONS if X.requires_grad else 1
        self.num_evaluations += times * X.shape[:-2].numel()
        return super().forward(X)


def draw_surface(kind: str, seed: int) -> tuple[CountedLogEI, Tensor]:
    """Log-EI of one task of a pair for a model fitted to 60 random points.

    Args:
        kind: A key of `SURFACES`.
        seed: Which of the pairs, correlations, tasks and data sets.

    Returns:
        The acquisition function and the bounds of the unit cube it lives on.
    """
    choices = list(itertools.product(PAIRS, _CORRELATIONS, (0, 1)))
    pair, correlation, task = choices[seed % len(choices)]
    problem = CompositeTasks(pair, correlation=correlation, negate=True, seed=seed)
    low, high = problem.bounds
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(NUM_POINTS, problem.dim, generator=generator, dtype=torch.double)
    Y = problem(low + (high - low) * unit)
    weights = torch.zeros(problem.num_tasks, dtype=torch.double)
    weights[task] = 1.0
    acqf = CountedLogEI(
        SURROGATES[SURFACES[kind]](unit, Y, seed),
        best_f=Y[:, task].max(),
        posterior_transform=ScalarizedPosteriorTransform(weights),
    )
    return acqf, torch.stack([torch.zeros_like(low), torch.ones_like(low)])


def _evaluate(acqf: CountedLogEI, points: np.ndarray) -> np.ndarray:
    """Minus the values at `n x d` points, for optimizers that minimise."""
    with torch.no_grad():
        return -acqf(torch.from_numpy(np.ascontiguousarray(points)).unsqueeze(1)).numpy()


def maximize_by_pymoo(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """The best value that pymoo's PSO with its own settings finds with so many evaluations."""
    from pymoo.algorithms.soo.nonconvex.pso import (  # type: ignore[import-untyped, unused-ignore]
        PSO,
    )
    from pymoo.core.problem import Problem  # type: ignore[import-untyped, unused-ignore]
    from pymoo.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    class Surface(Problem):
        def __init__(self) -> None:
            low, high = bounds.numpy()
            super().__init__(n_var=len(low), n_obj=1, xl=low, xu=high)

        def _evaluate(self, x: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = _evaluate(acqf, x)[:, None]

    return -float(minimize(Surface(), PSO(), ("n_eval", budget), seed=seed).F[0])


def maximize_by_cma(acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int) -> float:
    """The best value that CMA-ES finds, restarted with twice the population while budget is left.

    Restarts as in Auger and Hansen (2005), "A restart CMA evolution strategy with increasing
    population size".
    """
    import cma  # type: ignore[import-untyped, unused-ignore]

    random = np.random.default_rng(seed)
    best, used, population = np.inf, 0, None
    while used < budget:
        options = {
            "bounds": [0.0, 1.0],
            "maxfevals": budget - used,
            "verbose": -9,
            "seed": np.nan,
            "randn": lambda *shape: random.standard_normal(shape),
        } | ({} if population is None else {"popsize": population})
        strategy = cma.CMAEvolutionStrategy(random.random(bounds.shape[-1]), _CMA_STD, options)
        while not strategy.stop():
            asked = strategy.ask()
            strategy.tell(asked, _evaluate(acqf, np.array(asked)).tolist())
        best = min(best, strategy.result.fbest)
        used += max(1, strategy.countevals)
        population = 2 * strategy.popsize
    return -float(best)


def bench_swarm(
    kinds: tuple[str, ...],
    seeds: int,
    now: Callable[[], float],
    advance: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Let four optimizers maximise log-EI on the same surfaces.

    `optimize_acqf_pso` and `optimize_acqf` have 20 restarts and 512 raw samples each; pymoo's PSO
    and CMA-ES have as many evaluations as `optimize_acqf_pso` took. The floor of all of them is the
    time of so many evaluations in one batch.

    Args:
        kinds: Keys of `SURFACES`.
        seeds: The number of surfaces of each kind.
        now: The clock.
        advance: Called after every optimisation.

    Yields:
        One row per surface and optimizer: `part`, `kind`, `seed`, `method`, `seconds`, `value`,
        `evaluations`.

    Raises:
        UnsupportedError: If pymoo or cma is not installed.
    """
    try:
        import cma  # type: ignore[import-untyped, unused-ignore]  # noqa: F401
        import pymoo  # type: ignore[import-untyped, unused-ignore]  # noqa: F401
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            f"The part 'swarm' compares with {error.name}: pip install 'botorch[pymoo]' cma"
        ) from error
    for kind in kinds:
        for seed in range(seeds):
            acqf, bounds = draw_surface(kind, seed)
            budget = 0
            for method in (SWARM, GRADIENTS, PYMOO, CMA_ES, EVALUATIONS):
                acqf.num_evaluations = 0
                found: list[float] = []
                work = _work(method, acqf, bounds, budget, seed, found)
                (row,) = time_side_by_side({method: work}, 1, now, advance)
                budget = acqf.num_evaluations if method == SWARM else budget
                yield {
                    **row,
                    "part": "swarm",
                    "kind": kind,
                    "repeat": seed,
                    "value": found[0],
                    "evaluations": acqf.num_evaluations,
                }


def _work(
    method: str, acqf: CountedLogEI, bounds: Tensor, budget: int, seed: int, found: list[float]
) -> Callable[[], None]:
    """What to time; it appends the value found."""

    def swarm() -> None:
        _, value = optimize_acqf_pso(
            acqf, bounds, 1, NUM_RESTARTS, RAW_SAMPLES, options={"seed": seed}
        )
        assert value is not None
        found.append(value.item())

    def gradients() -> None:
        with isolated_random_state(seed, bounds.device):
            _, value = optimize_acqf(
                acqf, bounds, 1, NUM_RESTARTS, RAW_SAMPLES, options={"seed": seed}
            )
        found.append(value.item())

    def evaluations() -> None:
        low, high = bounds
        generator = torch.Generator().manual_seed(seed)
        unit = torch.rand(budget, 1, len(low), generator=generator, dtype=low.dtype)
        with torch.no_grad():
            acqf(low + (high - low) * unit)
        found.append(float("nan"))

    return {
        SWARM: swarm,
        GRADIENTS: gradients,
        PYMOO: lambda: found.append(maximize_by_pymoo(acqf, bounds, budget, seed)),
        CMA_ES: lambda: found.append(maximize_by_cma(acqf, bounds, budget, seed)),
        EVALUATIONS: evaluations,
    }[method]

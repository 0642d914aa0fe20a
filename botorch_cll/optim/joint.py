"""One candidate for one acquisition function: where to start, search, choose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.knowledge_gradient import qKnowledgeGradient
from botorch.acquisition.multi_objective.hypervolume_knowledge_gradient import (
    qHypervolumeKnowledgeGradient,
)
from botorch.exceptions.errors import CandidateGenerationError
from botorch.optim.initializers import (
    TGenInitialConditions,
    gen_one_shot_hvkg_initial_conditions,
    gen_one_shot_kg_initial_conditions,
)
from torch import Tensor

from botorch_cll.optim.checks import check_initial_conditions
from botorch_cll.optim.initializers import gen_positions_from, gen_swarm_positions, spread_around
from botorch_cll.optim.known_points import KnownPoints, run_away_from
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.swarm import SwarmResult


def optimize_jointly(
    search: SwarmSearch,
    q: int,
    num_restarts: int,
    raw_samples: int | None,
    batch_initial_conditions: Tensor | None,
    ic_generator: TGenInitialConditions | None,
    ic_gen_kwargs: dict[str, Any],
    deadline: float | None,
    return_best_only: bool,
    known: KnownPoints,
) -> tuple[Tensor, Tensor]:
    """Maximize over all points of a candidate at once.

    Args:
        search: What is maximized, and where.
        q: Number of points, without the fantasy points of one-shot acquisition functions.
        num_restarts: Number of swarms.
        raw_samples: Number of points the initial positions are chosen from.
        batch_initial_conditions: A `(b) x search.q x d`-dim tensor.
        ic_generator: Generates further initial conditions.
        ic_gen_kwargs: Its further arguments.
        deadline: Value of `time.monotonic()` at which to stop.
        return_best_only: Whether to return only the best candidate.
        known: Points that candidates differ from, if possible.

    Returns:
        A `search.q x d`-dim candidate and its value, or those of all swarms, with a leading
        `num_restarts` dimension.

    Raises:
        CandidateGenerationError: There is no feasible point, or no value.
    """
    bounds = search.bounds
    all_fixed = len(search.fixed_features.scalars) == bounds.shape[-1]
    if all_fixed:
        search = replace(
            search, options=replace(search.options, polish=False, swarm={"maxiter": 0})
        )

    def run(search: SwarmSearch) -> SwarmResult:
        generator = torch.Generator(device=bounds.device).manual_seed(search.options.seed)
        if all_fixed:
            positions = bounds[0].expand(1, 1, search.q, -1)
        else:
            positions = _initial_positions(
                search,
                q=q,
                num_restarts=num_restarts,
                raw_samples=raw_samples,
                batch_initial_conditions=batch_initial_conditions,
                ic_generator=ic_generator or _one_shot_generator(search.acq_function),
                ic_gen_kwargs=ic_gen_kwargs,
                generator=generator,
            )
        return search.run(
            positions,
            generator=generator,
            deadline=deadline,
            num_groups=1 if return_best_only else len(positions),
        )

    result = run_away_from(known, search, run, num_candidates=1, all_finish=not return_best_only)
    return _select(search, result, return_best_only, known)


def _initial_positions(
    search: SwarmSearch,
    q: int,
    num_restarts: int,
    raw_samples: int | None,
    batch_initial_conditions: Tensor | None,
    ic_generator: TGenInitialConditions | None,
    ic_gen_kwargs: dict[str, Any],
    generator: torch.Generator,
) -> Tensor:
    """Return `num_swarms x num_particles x search.q x d`-dim positions: the given, then others."""
    given = None
    if batch_initial_conditions is not None:
        given = check_initial_conditions(search, batch_initial_conditions)
        missing = max(0, num_restarts - len(given))
        generate = raw_samples is not None and batch_initial_conditions.ndim == 3
        num_restarts = len(given) + (missing if generate else 0)
    search.fixed_features.check(num_restarts, search.q)
    num_particles = search.num_particles(num_restarts)
    positions = []
    if given is not None:
        positions.append(spread_around(search, given, num_particles, generator))
        num_restarts -= len(given)
        fixed_features = search.fixed_features.select(slice(len(given), None))
        search = replace(search, fixed_features=fixed_features)
    if num_restarts > 0:
        if ic_generator is None:
            rest = gen_swarm_positions(search, num_restarts, num_particles, raw_samples)
        else:
            rest = gen_positions_from(
                ic_generator,
                search,
                q=q,
                num_swarms=num_restarts,
                num_particles=num_particles,
                raw_samples=raw_samples,
                generator=generator,
                **ic_gen_kwargs,
            )
        positions.append(rest)
    return torch.cat(positions)


def _select(
    search: SwarmSearch, result: SwarmResult, return_best_only: bool, known: KnownPoints
) -> tuple[Tensor, Tensor]:
    """Return the best candidate, or those of all swarms, all feasible and, if any is, all new."""
    X, values = result.X, result.values
    feasible = search.is_feasible(X)
    if not feasible.any():
        raise CandidateGenerationError(
            f"None of {len(X)} swarms has found a feasible point. Check that the constraints can "
            "be satisfied, or try more swarms, particles or iterations."
        )
    values = values.where(feasible, -torch.inf)
    new = known.are_new(X) & (values > -torch.inf)
    if new.any():
        feasible, values = new, values.where(new, -torch.inf)
    best = values.argmax()
    if values[best] == -torch.inf:
        raise CandidateGenerationError(
            "The acquisition function was NaN or minus infinity at every feasible point."
        )
    if return_best_only:
        return X[best], values[best]
    index = torch.arange(len(X), device=X.device).where(feasible, best)
    return X[index], values[index]


def _one_shot_generator(acq_function: AcquisitionFunction) -> TGenInitialConditions | None:
    if isinstance(acq_function, qKnowledgeGradient):
        return gen_one_shot_kg_initial_conditions
    if isinstance(acq_function, qHypervolumeKnowledgeGradient):
        return gen_one_shot_hvkg_initial_conditions
    return None

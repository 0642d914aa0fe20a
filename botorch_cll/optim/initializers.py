"""Where the particles start."""

import math
from collections.abc import Callable
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.knowledge_gradient import qKnowledgeGradient
from botorch.acquisition.multi_objective.hypervolume_knowledge_gradient import (
    qHypervolumeKnowledgeGradient,
)
from botorch.exceptions.errors import CandidateGenerationError, InfeasibilityError
from botorch.optim.initializers import (
    TGenInitialConditions,
    gen_batch_initial_conditions,
    gen_one_shot_hvkg_initial_conditions,
    gen_one_shot_kg_initial_conditions,
    sample_q_batches_from_polytope,
)
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim.checks import expect_shape
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.settings import PROPOSAL


def initial_positions(search: SwarmSearch, generator: torch.Generator) -> Tensor:
    """Choose where particles start: around given initial conditions, then where is generated.

    Returns a `num_swarms x num_particles x q x d`-dim tensor inside the bounds. Raises
    `CandidateGenerationError` if the linear constraints exclude every point.
    """
    given = search.batch_initial_conditions
    num_given = 0 if given is None else given.shape[:-2].numel()
    num_generated = search.num_groups * search.num_generated
    search.fixed_features.check(num_given + num_generated, search.num_points)
    num_in_group = num_given + search.num_generated
    num_particles = search.options.particles_per_swarm(num_in_group, search.can_polish)
    positions = []
    if given is not None:
        seeds = given.detach().to(search.bounds).reshape(num_given, *given.shape[-2:])
        positions.append(spread_around(search, seeds, num_particles, generator))
        search = search.of_swarms(slice(num_given, None))
    if num_generated > 0:
        ic_generator = search.ic_generator or _one_shot_generator(search.acq_function)
        try:
            if ic_generator is None:
                rest = gen_swarm_positions(search, num_generated, num_particles)
            else:
                seeds = _initial_conditions(search, ic_generator, num_generated, num_particles)
                rest = spread_around(search, seeds, num_particles, generator)
        except InfeasibilityError as error:
            raise CandidateGenerationError(
                f"No point satisfies the constraints: {error}"
            ) from error
        positions.append(rest)
    return torch.cat(positions)


def gen_swarm_positions(search: SwarmSearch, num_swarms: int, num_particles: int) -> Tensor:
    """Choose `num_swarms x num_particles x q x d` positions by one of BoTorch's heuristics.

    Feasible raw samples are scored by the acquisition function, and the best of them are dealt out
    to the swarms in turn: each has a leader of its own. With one of the options `nonnegative`,
    `eta` and `alpha` the particles are drawn at random, the better the likelier, as BoTorch does.
    """
    if search.fixed_features.has_tensors and num_swarms > 1:
        # Every swarm, or those of every task, have a space of their own to sample.
        size = 1 if search.num_tasks is None else num_swarms // search.num_tasks
        firsts = [slice(first, first + 1) for first in range(0, num_swarms, size)]
        spaces = [search.of_swarms(first) for first in firsts]
        return torch.cat([gen_swarm_positions(space, size, num_particles) for space in spaces])
    total = num_swarms * num_particles
    settings = _settings(search, num_particles)
    if settings.keys().isdisjoint(["nonnegative", "eta", "alpha"]):
        settings.setdefault("topn", True)
    X = gen_batch_initial_conditions(
        acq_function=_FiniteAcquisition(search),
        bounds=search.bounds,
        q=search.num_points,
        num_restarts=total,
        raw_samples=max(search.raw_samples or 0, total),
        fixed_features=search.fixed_features.scalars or None,
        options=settings,
        generator=_raw_generator(search),
    )
    return X.view(num_particles, num_swarms, *X.shape[-2:]).transpose(0, 1).contiguous()


def spread_around(
    search: SwarmSearch, seeds: Tensor, num_particles: int, generator: torch.Generator
) -> Tensor:
    """Start one swarm around each seed: one particle on it, the others normally distributed.

    From `num_swarms x q x d` seeds to `num_swarms x num_particles x q x d` positions in the box.
    """
    lower, upper = search.bounds
    shape = (len(seeds), num_particles, *seeds.shape[1:])
    offsets = torch.randn(shape, generator=generator, dtype=seeds.dtype, device=seeds.device)
    offsets[:, 0] = 0.0
    X = seeds.unsqueeze(1) + search.options.spread * (upper - lower) * offsets
    return X.clamp(lower, upper)


def _initial_conditions(
    search: SwarmSearch, ic_generator: TGenInitialConditions, num_swarms: int, num_particles: int
) -> Tensor:
    """Return the `num_swarms x q x d` points of a generator, called as by `optimize_acqf`."""
    X = ic_generator(
        acq_function=search.acq_function,
        bounds=search.bounds,
        q=search.q,
        num_restarts=num_swarms,
        raw_samples=max(search.raw_samples or 0, num_swarms),
        fixed_features=search.fixed_features.values or None,
        options=_settings(search, num_particles),
        inequality_constraints=search.constraints["inequality_constraints"],
        equality_constraints=None,
    )
    expected = (num_swarms, search.num_points, search.bounds.shape[-1])
    what = f"initial conditions of shape {expected} from `ic_generator`"
    expect_shape(X.shape == expected, what, X)
    return X.to(search.bounds)


def _one_shot_generator(acq_function: AcquisitionFunction) -> TGenInitialConditions | None:
    if isinstance(acq_function, qKnowledgeGradient):
        return gen_one_shot_kg_initial_conditions
    if isinstance(acq_function, qHypervolumeKnowledgeGradient):
        return gen_one_shot_hvkg_initial_conditions
    return None


def _settings(search: SwarmSearch, num_particles: int) -> dict[str, Any]:
    """Return options for BoTorch's generators, with our meaning of `batch_limit`."""
    limit = search.options.batch_limit
    settings = {} if limit is None else {"init_batch_limit": limit * num_particles}
    return {**settings, **search.options.initialization, "seed": search.options.seed}


def _raw_generator(search: SwarmSearch) -> Callable[[int, int, int | None], Tensor] | None:
    """Return a source of raw samples that are feasible as evaluated, `None` if any sample is."""
    if not (search.violation or search.post_processing_func or search.fixed_features.has_tensors):
        return None

    def generate(n: int, q: int, seed: int | None) -> Tensor:
        number = 2 ** math.ceil(math.log2(PROPOSAL.raw_per_feasible * n)) if search.violation else n
        X = _repair(search, draw_sobol_samples(search.bounds, n=number, q=q, seed=seed))
        if not search.violation:
            return X.cpu()
        violations = search.violation(X)
        missing = n - int((violations == 0).sum())
        if missing > 0 and search.inequality_constraints:
            X = torch.cat([_sample_polytope(search, missing, seed), X])
            violations = search.violation(X)
        return X[violations.argsort(stable=True)[:n]].cpu()

    return generate


def _sample_polytope(search: SwarmSearch, n: int, seed: int | None) -> Tensor:
    """Draw `n` points, `n x q x d`-dim, from the part of the box the linear constraints leave."""
    bounds = search.bounds.clone()
    for index, value in search.fixed_features.scalars.items():
        bounds[:, index] = value
    settings = search.options.initialization
    X = sample_q_batches_from_polytope(
        n=n,
        q=search.num_points,
        bounds=bounds,
        n_burnin=settings.get("n_burnin", PROPOSAL.burn_in),
        n_thinning=settings.get("n_thinning", PROPOSAL.thinning),
        seed=seed,
        inequality_constraints=list(search.inequality_constraints),
    )
    return _repair(search, X.to(search.bounds))


def _repair(search: SwarmSearch, X: Tensor) -> Tensor:
    return search.repair(X.unsqueeze(0)).squeeze(0)


class _FiniteAcquisition:
    """An acquisition function as BoTorch's heuristics can use it.

    NaN and infinities, which would break them, become the lowest or highest finite value, and
    infeasible points get less than any of these.
    """

    def __init__(self, search: SwarmSearch) -> None:
        self._search = search

    def __getattr__(self, name: str) -> Any:
        return getattr(self._search.acq_function, name)

    def __call__(self, X: Tensor) -> Tensor:
        values = self._search.acq_function(X)
        finite = values[values.isfinite()]
        if len(finite) == 0:
            return torch.zeros_like(values)
        lowest, highest = finite.min().item(), finite.max().item()
        values = values.nan_to_num(nan=lowest, posinf=highest, neginf=lowest)
        if self._search.violation:
            below = lowest - max(highest - lowest, 1.0)
            values = values.where(self._search.violation(X) == 0, below)
        return values

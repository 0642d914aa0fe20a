"""Where the particles start."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InfeasibilityError,
)
from botorch.optim.initializers import (
    gen_batch_initial_conditions,
    sample_q_batches_from_polytope,
)
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim.search import SwarmSearch

# Sobol points drawn per feasible point wanted, before the slower polytope sampler takes over.
REJECTION_FACTOR = 8

# Options of BoTorch's random choice among raw samples.
RANDOM_CHOICE_KEYS = frozenset({"nonnegative", "eta", "alpha"})


def gen_swarm_positions(
    search: SwarmSearch,
    num_swarms: int,
    num_particles: int,
    raw_samples: int | None,
) -> Tensor:
    """Choose initial positions by one of BoTorch's heuristics for initial conditions.

    Feasible raw samples are scored by the acquisition function, and the best of them are dealt out
    to the swarms in turn: each has a leader of its own. With one of the options `nonnegative`,
    `eta` and `alpha` the particles are drawn at random, the better the likelier, as BoTorch does.

    Args:
        search: What is maximized, and where.
        num_swarms: Number of swarms.
        num_particles: Number of particles per swarm.
        raw_samples: Number of raw samples; raised to the number of particles where it is less.

    Returns:
        A `num_swarms x num_particles x q x d`-dim tensor.

    Raises:
        CandidateGenerationError: The linear constraints exclude every point.
    """
    if search.fixed_features.has_tensors and num_swarms > 1:
        # Every swarm has a space of its own to sample.
        fixed_features = [search.fixed_features.select(slice(s, s + 1)) for s in range(num_swarms)]
        positions = [
            gen_swarm_positions(
                replace(search, fixed_features=fixed), 1, num_particles, raw_samples
            )
            for fixed in fixed_features
        ]
        return torch.cat(positions)
    total = num_swarms * num_particles
    settings = _settings(search, num_particles)
    if RANDOM_CHOICE_KEYS.isdisjoint(settings):
        settings.setdefault("topn", True)
    X = gen_batch_initial_conditions(
        acq_function=_FiniteAcquisition(search),
        bounds=search.bounds,
        q=search.q,
        num_restarts=total,
        raw_samples=max(raw_samples or 0, total),
        fixed_features=search.fixed_features.scalars or None,
        options={**settings, "seed": search.options.seed},
        generator=_raw_generator(search),
    )
    return X.view(num_particles, num_swarms, *X.shape[-2:]).transpose(0, 1).contiguous()


def gen_positions_from(
    ic_generator: Callable[..., Tensor],
    search: SwarmSearch,
    q: int,
    num_swarms: int,
    num_particles: int,
    raw_samples: int | None,
    generator: torch.Generator,
    **ic_gen_kwargs: Any,
) -> Tensor:
    """Start one swarm around each initial condition of a generator with BoTorch's interface.

    Args:
        ic_generator: Called as `optimize_acqf` calls it; returns a `num_swarms x q' x d`-dim
            tensor.
        search: What is maximized, and where.
        q: Number of candidates, without fantasy points.
        num_swarms: Number of swarms.
        num_particles: Number of particles per swarm.
        raw_samples: Number of raw samples, passed on.
        generator: Source of the particles' offsets.
        **ic_gen_kwargs: Passed on.

    Returns:
        A `num_swarms x num_particles x q' x d`-dim tensor.

    Raises:
        BotorchTensorDimensionError: The initial conditions have the wrong shape.
        CandidateGenerationError: The linear constraints exclude every point.
    """
    try:
        seeds = ic_generator(
            acq_function=search.acq_function,
            bounds=search.bounds,
            q=q,
            num_restarts=num_swarms,
            raw_samples=num_swarms if raw_samples is None else max(raw_samples, num_swarms),
            fixed_features=search.fixed_features.values or None,
            options={**_settings(search, num_particles), "seed": search.options.seed},
            inequality_constraints=search.inequality_constraints,
            equality_constraints=None,
            **ic_gen_kwargs,
        )
    except InfeasibilityError as error:
        raise CandidateGenerationError(f"No point satisfies the constraints: {error}") from error
    expected = (num_swarms, search.q, search.bounds.shape[-1])
    if seeds.shape != expected:
        raise BotorchTensorDimensionError(
            f"Expected initial conditions of shape {expected} from `ic_generator`, got "
            f"{tuple(seeds.shape)}."
        )
    return spread_around(search, seeds.to(search.bounds), num_particles, generator)


def spread_around(
    search: SwarmSearch, seeds: Tensor, num_particles: int, generator: torch.Generator
) -> Tensor:
    """Start one swarm around each seed: one particle on it, the others normally distributed.

    Args:
        search: What is maximized, and where; its options say how far to spread.
        seeds: A `num_swarms x q x d`-dim tensor of points.
        num_particles: Number of particles per swarm.
        generator: Source of the offsets.

    Returns:
        A `num_swarms x num_particles x q x d`-dim tensor, clamped to the bounds.
    """
    lower, upper = search.bounds
    shape = (len(seeds), num_particles, *seeds.shape[1:])
    offsets = torch.randn(shape, generator=generator, dtype=seeds.dtype, device=seeds.device)
    offsets[:, 0] = 0.0
    X = seeds.unsqueeze(1) + search.options.spread * (upper - lower) * offsets
    return X.clamp(lower, upper)


def _settings(search: SwarmSearch, num_particles: int) -> dict[str, Any]:
    """Return options for BoTorch's generators, with our meaning of `batch_limit`."""
    limit = search.options.batch_limit
    settings = {} if limit is None else {"init_batch_limit": limit * num_particles}
    return {**settings, **search.options.initialization}


def _raw_generator(search: SwarmSearch) -> Callable[[int, int, int | None], Tensor] | None:
    """Return a source of raw samples that are feasible as evaluated, `None` if any sample is."""
    if not (search.violation or search.post_processing_func or search.fixed_features.has_tensors):
        return None

    def generate(n: int, q: int, seed: int | None) -> Tensor:
        if not search.violation:
            return _repair(search, draw_sobol_samples(search.bounds, n=n, q=q, seed=seed)).cpu()
        number = 2 ** math.ceil(math.log2(REJECTION_FACTOR * n))
        X = _repair(search, draw_sobol_samples(search.bounds, n=number, q=q, seed=seed))
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
    try:
        X = sample_q_batches_from_polytope(
            n=n,
            q=search.q,
            bounds=bounds,
            n_burnin=settings.get("n_burnin", 10000),
            n_thinning=settings.get("n_thinning", 32),
            seed=seed,
            inequality_constraints=list(search.inequality_constraints or ()),
        )
    except InfeasibilityError as error:
        raise CandidateGenerationError(f"No point satisfies the constraints: {error}") from error
    return _repair(search, X.to(search.bounds))


def _repair(search: SwarmSearch, X: Tensor) -> Tensor:
    """Repair `n x q x d`-dim raw samples."""
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

"""The way from what was asked for to candidates: start, search, search elsewhere, choose."""

from contextlib import suppress
from dataclasses import replace

import torch
from botorch.exceptions.errors import CandidateGenerationError
from torch import Tensor

from botorch_cll.optim.initializers import initial_positions
from botorch_cll.optim.polish import polish
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.settings import PROPOSAL
from botorch_cll.optim.swarm import ParticleSwarm, SwarmResult


def propose(search: SwarmSearch) -> tuple[Tensor, Tensor]:
    """Maximize over all points of a candidate at once, for each group of swarms.

    Returns a `num_groups x num_points x d`-dim tensor of candidates and their values, or, if not
    `return_best_only`, those of all swarms. Raises `CandidateGenerationError` if there are none.
    """
    if search.is_one_point:
        one = replace(search.options, num_particles=1, polish=False, swarm={"maxiter": 0})
        point = search.bounds[0].expand(search.num_points, -1)
        search = replace(search, options=one, batch_initial_conditions=point)
    deadline = search.deadline()
    result = run_swarms(search, deadline)
    if len(search.known):
        result = _search_elsewhere(search, result, deadline)
    return _choose(search, result)


def run_swarms(search: SwarmSearch, deadline: float | None) -> SwarmResult:
    """Return the best points of swarms that begin where the search says."""
    generator = torch.Generator(device=search.bounds.device).manual_seed(search.options.seed)
    repair = search.fixed_features.values or search.post_processing_func
    result = ParticleSwarm(
        search.fitness,
        X=initial_positions(search, generator),
        bounds=search.bounds,
        generator=generator,
        options=search.options.swarm_options(search.default_maxiter()),
        violation=search.violation or None,
        repair=search.repair if repair else None,
    ).run(deadline)
    return polish(search, result, deadline) if search.can_polish else result


def _search_elsewhere(
    search: SwarmSearch, result: SwarmResult, deadline: float | None
) -> SwarmResult:
    """Where a group has found known points only, search once more for the best one that differs.

    Another hill is preferred to the foot of a known one. Swarms that have not been taken to the top
    of theirs do not count as having found one: they may be anywhere.
    """
    values = result.values.where(search.is_feasible(result.X), -torch.inf)
    is_new = search.is_new(result.X) & (values > -torch.inf)
    rank = values.view(search.num_groups, -1)
    num_swarms = rank.shape[1]
    at_top = search.num_finished(num_swarms) if search.return_best_only else num_swarms
    found = is_new.view_as(rank).gather(1, rank.topk(at_top).indices)
    # Where there is no value at all there is nothing to look for.
    lacks = (rank > -torch.inf).any(dim=1) & ~found.any(dim=1)
    if not lacks.any():
        return result
    beyond = (lambda X: search.known.beyond(X[..., : search.q, :])), False
    constraints = [*search.nonlinear_inequality_constraints, beyond]
    apart = replace(search, nonlinear_inequality_constraints=constraints)
    maxiter = search.default_maxiter()
    if maxiter is not None:
        # Climbs along the edges of what is known, an SLSQP problem each, cost more than they gain.
        swarm = {"maxiter": PROPOSAL.longer_apart * maxiter, **search.options.swarm}
        apart = replace(apart, options=replace(search.options, polish=False, swarm=swarm))
    # Where there is no other point, the known one stays.
    with suppress(CandidateGenerationError):
        other = run_swarms(apart, deadline)
        better = apart.is_feasible(other.X) & (~is_new | (other.values > values))
        better &= lacks.repeat_interleave(num_swarms)
        result = result._replace(
            X=torch.where(better[:, None, None], other.X, result.X),
            values=torch.where(better, other.values, result.values),
        )
    return result


def _choose(search: SwarmSearch, result: SwarmResult) -> tuple[Tensor, Tensor]:
    """Return the best point of each group, or all swarms', all feasible and, if any is, all new.

    Swarms without such a point adopt the best of the others. Without tasks a value is needed. A
    task without incumbent has the value minus infinity everywhere, and still a candidate.
    """
    feasible = search.is_feasible(result.X).view(search.num_groups, -1)
    if without := (~feasible.any(dim=1)).nonzero().flatten().tolist():
        raise CandidateGenerationError(
            f"None of {len(result.X)} swarms has found a feasible point. Check that the "
            "constraints can be satisfied, or try more swarms, particles or iterations."
            if search.num_tasks is None
            else f"No feasible candidate for tasks {without}."
        )
    values = result.values.view_as(feasible)
    new = feasible & search.is_new(result.X).view_as(feasible)
    if search.num_tasks is None:
        new &= values > -torch.inf
    admissible = new.where(new.any(dim=1, keepdim=True), feasible)
    rank = values.clamp_min(torch.finfo(values.dtype).min).where(admissible, -torch.inf)
    index = rank.argmax(dim=1, keepdim=True)
    if search.num_tasks is None and not bool((values.gather(1, index) > -torch.inf).all()):
        raise CandidateGenerationError(
            "The acquisition function was NaN or minus infinity at every feasible point."
        )
    if not search.return_best_only:
        index = torch.arange(values.shape[1], device=index.device).where(admissible, index)
    X = result.X.view(*values.shape, *result.X.shape[1:])
    X = X.take_along_dim(index[..., None, None], dim=1)
    return X.flatten(0, 1), values.gather(1, index).flatten()

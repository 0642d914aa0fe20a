"""Gradients finish what the swarms have begun."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from botorch.exceptions.errors import OptimizationGradientError
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation.gen import gen_candidates_scipy, get_reasons_against_fast_path
from torch import Tensor

from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.settings import PROPOSAL
from botorch_cll.optim.swarm import SwarmResult, best_particles


def polish(search: SwarmSearch, result: SwarmResult, deadline: float | None) -> SwarmResult:
    """Climb from the points of the best swarms of each group; keep what got better."""
    chosen = _best_swarms(search, result)
    at_a_time = search.options.batch_limit or len(chosen)
    for part in chosen.split(at_a_time) if len(chosen) else ():
        timeout_sec = None if deadline is None else deadline - time.monotonic()
        if timeout_sec is not None and timeout_sec <= 0:
            break
        polished = _climb(search, result.X[part], part, timeout_sec)
        if polished is not None:
            result = _keep_better(search, result, part, polished)
    return result


def _best_swarms(search: SwarmSearch, result: SwarmResult) -> Tensor:
    """Return the indices of the best feasible swarms of each group, or of all if all are wanted."""
    rank = result.values.where(result.violations == 0, -torch.inf)
    rank = rank.view(search.num_groups if search.return_best_only else len(rank), -1)
    best = rank.topk(search.num_finished(rank.shape[1]))
    first = torch.arange(len(rank), device=rank.device).unsqueeze(-1) * rank.shape[1]
    return (first + best.indices)[best.values > -torch.inf]


def _climb(
    search: SwarmSearch, X: Tensor, swarms: Tensor, timeout_sec: float | None
) -> Tensor | None:
    """Return the end points, shaped as `X`, of gradient climbs; `None` if gradients fail."""
    options: dict[str, float] = {"maxiter": search.options.polish_maxiter}
    if not search.violation and not get_reasons_against_fast_path(
        "L-BFGS-B", True, options, timeout_sec
    ):
        # All climbs side by side, by L-BFGS-B of BoTorch's own: it need not tell values apart that
        # the swarms do not.
        tolerance = search.options.swarm_options().value_tolerance
        options["factr"] = tolerance / torch.finfo(torch.double).eps
    if search.violation or search.fixed_features.has_tensors:
        # One SLSQP problem each: jointly, the slowest of the climbs would decide about all.
        options["max_optimization_problem_aggregation_size"] = 1
    with _without_optimization_warnings(), torch.enable_grad():
        try:
            X, _ = gen_candidates_scipy(
                initial_conditions=X,
                acquisition_function=search.acq_function,
                lower_bounds=search.bounds[0],
                upper_bounds=search.bounds[1],
                **search.constraints,
                options=options,
                fixed_features=search.fixed_features.select(swarms).values,
                timeout_sec=timeout_sec,
            )
        except OptimizationGradientError:
            return None
    return X.detach()


def _keep_better(
    search: SwarmSearch, result: SwarmResult, part: Tensor, polished: Tensor
) -> SwarmResult:
    """Replace the swarms' points by the polished ones that beat them.

    SLSQP stops with a small violation of nonlinear constraints. Points a little way back toward the
    swarm's own, feasible one are tried as well.
    """
    retreats = polished.new_tensor(PROPOSAL.retreats if search.violation else (0.0,))
    start = result.X[part].unsqueeze(1)
    X = polished.unsqueeze(1).lerp(start, retreats[:, None, None])
    X = torch.cat([start, X], dim=1)
    X, values, violations = best_particles(X, search.fitness(X), search.violation(X))
    return result._replace(
        X=result.X.index_copy(0, part, X),
        values=result.values.index_copy(0, part, values),
        violations=result.violations.index_copy(0, part, violations),
    )


@contextmanager
def _without_optimization_warnings() -> Iterator[None]:
    """Drop warnings that a climb ended early, which BoTorch shows whatever the filters say.

    Nothing is lost: the swarm's own point is kept.
    """
    with warnings.catch_warnings(record=True) as recorded:
        yield
    for warning in recorded:
        if not issubclass(warning.category, OptimizationWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )

"""Candidates at which all tasks are evaluated, each for the task that gains most there."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.models import KroneckerMultiTaskGP, ModelListGP, MultiTaskGP
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.optim.checks import check_counts, check_points, expect, refuse
from botorch_cll.optim.constraints import LinearConstraint, NonlinearConstraint
from botorch_cll.optim.gains import AllGains, LargestGain
from botorch_cll.optim.incumbents import check_model_and_incumbents, task_units
from botorch_cll.optim.known_points import points_to_avoid
from botorch_cll.optim.proposal import propose
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.optim.search import SwarmSearch

_NOT_CONDITIONED = (MultiTaskGP, ModelListGP, KroneckerMultiTaskGP)
"""Models whose `condition_on_observations` does not take points of all tasks."""


def optimize_acqf_any_task(  # noqa: D417 - says where the others are explained
    model: Model,
    bounds: Tensor,
    q: int,
    best_f: Tensor | None = None,
    maximize: bool = True,
    num_restarts: int = 20,
    raw_samples: int = 512,
    options: Mapping[str, Any] | None = None,
    inequality_constraints: list[LinearConstraint] | None = None,
    nonlinear_inequality_constraints: list[NonlinearConstraint] | None = None,
    fixed_features: Mapping[int, float] | None = None,
    post_processing_func: Callable[[Tensor], Tensor] | None = None,
    *,
    acqf_class: type[AnalyticAcquisitionFunction] = LogExpectedImprovement,
    X_pending: Tensor | None = None,
    X_avoid: Tensor | None = None,
    timeout_sec: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Propose points at which all tasks are to be evaluated, each where some task gains most.

    One candidate is chosen after the other: where the acquisition function of any task is largest,
    the gains of a task counted in its unit (`task_units`), as if all tasks had been evaluated at
    the earlier candidates with the values that the model expects there (Kriging believer;
    Ginsbourger, Le Riche and Carraro, Kriging is well-suited to parallelize optimization, 2010). A
    task that has little to gain leaves its candidates to the others, and tasks that are alike do
    not spend two evaluations on one point.

    Arguments and errors that are not explained are those of `optimize_acqf_per_task`.

    Args:
        model: A fitted model with `T` outputs, one per task. For more than one candidate, pending
            ones included, it has to support `condition_on_observations`.
        q: The number of candidates.
        best_f: NaN for a task that has no incumbent. Such a task is not waited for.
        num_restarts: The number of swarms for each candidate.
        raw_samples: The number of Sobol points for each candidate.
        X_pending: A `m x d`-dim tensor of points that are being evaluated: they count as earlier
            candidates.
        X_avoid: Earlier candidates are avoided, too.
        timeout_sec: Split evenly over the candidates.

    Returns:
        A `q x d`-dim tensor of candidates and a `q`-dim tensor of their acquisition values, in the
        units of the tasks.

    Raises:
        InputDataError: No task has an incumbent.
        UnsupportedError: There is more than one candidate, pending ones included, and a
            `MultiTaskGP`, `KroneckerMultiTaskGP` or `ModelListGP`, which is not conditioned on
            points of all tasks.

    Example:
        >>> candidates, values = optimize_acqf_any_task(model, bounds, q=2)
    """
    check_counts(q=q)
    incumbents = check_model_and_incumbents(model, bounds, best_f, maximize)
    any_known = not incumbents.isnan().all()
    expect(any_known, "an incumbent of at least one task in best_f", "NaN only")
    pending = bounds[:0] if X_pending is None else X_pending
    check_points(pending, bounds, "X_pending", rows="m")
    total = q + len(pending)
    refuse(
        total > 1 and isinstance(model, _NOT_CONDITIONED),
        "Expected a model that can be conditioned on points of all tasks for more than one "
        f"candidate, pending ones included, got {total} and a {type(model).__name__}.",
    )
    unit = task_units(model, bounds)

    def largest_gain() -> AcquisitionFunction:
        return LargestGain(AllGains(model, incumbents, unit, maximize), acqf_class)

    search = SwarmSearch.of(
        bounds,
        options,
        fixed_features,
        points_to_avoid(model, bounds, X_avoid),
        acq_function=largest_gain(),
        num_restarts=num_restarts,
        raw_samples=raw_samples,
        inequality_constraints=inequality_constraints or (),
        nonlinear_inequality_constraints=nonlinear_inequality_constraints or (),
        post_processing_func=post_processing_func,
        timeout_sec=None if timeout_sec is None else timeout_sec / q,
    )
    believed = pending
    candidates: list[Tensor] = []
    values: list[Tensor] = []
    while len(candidates) < q:
        if len(believed) > 0:
            model, incumbents = _believe(model, believed, incumbents, maximize)
            known = search.known.and_also(believed)
            search = replace(search, acq_function=largest_gain(), known=known)
        with isolated_random_state(search.options.seed, bounds.device):
            X, value = propose(search)
        believed = X[0]
        candidates.append(believed)
        values.append(value[0])
    return torch.cat(candidates), torch.stack(values)


def _believe(model: Model, X: Tensor, best_f: Tensor, maximize: bool) -> tuple[Model, Tensor]:
    """The model and the incumbents as if `X`, `m x d`-dim, were evaluated as is expected."""
    best, better = (torch.amax, torch.fmax) if maximize else (torch.amin, torch.fmin)
    with torch.no_grad():
        expected = model.posterior(X).mean
        model = model.condition_on_observations(X, expected)
    # Not `maximum`: a task without incumbent has one from now on.
    return model, better(best_f, best(expected, dim=0).to(best_f))

"""One candidate for each task of a model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.optim.constraints import FixedFeatures, LinearConstraint, NonlinearConstraint
from botorch_cll.optim.gains import OwnGains
from botorch_cll.optim.incumbents import check_model_and_incumbents
from botorch_cll.optim.known_points import points_to_avoid
from botorch_cll.optim.proposal import propose
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.optim.search import SwarmSearch


def optimize_acqf_per_task(  # noqa: D417 - says where the others are explained
    model: Model,
    bounds: Tensor,
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
    X_avoid: Tensor | None = None,
    timeout_sec: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Propose one candidate for every task, each by the acquisition function of its own output.

    The swarms of all tasks advance as one batch: every step is one forward of the model. Where all
    tasks are evaluated at every candidate, `optimize_acqf_any_task` spends evaluations better.

    Arguments and errors that are not explained are those of `optimize_acqf_pso`.

    Args:
        model: A fitted model with `T` outputs, one per task.
        best_f: A `T`-dim tensor of incumbents, in the scale of the targets; for one of our models
            those of `expected_best_by_task` at its training data if omitted.
        maximize: Whether larger is better.
        num_restarts: The number of swarms of each task.
        raw_samples: The number of Sobol points, which the tasks share.
        acqf_class: An analytic acquisition function of one output that takes `model` and `best_f`.
        X_avoid: The training points of one of our models if omitted. A tensor without rows allows
            repetitions. Candidates of two tasks may coincide.

    Returns:
        A `T x d`-dim tensor of candidates and a `T`-dim tensor of their acquisition values.

    Raises:
        InputDataError: The bounds are of another dtype than the model.
        UnsupportedError: `best_f` is needed and not given.
        CandidateGenerationError: For some task no swarm found a feasible point.

    Example:
        >>> candidates, values = optimize_acqf_per_task(model, bounds)
    """
    best_f = check_model_and_incumbents(model, bounds, best_f, maximize)
    search = SwarmSearch.of(
        bounds,
        options,
        fixed_features,
        points_to_avoid(model, bounds, X_avoid),
        acq_function=acqf_class(model=OwnGains(model, best_f, maximize), best_f=0.0),
        num_restarts=num_restarts,
        raw_samples=raw_samples,
        inequality_constraints=inequality_constraints or (),
        nonlinear_inequality_constraints=nonlinear_inequality_constraints or (),
        post_processing_func=post_processing_func,
        timeout_sec=timeout_sec,
    )
    with isolated_random_state(search.options.seed, bounds.device):
        X, values = propose(_for_each_task(search, model.num_outputs))
    return X[:, 0, :-1], values


def _for_each_task(search: SwarmSearch, num_tasks: int) -> SwarmSearch:
    """The same search for each task, which is a further feature that only the model sees."""
    bounds, d = search.bounds, search.bounds.shape[-1]
    task = torch.arange(num_tasks).to(bounds).repeat_interleave(search.num_restarts)
    process = search.post_processing_func

    def keep_task(X: Tensor) -> Tensor:
        assert process is not None
        return torch.cat([process(X[..., :-1]), X[..., -1:]], dim=-1)

    def on_inputs(constraint: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        return lambda X: constraint(X[..., :-1])

    return replace(
        search,
        bounds=torch.cat([bounds, bounds.new_tensor([[0.0], [num_tasks - 1.0]])], dim=-1),
        fixed_features=FixedFeatures({**search.fixed_features.values, d: task}, d + 1),
        nonlinear_inequality_constraints=[
            (on_inputs(constraint), intra_point)
            for constraint, intra_point in search.nonlinear_inequality_constraints
        ],
        post_processing_func=None if process is None else keep_task,
        num_tasks=num_tasks,
    )

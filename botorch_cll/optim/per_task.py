"""One candidate for each task of a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    CandidateGenerationError,
    InputDataError,
)
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior, Posterior
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from botorch_cll.optim.checks import check_bounds
from botorch_cll.optim.constraints import (
    FixedFeatures,
    LinearConstraint,
    NonlinearConstraint,
    check_constraint_tuples,
)
from botorch_cll.optim.incumbents import check_model_and_incumbents
from botorch_cll.optim.initializers import gen_swarm_positions
from botorch_cll.optim.known_points import KnownPoints, points_to_avoid, run_away_from
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.swarm import SwarmResult


class _OwnTask(Model):
    """A model of `T` outputs seen as one output of `d + 1` inputs, the last of them the task.

    Values count as improvements over the task's incumbent, so that one threshold, zero, serves all.
    """

    def __init__(self, model: Model, best_f: Tensor, maximize: bool) -> None:
        super().__init__()
        self.model = model
        self.sign = 1.0 if maximize else -1.0
        self.register_buffer("best_f", best_f)
        self._last: tuple[Tensor, Posterior] | None = None

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size()

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior:
        task = X[..., -1:].round().long()
        posterior = self._all_tasks(X[..., :-1])
        gain = self.sign * (posterior.mean.gather(-1, task) - self.best_f[task])
        variance = posterior.variance.gather(-1, task)
        return GPyTorchPosterior(
            MultivariateNormal(gain.squeeze(-1), DiagLinearOperator(variance.squeeze(-1)))
        )

    def _all_tasks(self, X: Tensor) -> Posterior:
        """The posterior of all tasks, kept for the next call: tasks share their raw samples."""
        if X.requires_grad:
            return self.model.posterior(X)
        if self._last is None or not torch.equal(self._last[0], X):
            self._last = X, self.model.posterior(X)
        return self._last[1]


def optimize_acqf_per_task(
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

    The swarms of all tasks advance as one batch, so that every step is one forward of the model,
    which computes all tasks' outputs anyway. Where all tasks are evaluated at every candidate,
    `optimize_acqf_any_task` spends these evaluations better.

    Args:
        model: A fitted model with `T` outputs, one per task.
        bounds: A `2 x d`-dim tensor of finite lower and upper bounds.
        best_f: A `T`-dim tensor of incumbents, in the scale of the targets; for one of our models
            those of `expected_best_by_task` at its training data if omitted.
        maximize: Whether larger is better.
        num_restarts: The number of swarms of each task.
        raw_samples: The number of Sobol points that the first positions are chosen from.
        options: Options of the swarms, as in `optimize_acqf_pso`.
        inequality_constraints: As in `optimize_acqf_pso`, on the `d` inputs.
        nonlinear_inequality_constraints: As in `optimize_acqf_pso`, on the `d` inputs.
        fixed_features: As in `optimize_acqf_pso`.
        post_processing_func: As in `optimize_acqf_pso`; maps `b x 1 x d` to the same shape.
        acqf_class: An analytic acquisition function of one output that takes `model` and `best_f`.
        X_avoid: As in `optimize_acqf_pso`; the training points of one of our models if omitted. A
            tensor without rows allows repetitions. Candidates of two tasks may coincide.
        timeout_sec: As in `optimize_acqf_pso`.

    Returns:
        A `T x d`-dim tensor of candidates and a `T`-dim tensor of their acquisition values.

    Raises:
        InputDataError: If the bounds are upside down or of another dtype than the model, `best_f`
            is no tensor, `X_avoid` is none or not finite, or `num_restarts` is below one.
        UnsupportedError: If `best_f` is needed and not given.
        BotorchTensorDimensionError: If `best_f` does not have one entry per output, or `X_avoid` is
            not of shape `n x d`.
        CandidateGenerationError: If for some task no swarm found a feasible point.

    Example:
        >>> candidates, values = optimize_acqf_per_task(model, bounds)
    """
    check_bounds(bounds)
    if num_restarts < 1:
        raise InputDataError(f"Expected `num_restarts` to be at least 1, got {num_restarts}.")
    check_constraint_tuples(inequality_constraints, nonlinear_inequality_constraints)
    num_tasks, d = model.num_outputs, bounds.shape[-1]
    fixed = FixedFeatures(fixed_features, d).values
    best_f = check_model_and_incumbents(model, bounds, best_f, maximize)
    deadline = None if timeout_sec is None else time.monotonic() + timeout_sec

    task = torch.arange(num_tasks).to(bounds).repeat_interleave(num_restarts)
    task_bounds = bounds.new_tensor([[0.0], [num_tasks - 1.0]])
    known = KnownPoints(points_to_avoid(model, bounds, X_avoid), bounds)
    search = SwarmSearch(
        acq_function=acqf_class(model=_OwnTask(model, best_f, maximize), best_f=0.0),
        bounds=torch.cat([bounds, task_bounds], dim=-1),
        q=1,
        options=SearchOptions.parse(options),
        fixed_features=FixedFeatures({**fixed, d: task}, d + 1),
        inequality_constraints=inequality_constraints,
        nonlinear_inequality_constraints=_on_inputs(nonlinear_inequality_constraints),
        post_processing_func=_keep_task(post_processing_func),
    )

    def run(search: SwarmSearch) -> SwarmResult:
        return search.run(
            _initial_positions(search, num_tasks, num_restarts, raw_samples),
            generator=torch.Generator(device=bounds.device).manual_seed(search.options.seed),
            deadline=deadline,
            num_groups=num_tasks,
        )

    with isolated_random_state(search.options.seed, bounds.device):
        result = run_away_from(known, search, run, num_candidates=num_tasks)
        return _best_of_each_task(search, result, known, num_tasks)


def _best_of_each_task(
    search: SwarmSearch, result: SwarmResult, known: KnownPoints, num_tasks: int
) -> tuple[Tensor, Tensor]:
    """Choose a feasible, if possible new candidate of every task.

    Returns:
        A `T x d`-dim tensor of candidates and a `T`-dim tensor of their values.

    Raises:
        CandidateGenerationError: If for some task no swarm found a feasible point.
    """
    feasible = search.is_feasible(result.X).view(num_tasks, -1)
    without = (~feasible.any(dim=-1)).nonzero().flatten().tolist()
    if without:
        raise CandidateGenerationError(f"No feasible candidate for tasks {without}.")
    new = feasible & known.are_new(result.X).view(num_tasks, -1)
    # A task without incumbent has the value minus infinity everywhere, and still a candidate.
    values = result.values.view(num_tasks, -1)
    rank = values.clamp_min(torch.finfo(values.dtype).min)
    chosen = torch.where(new.any(dim=-1, keepdim=True), new, feasible)
    best = rank.where(chosen, -torch.inf).argmax(dim=-1)
    tasks = torch.arange(num_tasks, device=best.device)
    X = result.X[..., :-1].view(*values.shape, -1)
    return X[tasks, best], values[tasks, best]


def _initial_positions(
    search: SwarmSearch, num_tasks: int, num_restarts: int, raw_samples: int
) -> Tensor:
    """Choose each task's own first positions, all from the same raw samples.

    Returns:
        A `(num_tasks * num_restarts) x num_particles x 1 x (d + 1)`-dim tensor.
    """
    num_particles = search.num_particles(num_restarts)
    positions = []
    for first in range(0, num_tasks * num_restarts, num_restarts):
        own = replace(search, fixed_features=search.fixed_features.select(slice(first, first + 1)))
        positions.append(gen_swarm_positions(own, num_restarts, num_particles, raw_samples))
    return torch.cat(positions)


def _on_inputs(constraints: list[NonlinearConstraint] | None) -> list[NonlinearConstraint] | None:
    """Constraints that do not see the task column."""
    if constraints is None:
        return None

    def wrap(constraint: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        return lambda X: constraint(X[..., :-1])

    return [(wrap(constraint), intra_point) for constraint, intra_point in constraints]


def _keep_task(
    post_processing_func: Callable[[Tensor], Tensor] | None,
) -> Callable[[Tensor], Tensor] | None:
    """A post-processing function that does not see the task column."""
    if post_processing_func is None:
        return None
    return lambda X: torch.cat([post_processing_func(X[..., :-1]), X[..., -1:]], dim=-1)

"""Candidates at which all tasks are evaluated, each for the task that gains most there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from botorch.models import KroneckerMultiTaskGP, ModelListGP, MultiTaskGP
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from botorch_cll.optim.checks import check_bounds
from botorch_cll.optim.constraints import LinearConstraint, NonlinearConstraint
from botorch_cll.optim.incumbents import check_model_and_incumbents, task_units
from botorch_cll.optim.known_points import points_to_avoid
from botorch_cll.optim.pso import optimize_acqf_pso

_NOT_CONDITIONED = (MultiTaskGP, ModelListGP, KroneckerMultiTaskGP)
"""Models whose `condition_on_observations` does not take points of all tasks."""


class _Gains(Model):
    """Improvements of some outputs of a model, in units of the tasks, as a batch of models.

    Args:
        model: A model of `T` outputs.
        tasks: The `m` outputs.
        best_f: A `T`-dim tensor of incumbents.
        unit: A `T`-dim tensor of units.
        maximize: Whether larger is better.
    """

    def __init__(
        self, model: Model, tasks: Tensor, best_f: Tensor, unit: Tensor, maximize: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("tasks", tasks)
        self.register_buffer("best_f", best_f[tasks])
        self.register_buffer("unit", unit[tasks])
        self.sign = 1.0 if maximize else -1.0

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return self.tasks.shape

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior:
        """From `(b) x 1 x 1 x d`-dim points to a posterior of shape `(b) x m x 1 x 1`."""
        posterior = self.model.posterior(X.squeeze(-3))
        mean, variance = posterior.mean[..., self.tasks], posterior.variance[..., self.tasks]
        gain = self.sign * (mean - self.best_f) / self.unit
        variance = variance / self.unit.square()
        return GPyTorchPosterior(MultivariateNormal(gain.mT, DiagLinearOperator(variance.mT)))


class _LargestGain(AcquisitionFunction):
    """The largest value that an acquisition function takes for any of the tasks."""

    def __init__(self, gains: _Gains, acqf_class: type[AnalyticAcquisitionFunction]) -> None:
        super().__init__(gains)
        self.each = acqf_class(model=gains, best_f=0.0)

    def forward(self, X: Tensor) -> Tensor:
        """From `(b) x 1 x d`-dim points to `b` values."""
        return self.each(X.unsqueeze(-3)).amax(dim=-1)


def optimize_acqf_any_task(
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

    Args:
        model: A fitted model with `T` outputs, one per task. For more than one candidate, pending
            ones included, it has to support `condition_on_observations`.
        bounds: A `2 x d`-dim tensor of finite lower and upper bounds.
        q: The number of candidates.
        best_f: A `T`-dim tensor of incumbents, in the scale of the targets, NaN for a task that has
            none; for one of our models those of `expected_best_by_task` at its training data if
            omitted. A task without incumbent is not waited for.
        maximize: Whether larger is better.
        num_restarts: As in `optimize_acqf_pso`, for each candidate.
        raw_samples: As in `optimize_acqf_pso`, for each candidate.
        options: As in `optimize_acqf_pso`.
        inequality_constraints: As in `optimize_acqf_pso`, on the points of one candidate.
        nonlinear_inequality_constraints: As in `optimize_acqf_pso`, likewise.
        fixed_features: As in `optimize_acqf_pso`.
        post_processing_func: As in `optimize_acqf_pso`; maps `b x 1 x d` to the same shape.
        acqf_class: An analytic acquisition function of one output that takes `model` and `best_f`.
        X_pending: A `m x d`-dim tensor of points that are being evaluated: they count as earlier
            candidates.
        X_avoid: As in `optimize_acqf_pso`; the training points of one of our models if omitted. A
            tensor without rows allows repetitions. Earlier candidates are avoided, too.
        timeout_sec: As in `optimize_acqf_pso`, split evenly over the candidates.

    Returns:
        A `q x d`-dim tensor of candidates and a `q`-dim tensor of their acquisition values, in the
        units of the tasks.

    Raises:
        InputDataError: If the bounds are upside down or of another dtype than the model, `best_f`
            is no tensor or has no number in it, points are no tensor or not finite, or `q` or
            `num_restarts` is below one.
        UnsupportedError: If `best_f` is needed and not given, or there is more than one candidate,
            pending ones included, and a `MultiTaskGP`, `KroneckerMultiTaskGP` or `ModelListGP`,
            which is not conditioned on points of all tasks.
        BotorchTensorDimensionError: If `best_f` does not have one entry per output, or points are
            not of shape `n x d`.
        CandidateGenerationError: If no swarm found a feasible point.

    Example:
        >>> candidates, values = optimize_acqf_any_task(model, bounds, q=2)
    """
    check_bounds(bounds)
    if q < 1:
        raise InputDataError(f"Expected `q` to be at least 1, got {q}.")
    best_f = check_model_and_incumbents(model, bounds, best_f, maximize)
    if best_f.isnan().all():
        raise InputDataError("Expected an incumbent of at least one task in best_f, got NaN only.")
    pending = bounds[:0] if X_pending is None else X_pending
    if not isinstance(pending, Tensor) or not bool(pending.isfinite().all()):
        raise InputDataError(f"Expected `X_pending` as a tensor of finite numbers, got {pending}.")
    if pending.ndim != 2 or pending.shape[-1] != bounds.shape[-1]:
        raise BotorchTensorDimensionError(
            f"Expected `X_pending` of shape m x {bounds.shape[-1]}, got {tuple(pending.shape)}."
        )
    if q + len(pending) > 1 and isinstance(model, _NOT_CONDITIONED):
        raise UnsupportedError(
            "Expected a model that can be conditioned on points of all tasks for more than one "
            f"candidate, pending ones included, got {q + len(pending)} and a "
            f"{type(model).__name__}."
        )
    unit = task_units(model, bounds)
    avoided = points_to_avoid(model, bounds, X_avoid)
    best, better = (torch.amax, torch.fmax) if maximize else (torch.amin, torch.fmin)
    believed = pending
    candidates: list[Tensor] = []
    values: list[Tensor] = []
    for _ in range(q):
        if len(believed) > 0:
            with torch.no_grad():
                expected = model.posterior(believed).mean
                model = model.condition_on_observations(believed, expected)
            # Not `maximum`: a task without incumbent has one from now on.
            best_f = better(best_f, best(expected, dim=0).to(best_f))
            avoided = torch.cat([avoided, believed])
        known = (~best_f.isnan()).nonzero().squeeze(-1)
        candidate, value = optimize_acqf_pso(
            _LargestGain(_Gains(model, known, best_f, unit, maximize), acqf_class),
            bounds,
            q=1,
            num_restarts=num_restarts,
            raw_samples=raw_samples,
            options=options,
            inequality_constraints=inequality_constraints,
            nonlinear_inequality_constraints=nonlinear_inequality_constraints,
            fixed_features=fixed_features,
            post_processing_func=post_processing_func,
            X_avoid=avoided,
            timeout_sec=None if timeout_sec is None else timeout_sec / q,
        )
        assert value is not None
        candidates.append(candidate)
        values.append(value)
        believed = candidate
    return torch.cat(candidates), torch.stack(values)

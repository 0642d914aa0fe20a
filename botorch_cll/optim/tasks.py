"""Incumbents of all tasks, and one candidate for each from one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    UnsupportedError,
)
from botorch.models.model import Model
from botorch.optim.initializers import initialize_q_batch
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.sampling import draw_sobol_samples
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.checks import check_bounds
from botorch_cll.optim.constraints import LinearConstraint, NonlinearConstraint
from botorch_cll.optim.pso import optimize_acqf_pso


class BestByTask(NamedTuple):
    """The incumbents of all tasks.

    Attributes:
        X: A `T x d`-dim tensor: where each task was best.
        Y: A `T`-dim tensor: its value there; NaN for a task that was never observed.
        row: A `T`-dim tensor: which rows these are.
    """

    X: Tensor
    Y: Tensor
    row: Tensor


def best_by_task(X: Tensor, Y: Tensor, maximize: bool = True) -> BestByTask:
    """Find the best observation of every task.

    Args:
        X: A `n x d`-dim tensor of points.
        Y: A `n x T`-dim tensor of observations, NaN where a task was not observed.
        maximize: Whether larger is better.

    Returns:
        The incumbents.

    Raises:
        BotorchTensorDimensionError: If `X` and `Y` are not two-dimensional with equally many rows.

    Example:
        >>> best_f = best_by_task(train_X, train_Y).Y
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or len(X) == 0:
        raise BotorchTensorDimensionError(
            "Expected X of shape n x d and Y of shape n x T with n > 0, got "
            f"{tuple(X.shape)} and {tuple(Y.shape)}."
        )
    score = (Y if maximize else -Y).where(~Y.isnan(), -torch.inf)
    index = score.argmax(dim=0)
    return BestByTask(X=X[index], Y=Y.gather(0, index.unsqueeze(0)).squeeze(0), row=index)


class _OwnTask(Model):
    """A model of `T` outputs seen as one output of `d + 1` inputs, the last of them the task.

    Values count as improvements over the task's incumbent, so that one threshold, zero, serves all.
    """

    def __init__(self, model: Model, best_f: Tensor, maximize: bool) -> None:
        super().__init__()
        self.model = model
        self.sign = 1.0 if maximize else -1.0
        self.register_buffer("best_f", best_f)

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
        posterior = self.model.posterior(X[..., :-1], observation_noise=observation_noise)
        gain = self.sign * (posterior.mean.gather(-1, task) - self.best_f[task])
        variance = posterior.variance.gather(-1, task)
        return GPyTorchPosterior(
            MultivariateNormal(gain.squeeze(-1), DiagLinearOperator(variance.squeeze(-1)))
        )


def optimize_acqf_per_task(
    model: Model,
    bounds: Tensor,
    best_f: Tensor | None = None,
    maximize: bool = True,
    num_restarts: int = 4,
    raw_samples: int = 256,
    options: Mapping[str, Any] | None = None,
    inequality_constraints: list[LinearConstraint] | None = None,
    nonlinear_inequality_constraints: list[NonlinearConstraint] | None = None,
    fixed_features: Mapping[int, float] | None = None,
    post_processing_func: Callable[[Tensor], Tensor] | None = None,
    *,
    acqf_class: type[AnalyticAcquisitionFunction] = LogExpectedImprovement,
    timeout_sec: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Propose one candidate for every task, each by the acquisition function of its own output.

    The swarms of all tasks advance as one batch, so that every step is one forward of the model,
    which computes all tasks' outputs anyway.

    Args:
        model: A fitted model with `T` outputs, one per task.
        bounds: A `2 x d`-dim tensor of finite lower and upper bounds.
        best_f: A `T`-dim tensor of incumbents, in the scale of the targets; the best observations
            in the training data of one of our models if omitted.
        maximize: Whether larger is better.
        num_restarts: The number of swarms of each task.
        raw_samples: The number of Sobol points scored for the first positions.
        options: Options of the swarms, as in `optimize_acqf_pso`.
        inequality_constraints: As in `optimize_acqf_pso`, on the `d` inputs.
        nonlinear_inequality_constraints: As in `optimize_acqf_pso`, on the `d` inputs.
        fixed_features: As in `optimize_acqf_pso`.
        post_processing_func: As in `optimize_acqf_pso`; maps `b x 1 x d` to the same shape.
        acqf_class: An analytic acquisition function of one output that takes `model` and `best_f`.
        timeout_sec: As in `optimize_acqf_pso`.

    Returns:
        A `T x d`-dim tensor of candidates and a `T`-dim tensor of their acquisition values.

    Raises:
        InputDataError: If the bounds are upside down.
        UnsupportedError: If `best_f` is needed and not given.
        BotorchTensorDimensionError: If `best_f` does not have one entry per output.
        CandidateGenerationError: If for some task no swarm found a feasible point.

    Example:
        >>> candidates, values = optimize_acqf_per_task(model, bounds)
    """
    check_bounds(bounds)
    num_tasks, d = model.num_outputs, bounds.shape[-1]
    best_f = _incumbents(model, maximize) if best_f is None else best_f
    if best_f.shape != (num_tasks,):
        raise BotorchTensorDimensionError(
            f"Expected best_f with one entry for each of {num_tasks} outputs, got shape "
            f"{tuple(best_f.shape)}."
        )
    acqf = acqf_class(model=_OwnTask(model, best_f.to(bounds), maximize), best_f=0.0)
    task_bounds = bounds.new_tensor([[0.0], [float(num_tasks - 1)]])
    all_bounds = torch.cat([bounds, task_bounds], dim=-1)
    starts = _starting_points(acqf, bounds, num_tasks, num_restarts, raw_samples, options)
    result, values = optimize_acqf_pso(
        acq_function=acqf,
        bounds=all_bounds,
        q=1,
        num_restarts=len(starts),
        options=dict(options or {}),
        inequality_constraints=inequality_constraints,
        nonlinear_inequality_constraints=_on_inputs(nonlinear_inequality_constraints),
        fixed_features={**(fixed_features or {}), d: starts[:, 0, -1]},
        post_processing_func=_keep_task(post_processing_func),
        batch_initial_conditions=starts,
        return_best_only=False,
        timeout_sec=timeout_sec,
    )
    assert values is not None
    task = result[:, 0, -1].round().long()
    own = torch.arange(num_tasks, device=task.device).unsqueeze(-1) == task
    score = values.where(own, -torch.inf)
    if not bool(own.any(-1).all()):
        raise CandidateGenerationError(
            f"No feasible candidate for tasks {(~own.any(-1)).nonzero().flatten().tolist()}."
        )
    best = score.argmax(-1)
    return result[best, 0, :-1], values[best]


def _incumbents(model: Model, maximize: bool) -> Tensor:
    if not isinstance(model, RBFEnsembleModel) or model.tasks.feature is not None:
        raise UnsupportedError(
            "Expected best_f for a model that is not one of this package's in the wide format, got "
            f"None for a {type(model).__name__}."
        )
    best_f = best_by_task(model.train_X, model.train_Y, maximize).Y
    return best_f[model.output_tasks]


def _starting_points(
    acqf: AnalyticAcquisitionFunction,
    bounds: Tensor,
    num_tasks: int,
    num_restarts: int,
    raw_samples: int,
    options: Mapping[str, Any] | None,
) -> Tensor:
    """Choose each task's starting points among the same Sobol points by BoTorch's heuristic.

    Returns:
        A `(num_tasks * num_restarts) x 1 x (d + 1)`-dim tensor.
    """
    seed = int((options or {}).get("seed") or 0)
    raw_samples = max(raw_samples, num_restarts)
    raw = draw_sobol_samples(bounds, n=raw_samples, q=1, seed=seed)
    task = torch.arange(num_tasks).to(bounds).view(1, -1, 1, 1).expand(raw_samples, -1, 1, 1)
    X = torch.cat([raw.unsqueeze(1).expand(-1, num_tasks, -1, -1), task], dim=-1)
    with torch.no_grad():
        values = acqf(X.flatten(0, 1)).view(raw_samples, num_tasks)
    lowest = values[values.isfinite()].amin() if bool(values.isfinite().any()) else 0.0
    values = values.nan_to_num(nan=float(lowest), neginf=float(lowest), posinf=float(lowest))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        starts, _ = initialize_q_batch(X=X, acq_vals=values, n=num_restarts)
    return starts.transpose(0, 1).flatten(0, 1)


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

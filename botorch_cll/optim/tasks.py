"""Incumbents of all tasks, and one candidate for each from one model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
    UnsupportedError,
)
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior, Posterior
from botorch.utils.sampling import draw_sobol_samples
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.checks import check_bounds
from botorch_cll.optim.constraints import FixedFeatures, LinearConstraint, NonlinearConstraint
from botorch_cll.optim.initializers import gen_swarm_positions
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.optim.search import SwarmSearch

_NUM_UNIT_POINTS = 64
_ROUNDING = 1e-6
_ROWS_AT_A_TIME = 10_000


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

    Values count as improvements over the task's incumbent, so that one threshold, zero, serves all;
    with `unit` they are in the task's unit.
    """

    def __init__(
        self, model: Model, best_f: Tensor, maximize: bool, unit: Tensor | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.sign = 1.0 if maximize else -1.0
        self.register_buffer("best_f", best_f)
        self.register_buffer("unit", torch.ones_like(best_f) if unit is None else unit)
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
        unit = self.unit[task]
        gain = self.sign * (posterior.mean.gather(-1, task) - self.best_f[task]) / unit
        variance = posterior.variance.gather(-1, task) / unit.square()
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
    sequential: bool = False,
    acqf_class: type[AnalyticAcquisitionFunction] = LogExpectedImprovement,
    timeout_sec: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Propose one candidate for every task, each by the acquisition function of its own output.

    The swarms of all tasks advance as one batch, so that every step is one forward of the model,
    which computes all tasks' outputs anyway.

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
        sequential: Whether to choose the candidates one after the other, that of the highest value
            in units of `task_units` first, each as if all tasks had been evaluated at the earlier
            ones with the values that the model expects there (Kriging believer; Ginsbourger, Le
            Riche and Carraro, Kriging is well-suited to parallelize optimization, 2010). Tasks that
            are alike then do not spend their evaluations on the same point. The model has to
            support `condition_on_observations`; the time grows with the square of the number of
            tasks.
        acqf_class: An analytic acquisition function of one output that takes `model` and `best_f`.
        timeout_sec: As in `optimize_acqf_pso`.

    Returns:
        A `T x d`-dim tensor of candidates and a `T`-dim tensor of their acquisition values.

    Raises:
        InputDataError: If the bounds are upside down or of another dtype than the model, `best_f`
            is no tensor, or `num_restarts` is below one.
        UnsupportedError: If `best_f` is needed and not given.
        BotorchTensorDimensionError: If `best_f` does not have one entry per output.
        CandidateGenerationError: If for some task no swarm found a feasible point.

    Example:
        >>> candidates, values = optimize_acqf_per_task(model, bounds)
    """
    check_bounds(bounds)
    _check_dtype(model, bounds)
    if num_restarts < 1:
        raise InputDataError(f"Expected `num_restarts` to be at least 1, got {num_restarts}.")
    num_tasks, d = model.num_outputs, bounds.shape[-1]
    fixed = FixedFeatures(fixed_features, d).values
    best_f = _incumbents(model, maximize) if best_f is None else best_f
    if not isinstance(best_f, Tensor):
        raise InputDataError(f"Expected best_f as a tensor, got {type(best_f).__name__}.")
    if best_f.shape != (num_tasks,):
        raise BotorchTensorDimensionError(
            f"Expected best_f with one entry for each of {num_tasks} outputs, got shape "
            f"{tuple(best_f.shape)}."
        )
    best_f = best_f.to(bounds)
    deadline = None if timeout_sec is None else time.monotonic() + timeout_sec

    def search(model: Model, best_f: Tensor, tasks: list[int]) -> tuple[Tensor, Tensor]:
        task = torch.tensor(tasks).to(bounds).repeat_interleave(num_restarts)
        task_bounds = bounds.new_tensor([[0.0], [num_tasks - 1.0]])
        swarms = SwarmSearch(
            acq_function=acqf_class(model=_OwnTask(model, best_f, maximize), best_f=0.0),
            bounds=torch.cat([bounds, task_bounds], dim=-1),
            q=1,
            options=SearchOptions.parse(options),
            fixed_features=FixedFeatures({**fixed, d: task}, d + 1),
            inequality_constraints=inequality_constraints,
            nonlinear_inequality_constraints=_on_inputs(nonlinear_inequality_constraints),
            post_processing_func=_keep_task(post_processing_func),
        )
        return _search_tasks(swarms, tasks, num_restarts, raw_samples, deadline)

    tasks = [*range(num_tasks)]
    candidates, values = search(model, best_f, tasks)
    if not sequential:
        return candidates, values
    unit = task_units(model, bounds)
    waiting = tasks
    while len(waiting) > 1:
        in_units = acqf_class(model=_OwnTask(model, best_f, maximize, unit), best_f=0.0)
        with torch.no_grad():
            own = torch.tensor(waiting).to(bounds).unsqueeze(-1)
            found = in_units(torch.cat([candidates[waiting], own], dim=-1).unsqueeze(-2))
        task = waiting[int(found.nan_to_num(-torch.inf).argmax())]
        waiting = [other for other in waiting if other != task]
        model, best_f = _suppose_evaluated(model, candidates[[task]], best_f, maximize)
        candidates[waiting], values[waiting] = search(model, best_f, waiting)
    return candidates, values


def task_units(model: Model, bounds: Tensor) -> Tensor:
    """Units in which gains of different tasks compare: how far each task varies over the box.

    Args:
        model: A model of `T` outputs.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.

    Returns:
        A `T`-dim tensor: the standard deviations of the means at Sobol points, 1 where a mean is
        the same everywhere, up to rounding.
    """
    X = draw_sobol_samples(bounds, n=_NUM_UNIT_POINTS, q=1, seed=0).squeeze(-2)
    with torch.no_grad():
        posterior = model.posterior(X)
        spread, deviation = posterior.mean.std(0), posterior.variance.mean(0).sqrt()
    return torch.where(spread > _ROUNDING * deviation, spread, 1.0)


def _check_dtype(model: Model, bounds: Tensor) -> None:
    """Refuse bounds to which an acquisition function would cast itself and the model in it."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.dtype != bounds.dtype:
            raise InputDataError(
                f"Expected `bounds` of the model's dtype, {tensor.dtype}, got {bounds.dtype}."
            )


def _search_tasks(
    search: SwarmSearch,
    tasks: list[int],
    num_restarts: int,
    raw_samples: int,
    deadline: float | None,
) -> tuple[Tensor, Tensor]:
    """The best candidate of each task, `len(tasks) x d`, and their values."""
    seed, device = search.options.seed, search.bounds.device
    with isolated_random_state(seed, device):
        result = search.run(
            _initial_positions(search, len(tasks), num_restarts, raw_samples),
            generator=torch.Generator(device=device).manual_seed(seed),
            deadline=deadline,
            num_groups=len(tasks),
        )
    feasible = search.is_feasible(result.X).view(len(tasks), num_restarts)
    without = [
        task for task, any_ in zip(tasks, feasible.any(-1).tolist(), strict=True) if not any_
    ]
    if without:
        raise CandidateGenerationError(f"No feasible candidate for tasks {without}.")
    # A task without incumbent has the value minus infinity everywhere, and still a candidate.
    lowest = torch.finfo(result.values.dtype).min
    values = result.values.view(len(tasks), num_restarts)
    best = values.clamp_min(lowest).where(feasible, -torch.inf).argmax(dim=-1)
    row = torch.arange(len(tasks), device=device)
    X = result.X.view(len(tasks), num_restarts, -1)
    return X[row, best, :-1], values[row, best]


def _suppose_evaluated(
    model: Model, X: Tensor, best_f: Tensor, maximize: bool
) -> tuple[Model, Tensor]:
    """Model and incumbents as if all tasks had been evaluated at a point, as the model expects."""
    with torch.no_grad():
        expected = model.posterior(X).mean
        model = model.condition_on_observations(X, expected)
    # Not `maximum`: a task without incumbent has one from now on.
    better = torch.fmax if maximize else torch.fmin
    return model, better(best_f, expected.squeeze(0).to(best_f))


def expected_best_by_task(model: Model, X: Tensor, Y: Tensor, maximize: bool = True) -> Tensor:
    """The best value of every task that a model expects where the task was observed.

    Where observations are noisy, or vary at a scale that the model takes for noise, the best
    observation is a lucky one: measured against it, expected improvement favours wherever the model
    knows least. This is the plug-in incumbent of Picheny, Wagner and Ginsbourger (A benchmark of
    kriging-based infill criteria for noisy optimization, Structural and Multidisciplinary
    Optimization 48, 2013). A model that interpolates expects the best observation.

    Args:
        model: A model of `T` outputs.
        X: A `n x d`-dim tensor of points.
        Y: A `n x T`-dim tensor of observations, NaN where a task was not observed.
        maximize: Whether larger is better.

    Returns:
        A `T`-dim tensor, NaN for a task that was never observed.

    Raises:
        BotorchTensorDimensionError: If `Y` is not of the shape of the model's predictions at `X`.

    Example:
        >>> best_f = expected_best_by_task(model, train_X, train_Y)
    """
    with torch.no_grad():
        mean = torch.cat([model.posterior(rows).mean for rows in X.split(_ROWS_AT_A_TIME)])
    if Y.shape != mean.shape:
        raise BotorchTensorDimensionError(
            f"Expected Y of shape {tuple(mean.shape)} for X of shape {tuple(X.shape)}, got "
            f"{tuple(Y.shape)}."
        )
    return best_by_task(X, mean.where(~Y.isnan(), torch.nan), maximize).Y


def _incumbents(model: Model, maximize: bool) -> Tensor:
    if not isinstance(model, RBFEnsembleModel) or model.tasks.feature is not None:
        raise UnsupportedError(
            "Expected best_f for a model that is not one of this package's in the wide format, got "
            f"None for a {type(model).__name__}."
        )
    observed = model.train_Y[:, model.output_tasks]
    return expected_best_by_task(model, model.train_X, observed, maximize)


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

"""The Bay_MRBFCor loop: fit, as many candidates as tasks, evaluate all tasks at all of them."""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from botorch.models.model import Model
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.any_task import optimize_acqf_any_task
from botorch_cll.optim.checks import check_bounds, expect, expect_shape
from botorch_cll.optim.incumbents import (
    BestByTask,
    best_by_task,
    expected_best_by_task,
    task_units,
)
from botorch_cll.optim.per_task import optimize_acqf_per_task
from botorch_cll.optim.settings import PROPOSAL

Fit = Callable[[Tensor, Tensor, int], Model | None]
"""Maps points (`n x d`), values (`n x T`, larger is better) and a seed to a fitted model."""

Propose = Callable[[Model | None, Tensor, Tensor, Tensor, int], Tensor]
"""Maps a model, bounds, the model's data (`n x d` and `n x T`, larger is better) and a seed to
`k x d` candidates, best first."""


class LoopResult(NamedTuple):
    """What a run of the loop has evaluated.

    Attributes:
        X: A `n x d`-dim tensor of points.
        Y: A `n x T`-dim tensor: all tasks' values at all points.
        best: The incumbents.
        fit_seconds: The time spent in fitting models.
        propose_seconds: The time spent in proposing candidates.
    """

    X: Tensor
    Y: Tensor
    best: BestByTask
    fit_seconds: float
    propose_seconds: float


def fit_multi_rbf(X: Tensor, Y: Tensor, seed: int) -> MultiRBFCorrelationModel:
    """Fit the loop's default surrogate, NaN standing for what was not observed; a `Fit`."""
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, missing="mask", seed=seed))


def propose_by_swarm(
    model: Model | None, bounds: Tensor, X: Tensor, Y: Tensor, seed: int
) -> Tensor:
    """As many candidates as tasks, by expected improvement and particle swarms; a `Propose`.

    With one of our models each is where any task gains most, `optimize_acqf_any_task`. Other models
    differ in how they are conditioned: with these each task has a candidate of its own. Points that
    have been evaluated are avoided. The incumbents are those of `expected_best_by_task`.
    """
    assert model is not None
    best_f, options = expected_best_by_task(model, X, Y), {"seed": seed}
    if isinstance(model, RBFEnsembleModel):
        return optimize_acqf_any_task(
            model, bounds, len(best_f), best_f, options=options, X_avoid=X
        )[0]
    candidates, values = optimize_acqf_per_task(model, bounds, best_f, options=options, X_avoid=X)
    # The logarithm of an improvement in another unit is another by the logarithm of the unit.
    return candidates[(values - task_units(model, bounds).log()).argsort(descending=True)]


def run_bay_mrbfcor(
    evaluate: Callable[[Tensor], Tensor],
    bounds: Tensor,
    budget: int = 100,
    num_initial: int = 20,
    maximize: bool = True,
    seed: int = 0,
    callback: Callable[[Tensor, Tensor], None] | None = None,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    fit: Fit = fit_multi_rbf,
    propose: Propose = propose_by_swarm,
) -> LoopResult:
    """Optimize several tasks over one input space, each toward its own optimum.

    The loop of Xu, Luo, Li and Cao (2023): after a first Sobol design, each iteration fits the
    model, proposes as many candidates as there are tasks by expected improvement and particle
    swarms, and evaluates all tasks at all of them, once where they coincide. In the paper every
    task has one candidate; by default one that has little to gain leaves its own to the others.

    Args:
        evaluate: Maps a `k x d`-dim tensor of points to a `k x T`-dim tensor of values, NaN where a
            task's evaluation failed. In fits a failure counts as the task's worst value so far, so
            that proposals keep away from where evaluations fail (Forrester, Sóbester and Keane,
            Optimization with missing data, 2006, impute pessimistically as well).
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        budget: The number of evaluations of each task, the first design included.
        num_initial: The size of the first design.
        maximize: Whether larger is better.
        seed: The seed of the design, the fits and the swarms.
        callback: Called after every evaluation with all points and values so far.
        start: Points and values to go on from, in place of a first design: a `n x d`- and a
            `n x T`-dim tensor. They count toward the budget. With what the callback got last and
            the same seed, a run that was cut off goes on as before.
        fit: How to fit a model to the data; other surrogates go here.
        propose: How to propose candidates with it.

    Returns:
        All points, all values, the incumbents, and the seconds spent.

    Raises:
        InputDataError: The bounds are upside down, the budget is smaller than the first design or
            that below two, or `evaluate` or `start` give no tensor of the dtype of the bounds.
        BotorchTensorDimensionError: `evaluate` or `start` give another shape.

    Example:
        >>> problem = CompositeTasks("Ackley+Rastrigin", negate=True)
        >>> result = run_bay_mrbfcor(problem, problem.bounds, budget=60)
        >>> result.best.Y
    """
    check_bounds(bounds)
    if start is not None:
        num_initial = len(start[0])
    got = f"num_initial={num_initial} and budget={budget}"
    expect(2 <= num_initial <= budget, "2 <= num_initial <= budget", got)
    sign = 1.0 if maximize else -1.0
    fit_seconds = propose_seconds = 0.0
    if start is None:
        X = draw_sobol_samples(bounds, n=num_initial, q=1, seed=seed).squeeze(-2)
        Y = _check_values("evaluate to return", evaluate(X), X)
    else:
        X, Y = _check_start(*start, bounds)
    while True:
        if callback is not None:
            callback(X, Y)
        if len(X) >= budget:
            best = best_by_task(X, Y, maximize)
            return LoopResult(X, Y, best, fit_seconds, propose_seconds)
        gains = _failures_as_worst(sign * Y)
        started = time.perf_counter()
        model = fit(X, gains, seed + len(X))
        fitted = time.perf_counter()
        candidates = propose(model, bounds, X, gains, seed + len(X))
        fit_seconds += fitted - started
        propose_seconds += time.perf_counter() - fitted
        new = _distinct(candidates, bounds)[: budget - len(X)]
        values = _check_values("evaluate to return", evaluate(new), new, Y.shape[-1])
        X, Y = torch.cat([X, new]), torch.cat([Y, values])


def _check_start(X: Tensor, Y: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """Refuse points that are none of the box's space, and values that do not belong to them."""
    _check_dtype("points to start from as", X, bounds)
    d = bounds.shape[-1]
    expect_shape(X.ndim == 2 and X.shape[-1] == d, f"points to start from of shape n x {d}", X)
    return X, _check_values("start to hold", Y, X)


def _failures_as_worst(gains: Tensor) -> Tensor:
    """Values, larger is better, with each task's worst in place of NaN, if it has any value."""
    worst = gains.nan_to_num(nan=torch.inf).amin(0)
    return gains.where(~gains.isnan(), worst.where(worst < torch.inf, torch.nan))


def _check_values(source: str, values: Tensor, X: Tensor, num_tasks: int | None = None) -> Tensor:
    """Refuse values that are no `k x T`-dim tensor for `k` points; `T` may not be known yet."""
    _check_dtype(source, values, X)
    expected = (len(X), *(values.shape[1:] if num_tasks is None else [num_tasks]))
    what = f"{source} a {len(X)} x {num_tasks or 'T'}-dim tensor"
    expect_shape(values.ndim == 2 and values.shape == expected, what, values, "shape ")
    return values


def _check_dtype(source: str, values: Tensor, bounds: Tensor) -> None:
    found = values.dtype if isinstance(values, Tensor) else type(values).__name__
    expect(found == bounds.dtype, f"{source} a tensor of {bounds.dtype}, as the bounds", found)


def _distinct(points: Tensor, bounds: Tensor) -> Tensor:
    """The points without those that coincide with an earlier one."""
    unit = (points - bounds[0]) / (bounds[1] - bounds[0]).clamp_min(PROPOSAL.coincide)
    same = (unit.unsqueeze(0) - unit.unsqueeze(1)).abs().amax(-1) < PROPOSAL.coincide
    return points[~same.tril(diagonal=-1).any(-1)]

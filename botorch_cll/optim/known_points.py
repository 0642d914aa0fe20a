"""Points that are not to be proposed again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
)
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.constraints import NonlinearConstraint
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.swarm import SwarmResult

SAME_POINT = 1e-3
"""How far apart two points are at least, in some input and in fractions of the box, if they are not
to count as one."""

LONGER_APART = 3
"""How many times as many iterations swarms take whose points no gradients finish."""


class KnownPoints:
    """Points that candidates have to differ from.

    An ensemble that smooths its data is not certain of the values it has seen, and expected
    improvement may be largest where a task has been evaluated already.

    Args:
        X: A `n x d`-dim tensor of points; may have no rows.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        q: The number of points of a candidate that have to differ: the first ones.

    Raises:
        InputDataError: If `X` is no tensor or not finite.
        BotorchTensorDimensionError: If `X` is not of shape `n x d`.
    """

    def __init__(self, X: Tensor, bounds: Tensor, q: int = 1) -> None:
        if not isinstance(X, Tensor) or not bool(X.isfinite().all()):
            raise InputDataError(f"Expected `X_avoid` as a tensor of finite numbers, got {X!r}.")
        if X.ndim != 2 or X.shape[-1] != bounds.shape[-1]:
            raise BotorchTensorDimensionError(
                f"Expected `X_avoid` of shape n x {bounds.shape[-1]}, got {tuple(X.shape)}."
            )
        lower, upper = bounds
        self.width = torch.where(upper > lower, upper - lower, 1.0)
        self.X = X.to(bounds) / self.width
        self.q = q

    def distance(self, X: Tensor) -> Tensor:
        """The distance of a candidate's points to the next known one, that of the closest of them.

        Args:
            X: A `batch_shape x q x d`-dim tensor; further columns do not count.

        Returns:
            A `batch_shape`-dim tensor: the largest difference of any input, in fractions of the
            box; infinite if no point is known.
        """
        points = X[..., : self.q, : len(self.width)] / self.width
        if len(self.X) == 0:
            return points.new_full(X.shape[:-2], torch.inf)
        return torch.cdist(points, self.X, p=torch.inf).amin(dim=(-2, -1))

    def are_new(self, X: Tensor) -> Tensor:
        """Which `batch_shape x q x d`-dim candidates differ; a `batch_shape`-dim tensor."""
        return self.distance(X) >= SAME_POINT

    @property
    def constraint(self) -> NonlinearConstraint:
        """The same as a constraint on candidates; a little farther, as a search may fall short."""
        return lambda X: self.distance(X) - 2 * SAME_POINT, False


def points_to_avoid(model: Model, bounds: Tensor, X_avoid: Tensor | None) -> Tensor:
    """The points that candidates for a model differ from.

    Args:
        model: The model.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        X_avoid: A `n x d`-dim tensor of points; the training points of one of our models, none of
            another one, if omitted.

    Returns:
        A `n x d`-dim tensor.
    """
    if X_avoid is not None:
        return X_avoid
    if isinstance(model, RBFEnsembleModel):
        return model.tasks.without_task(model.train_X)
    return bounds[:0]


def run_away_from(
    known: KnownPoints,
    search: SwarmSearch,
    run: Callable[[SwarmSearch], SwarmResult],
    num_candidates: int,
    all_finish: bool = False,
) -> SwarmResult:
    """Search, and where only known points are found, once more for the best one that differs.

    Another hill is preferred to the foot of a known one. Swarms that have not been taken to the top
    of theirs do not count as having found one: they may be anywhere.

    Args:
        known: The points that candidates differ from, if possible.
        search: What is maximized, and where.
        run: Runs it, or the same with a further constraint.
        num_candidates: The swarms form so many groups of one size, one after the other, each of
            which looks for one candidate.
        all_finish: Whether all swarms are taken to the top of their hill.

    Returns:
        The best point of each swarm of one search or the other.
    """
    result = run(search)
    if len(known.X) == 0:
        return result
    values = result.values.where(search.is_feasible(result.X), -torch.inf)
    is_new = known.are_new(result.X) & (values > -torch.inf)
    rank = values.view(num_candidates, -1)
    num_swarms = rank.shape[1]
    top = rank.topk(num_swarms if all_finish else search.num_finished(num_swarms)).indices
    # Where there is no value at all there is nothing to look for.
    lacks = (rank > -torch.inf).any(dim=1) & ~is_new.view_as(rank).gather(1, top).any(dim=1)
    if not lacks.any():
        return result
    constraints = [*(search.nonlinear_inequality_constraints or ()), known.constraint]
    apart = replace(search, nonlinear_inequality_constraints=constraints)
    maxiter = search.default_maxiter()
    if maxiter is not None:
        # Climbs along the edges of what is known, an SLSQP problem each, cost more than they gain.
        swarm = {"maxiter": LONGER_APART * maxiter, **search.options.swarm}
        apart = replace(apart, options=replace(search.options, polish=False, swarm=swarm))
    # Where there is no other point, the known one stays.
    with suppress(CandidateGenerationError):
        other = run(apart)
        better = apart.is_feasible(other.X) & (~is_new | (other.values > values))
        better &= lacks.repeat_interleave(num_swarms)
        result = result._replace(
            X=torch.where(better[:, None, None], other.X, result.X),
            values=torch.where(better, other.values, result.values),
        )
    return result

"""Points that are not to be proposed again."""

from __future__ import annotations

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.constraints import NonlinearConstraint

SAME_POINT = 1e-3
"""How far apart two points are at least, in some input and in fractions of the box, if they are not
to count as one."""


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
            X: A `batch_shape x q x d`-dim tensor.

        Returns:
            A `batch_shape`-dim tensor: the largest difference of any input, in fractions of the
            box; infinite if no point is known.
        """
        points = X[..., : self.q, :] / self.width
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

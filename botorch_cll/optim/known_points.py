"""Points that are not to be proposed again."""

from __future__ import annotations

import torch
from botorch.models.model import Model
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.checks import check_points
from botorch_cll.optim.settings import PROPOSAL


class KnownPoints:
    """Points that candidates have to differ from.

    An ensemble that smooths its data is not certain of the values it has seen, and expected
    improvement may be largest where a task has been evaluated already. `X`, the `X_avoid` of the
    user, is a `n x d`-dim tensor that may have no rows.
    """

    def __init__(self, X: Tensor, bounds: Tensor) -> None:
        check_points(X, bounds, "X_avoid", rows="n")
        self.X = X.to(bounds)
        self._bounds = bounds
        self._width = torch.where(bounds[1] > bounds[0], bounds[1] - bounds[0], 1.0)
        self._scaled = self.X / self._width

    def __len__(self) -> int:
        return len(self.X)

    def and_also(self, X: Tensor) -> KnownPoints:
        """Return these and further ones, `m x d`-dim."""
        return KnownPoints(torch.cat([self.X, X]), self._bounds)

    def distance(self, X: Tensor) -> Tensor:
        """How far the closest of a candidate's points is from the next known one.

        From `batch_shape x q x d` points, of which further columns do not count, to `batch_shape`
        largest differences of any input, in fractions of the box; infinite if no point is known.
        """
        points = X[..., : len(self._width)] / self._width
        if len(self) == 0:
            return points.new_full(X.shape[:-2], torch.inf)
        return torch.cdist(points, self._scaled, p=torch.inf).amin(dim=(-2, -1))

    def beyond(self, X: Tensor) -> Tensor:
        """The same as a constraint; a little farther than has to be, as a search may fall short."""
        return self.distance(X) - 2 * PROPOSAL.same_point

    def are_new(self, X: Tensor) -> Tensor:
        """Which `batch_shape x q x d`-dim candidates differ; a `batch_shape`-dim tensor."""
        return self.distance(X) >= PROPOSAL.same_point


def points_to_avoid(model: Model, bounds: Tensor, X_avoid: Tensor | None) -> Tensor:
    """`X_avoid`, or the training points of one of our models: a `n x d`-dim tensor."""
    if X_avoid is not None:
        return X_avoid
    if isinstance(model, RBFEnsembleModel):
        return model.tasks.without_task(model.train_X)
    return bounds[:0]

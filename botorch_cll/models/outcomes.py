"""The scale on which the tasks are modelled, and the way there and back."""

from dataclasses import dataclass
from typing import Any

import torch
from botorch.models.transforms.outcome import OutcomeTransform
from torch import Tensor

from botorch_cll.models.checks import check_finite
from botorch_cll.models.tasks import TaskLayout


@dataclass(frozen=True)
class OutcomeScale:
    """The scale of transformed outcomes; a long transform has one column for all tasks."""

    transform: OutcomeTransform | None
    tasks: TaskLayout
    is_long: bool

    @property
    def is_affine(self) -> bool:
        """Whether Gaussians on this scale are Gaussians on that of the targets."""
        return self.transform is None or self.transform._is_linear

    def learn(self, Y: Tensor, Yvar: Tensor | None, X: Tensor) -> tuple[Tensor, Tensor | None]:
        """Fit the transform to `n x T`-dim targets (long: `n x 1`-dim) and apply it, to NaN too."""
        if self.transform is None:
            return Y, Yvar
        missing = Y.isnan()
        # A task without data has no scale that a transform could learn; the other tasks' stands in.
        Y = torch.where(missing.all(0), Y.nanmean(1, keepdim=True), Y)
        self.transform.train()
        Y, Yvar = self.transform(Y, Yvar, X)
        self.transform.eval()
        check_finite(Y, missing)
        return Y.masked_fill(missing, torch.nan), Yvar

    def apply(self, Y: Tensor, X: Tensor) -> Tensor:
        """Bring targets of all tasks at transformed inputs to this scale."""
        return Y if self.transform is None else self._map(self.transform, Y, X)

    def invert(self, Y: Tensor, X: Tensor) -> Tensor:
        """Bring values of all tasks back into the scale of the targets."""
        return Y if self.transform is None else self._map(self.transform.untransform, Y, X)

    def invert_moments(self, mean: Tensor, std: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Bring moments back, deviations by the symmetric difference: exact if affine."""
        if self.transform is None:
            return mean, std
        upper, lower = self.invert(mean + std, X), self.invert(mean - std, X)
        return self.invert(mean, X), 0.5 * (upper - lower).abs()

    def _map(self, transform: Any, Y: Tensor, X: Tensor) -> Tensor:
        if not self.is_long:
            return transform(Y, X=X)[0]
        bare = self.tasks.without_task(X)
        inputs = [self.tasks.with_task(bare, task) for task in self.tasks.values]
        return torch.cat([transform(Y[..., [i]], X=x)[0] for i, x in enumerate(inputs)], dim=-1)

"""Thompson sampling: an ensemble member is a sample path."""

import math
from typing import Any

import torch
from botorch.sampling.pathwise.paths import SamplePath
from botorch.sampling.pathwise.posterior_samplers import DrawMatheronPaths
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel


class MemberPaths(SamplePath):
    """Sample paths of a fitted model's posterior, of a given shape, that are its members.

    Paths differ as long as there are members left; after that all members are drawn again.
    """

    def __init__(self, model: RBFEnsembleModel, sample_shape: torch.Size) -> None:
        super().__init__()
        self.model = model
        num_paths, num_members = math.prod(sample_shape), model.num_restarts
        # From PyTorch's global generator, like all paths that BoTorch draws.
        rounds = [torch.randperm(num_members) for _ in range(-(-num_paths // num_members))]
        member = torch.cat([*rounds, torch.empty(0, dtype=torch.long)])[:num_paths]
        self.register_buffer("member", member.view(sample_shape))

    def forward(self, X: Tensor) -> Tensor:
        """The paths' values at `batch_shape x n x d`-dim points, `batch_shape x n`.

        For several outputs they are `batch_shape x m x n`, of `batch_shape x 1 x n x d`.
        """
        several = self.model.num_outputs > 1
        values = self.model.posterior(X.squeeze(-3) if several else X).values
        batch = torch.broadcast_shapes(values.shape[:-3], self.member.shape)
        index = self.member.to(values.device).expand(batch)[..., None, None, None]
        values = values.expand(*batch, *values.shape[-3:])
        values = values.gather(-3, index.expand(*batch, 1, *values.shape[-2:])).squeeze(-3)
        return values.transpose(-1, -2) if several else values.squeeze(-1)

    def set_ensemble_as_batch(self, ensemble_as_batch: bool) -> None:
        """Nothing to set: to BoTorch the model is not an ensemble."""


@DrawMatheronPaths.register(RBFEnsembleModel)  # type: ignore[untyped-decorator]
def _draw_member_paths(
    model: RBFEnsembleModel, *, sample_shape: torch.Size, **_: Any
) -> MemberPaths:
    """What BoTorch's `draw_matheron_paths` does for our models; there is no prior to sample."""
    return MemberPaths(model, torch.Size(sample_shape))

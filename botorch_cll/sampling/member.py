"""A sampler whose samples are the ensemble members themselves."""

import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.sampling.base import MCSampler
from torch import Tensor

from botorch_cll.posteriors import MemberPosterior, TransformedMemberPosterior


class MemberSampler(MCSampler):
    """Samples a `MemberPosterior` by going through its members.

    Every member is used equally often, in a fixed order shared by all points of the t-batch: with
    as many samples as members, each exactly once. Expectations are then those of the ensemble as it
    is, not of the Gaussian with its mean and covariance, at the cost of few samples. Without a
    sampler acquisition functions draw random combinations of the members instead, see
    `MemberPosterior`. Observation noise is added on the scale that was modelled.

    Args:
        sample_shape: The shape of the samples, usually `torch.Size([model.num_restarts])`.
        seed: The seed of the order of the members and of the observation noise.

    Example:
        >>> sampler = MemberSampler(torch.Size([model.num_restarts]))
        >>> qEI = qLogExpectedImprovement(model.subset_output([0]), best_f, sampler=sampler)
    """

    def __init__(self, sample_shape: torch.Size, seed: int = 0) -> None:
        super().__init__(sample_shape, seed=seed)

    def forward(self, posterior: MemberPosterior) -> Tensor:
        """Draw the samples, a `sample_shape x batch_shape x q x m`-dim tensor.

        Raises:
            UnsupportedError: If the posterior is not a `MemberPosterior`.
        """
        if not isinstance(posterior, MemberPosterior):
            raise UnsupportedError(f"Expected a MemberPosterior, got a {type(posterior).__name__}.")
        if isinstance(posterior, TransformedMemberPosterior):
            return posterior.untransform(self(posterior.latent))
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(posterior.num_members, generator=generator)
        index = order.repeat(-(-self.sample_shape.numel() // len(order)))
        index = index[: self.sample_shape.numel()].to(posterior.device)
        samples = posterior.values.movedim(-3, 0)[index]
        if posterior.noise is not None:
            eps = torch.randn(
                len(index), *posterior.noise.shape[-2:], generator=generator, dtype=torch.double
            )
            eps = eps.to(samples).view(
                len(index), *[1] * len(posterior.batch_shape), *eps.shape[1:]
            )
            samples = samples + posterior.noise.sqrt() * eps
        return samples.view(*self.sample_shape, *samples.shape[1:])

    def _update_base_samples(self, posterior: MemberPosterior, base_sampler: MCSampler) -> None:
        """Nothing to update: the order of the members does not depend on the points."""

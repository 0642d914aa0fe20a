"""The posterior of an ensemble: mean, variance and samples made of the members' values."""

from collections.abc import Callable
from functools import cached_property

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from gpytorch.settings import min_variance
from linear_operator.operators import DiagLinearOperator, RootLinearOperator
from torch import Tensor

_RELATIVE_JITTER = 1e-6


class MemberPosterior(GPyTorchPosterior):
    r"""Posterior of an ensemble of `S` functions, kept as their values.

    With member values `f_s` (at `q` points and for `m` outputs), mean and covariance are those of
    the sample, and a sample path is a random combination of the members' deviations, so that
    samples at any set of points are values of one function:

    .. math:: \mu = \tfrac1S \sum_s f_s, \qquad
        \Sigma = \tfrac1{S-1} \sum_s (f_s - \mu)(f_s - \mu)^\top, \qquad
        \mu + \tfrac1{\sqrt{S-1}} \sum_s z_s (f_s - \mu), \; z_s \sim N(0, 1)

    Base samples are the `S` weights `z` (and one number per point and output where there is
    observation noise), whatever `q` is. BoTorch's samplers share them over the t-batch, so the
    value of an acquisition function at a point does not depend on what else is in its batch, and
    a sampler that meets different point sets keeps drawing the same functions.

    One member has a variance of zero, never NaN.

    Args:
        values: A `batch_shape x S x q x m`-dim tensor of the members' values, in the scale of the
            targets.
        noise: The variance of the observation noise in the same scale, a tensor that broadcasts to
            `batch_shape x q x m`; `None` for the posterior of the noiseless function.

    Raises:
        BotorchTensorDimensionError: If `values` has fewer than three dimensions.
    """

    def __init__(self, values: Tensor, noise: Tensor | None = None) -> None:
        if values.ndim < 3:
            raise BotorchTensorDimensionError(
                "Expected member values of shape batch_shape x S x q x m, got "
                f"{tuple(values.shape)}."
            )
        self.values = values
        self._mean = values.mean(dim=-3)
        self.noise = None if noise is None else noise.expand_as(self._mean)
        self._is_mt = values.shape[-1] > 1
        self._device, self._dtype = values.device, values.dtype

    @property
    def num_members(self) -> int:
        """The number `S` of ensemble members."""
        return self.values.shape[-3]

    @property
    def batch_shape(self) -> torch.Size:
        """The t-batch shape."""
        return self.values.shape[:-3]

    @property
    def mean(self) -> Tensor:
        """The mean of the members, a `batch_shape x q x m`-dim tensor."""
        return self._mean

    @property
    def deviations(self) -> Tensor:
        """The members' deviations from their mean, divided by `sqrt(S - 1)`.

        A `batch_shape x S x q x m`-dim tensor; its outer product over `S` is the covariance.
        """
        scale = max(self.num_members - 1, 1) ** -0.5
        return (self.values - self._mean.unsqueeze(-3)) * scale

    @property
    def variance(self) -> Tensor:
        """The variance of the members and of the noise, a `batch_shape x q x m`-dim tensor."""
        variance = self.deviations.square().sum(dim=-3)
        return variance if self.noise is None else variance + self.noise

    @cached_property
    def distribution(self) -> MultivariateNormal:
        """The Gaussian with the ensemble's mean and covariance, built when first asked for.

        A jitter of 1e-6 times each output's mean variance is on its diagonal: `S` members span at
        most `S - 1` directions.
        """
        root = self.deviations.movedim(-3, -1)
        diagonal = root.square().sum(-1).mean(dim=-2, keepdim=True) * _RELATIVE_JITTER
        diagonal = diagonal if self.noise is None else diagonal + self.noise
        diagonal = diagonal.expand_as(self._mean)
        diagonal = torch.where(diagonal > 0, diagonal, min_variance.value(self.dtype)).flatten(-2)
        covariance = RootLinearOperator(root.flatten(-3, -2)) + DiagLinearOperator(diagonal)
        if self._is_mt:
            return MultitaskMultivariateNormal(self._mean, covariance)
        return MultivariateNormal(self._mean.squeeze(-1), covariance)

    def quantile(self, value: Tensor) -> Tensor:
        """Quantiles of the marginal Gaussians; with one member its values.

        A `batch_shape x q x m`-dim tensor, with a leading dimension for more than one probability.
        """
        z = torch.special.ndtri(value.to(self._mean))
        if value.numel() > 1:
            z = z.view(-1, *[1] * self._mean.ndim)
        return self._mean + z * self.variance.sqrt()

    def density(self, value: Tensor) -> Tensor:
        """Densities of the marginal Gaussians; with one member infinite at its values, else zero.

        A `batch_shape x q x m`-dim tensor, with a leading dimension for more than one value.
        """
        if value.numel() > 1:
            value = value.reshape(-1, *[1] * self._mean.ndim)
        deviation, std = value - self._mean, self.variance.sqrt()
        at_value = torch.where(deviation == 0, torch.inf, 0.0)
        exponent = -0.5 * (deviation / std).square()
        return torch.where(std > 0, exponent.exp() / (std * (2.0 * torch.pi) ** 0.5), at_value)

    @property
    def base_sample_shape(self) -> torch.Size:
        """The shape of a base sample, `batch_shape x (S + number of noise terms)`."""
        noise_terms = 0 if self.noise is None else self._mean.shape[-2:].numel()
        return self.batch_shape + torch.Size([self.num_members + noise_terms])

    @property
    def batch_range(self) -> tuple[int, int]:
        """The t-batch part of `base_sample_shape`."""
        return (0, -1)

    def _extended_shape(self, sample_shape: torch.Size = torch.Size()) -> torch.Size:  # noqa: B008
        return sample_shape + self._mean.shape

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Samples that are combinations of the members.

        Args:
            sample_shape: The shape of the samples to draw.
            base_samples: A `sample_shape x base_sample_shape`-dim tensor of `N(0, 1)` numbers.

        Returns:
            A `sample_shape x batch_shape x q x m`-dim tensor.

        Raises:
            BotorchTensorDimensionError: If the shape of `base_samples` is another one.
        """
        expected = sample_shape + self.base_sample_shape
        if base_samples.shape != expected:
            raise BotorchTensorDimensionError(
                f"Expected base samples of shape {tuple(expected)}, got "
                f"{tuple(base_samples.shape)}."
            )
        z = base_samples[..., : self.num_members].unsqueeze(-2)
        samples = self._mean + (z @ self.deviations.flatten(-2)).view(
            self._extended_shape(sample_shape)
        )
        if self.noise is None:
            return samples
        eps = base_samples[..., self.num_members :].view(self._extended_shape(sample_shape))
        return samples + self.noise.sqrt() * eps

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Samples with fresh base samples from PyTorch's global generator, as BoTorch's do.

        A `sample_shape x batch_shape x q x m`-dim tensor; `sample_shape` is `[1]` if omitted.
        """
        sample_shape = torch.Size([1]) if sample_shape is None else sample_shape
        base_samples = torch.randn(
            sample_shape + self.base_sample_shape, dtype=self.dtype, device=self.device
        )
        return self.rsample_from_base_samples(sample_shape, base_samples)


class TransformedMemberPosterior(MemberPosterior):
    """A `MemberPosterior` of outcomes that were modelled on another scale, such as a logarithm.

    Mean and variance are those of the members' values on the scale of the targets. Samples combine
    the members on the scale they were modelled on and are brought back then, so that they are
    values that the targets can have.

    Args:
        values: As in `MemberPosterior`.
        noise: As in `MemberPosterior`.
        latent: The posterior on the scale that was modelled.
        untransform: What brings its samples to the scale of the targets.
    """

    def __init__(
        self,
        values: Tensor,
        noise: Tensor | None,
        latent: MemberPosterior,
        untransform: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__(values, noise)
        self.latent = latent
        self.untransform = untransform

    @property
    def base_sample_shape(self) -> torch.Size:
        """The shape of a base sample of the posterior on the scale that was modelled."""
        return self.latent.base_sample_shape

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Samples on the scale of the targets; shapes and errors as in `MemberPosterior`."""
        return self.untransform(self.latent.rsample_from_base_samples(sample_shape, base_samples))

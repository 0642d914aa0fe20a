"""Comparisons that say in one line what was expected and what came instead."""

from collections.abc import Callable, Sequence

import torch
from botorch.exceptions.errors import BotorchError
from botorch.posteriors.posterior import Posterior
from botorch.posteriors.posterior_list import PosteriorList
from gpytorch.distributions import MultitaskMultivariateNormal
from torch import Tensor

TOLERANCE = 0.02
"""How far two fits to the same data up to rounding may differ, in standard deviations of them."""


def joint_covariance(posterior: Posterior) -> Tensor:
    """The `batch_shape x q x m x q x m`-dim covariance of all points and outputs.

    The posterior has a (multi-task) normal `distribution`, or is a list of such with one output
    each, which are independent.
    """
    if isinstance(posterior, PosteriorList):
        blocks = [joint_covariance(part)[..., 0, :, 0] for part in posterior.posteriors]
        return torch.diag_embed(torch.stack(blocks, dim=-1)).transpose(-3, -2)
    distribution = posterior.distribution
    covariance = distribution.covariance_matrix
    if not isinstance(distribution, MultitaskMultivariateNormal):
        return covariance.unsqueeze(-2).unsqueeze(-1)
    q, m = distribution.event_shape
    batch_shape = covariance.shape[:-2]
    if distribution._interleaved:
        return covariance.reshape(*batch_shape, q, m, q, m)
    return covariance.reshape(*batch_shape, m, q, m, q).transpose(-4, -3).transpose(-2, -1)


def assert_shape(found: Tensor, shape: Sequence[int], what: str, where: str = "") -> None:
    """A tensor has a shape."""
    assert found.shape == shape, (
        f"Expected {what} of shape {tuple(shape)}{where}, got {tuple(found.shape)}."
    )


def assert_sound(posterior: Posterior, shape: torch.Size, what: str = "the posterior") -> None:
    """Mean and variance are finite and `batch_shape x q x m`-dim, and no variance is negative."""
    for name, value in (("mean", posterior.mean), ("variance", posterior.variance)):
        assert_shape(value, shape, f"a {name}", f" in {what}")
        broken = int((~value.isfinite()).sum())
        assert broken == 0, f"Expected a finite {name} in {what}, got {broken} that are not."
    smallest = posterior.variance.min().item()
    assert smallest >= 0.0, f"Expected variances of at least 0 in {what}, got {smallest:g}."


def assert_close(actual: Tensor, expected: Tensor, what: str, rtol: float, atol: float) -> None:
    """Two finite tensors agree up to a relative and an absolute tolerance."""
    assert_shape(actual, expected.shape, what)
    assert bool(actual.isfinite().all()), f"Expected finite {what}, got NaN or infinity."
    difference = (actual - expected).abs()
    worst = (difference - rtol * expected.abs()).argmax()
    assert bool((difference <= atol + rtol * expected.abs()).all()), (
        f"Expected {what} of {expected.flatten()[worst].item():.6g}, got "
        f"{actual.flatten()[worst].item():.6g}."
    )


def assert_same_bits(actual: Tensor, expected: Tensor, what: str) -> None:
    """Two finite tensors are equal, bit for bit."""
    assert_close(actual, expected, what, rtol=0.0, atol=0.0)


def assert_same_fit(actual: Tensor, expected: Tensor, what: str) -> None:
    """Moments of two fits to the same data up to rounding agree up to `TOLERANCE`."""
    assert_close(actual, expected, what, rtol=TOLERANCE, atol=TOLERANCE)


def assert_refused(call: Callable[[], object], what: str) -> None:
    """A call raises an error that is meant for users and says something."""
    message = None
    try:
        call()
    except (BotorchError, ValueError, TypeError, IndexError, RuntimeError) as error:
        message = str(error)
    assert message is not None, f"Expected an error for {what}, got none."
    assert message, f"Expected a message when refusing {what}, got an empty one."

"""Comparisons that say in one line what was expected and what came instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from botorch.exceptions.errors import BotorchError
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.posteriors.posterior_list import PosteriorList
from gpytorch.distributions import MultitaskMultivariateNormal
from torch import Tensor


def moments(model: Model, X: Tensor, **options: Any) -> Tensor:
    """Mean and variance of a model's posterior, without gradients.

    Args:
        model: The model.
        X: A `batch_shape x q x d`-dim tensor of inputs.
        options: Further arguments of `posterior`.

    Returns:
        A `2 x batch_shape x q x m`-dim tensor.
    """
    with torch.no_grad():
        posterior = model.posterior(X, **options)
        return torch.stack([posterior.mean, posterior.variance])


def joint_covariance(posterior: Posterior) -> Tensor:
    """The covariance of all points and outputs.

    Args:
        posterior: A posterior with a (multi-task) normal `distribution`, or a list of such with
            one output each, which are independent.

    Returns:
        A `batch_shape x q x m x q x m`-dim tensor.
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


def assert_sound(posterior: Posterior, shape: torch.Size, what: str = "the posterior") -> None:
    """Mean and variance have a shape and are finite, the variance is not negative.

    Args:
        posterior: The posterior.
        shape: The shape `batch_shape x q x m`.
        what: What it is of.
    """
    for name, value in (("mean", posterior.mean), ("variance", posterior.variance)):
        assert value.shape == shape, (
            f"Expected a {name} of shape {tuple(shape)} in {what}, got {tuple(value.shape)}."
        )
        broken = int((~value.isfinite()).sum())
        assert broken == 0, f"Expected a finite {name} in {what}, got {broken} that are not."
    smallest = posterior.variance.min().item()
    assert smallest >= 0.0, f"Expected variances of at least 0 in {what}, got {smallest:g}."


def assert_close(actual: Tensor, expected: Tensor, what: str, rtol: float, atol: float) -> None:
    """Two tensors agree.

    Args:
        actual: What was found.
        expected: What it is compared with.
        what: What the tensors are.
        rtol: The relative tolerance.
        atol: The absolute tolerance.
    """
    assert actual.shape == expected.shape, (
        f"Expected {what} of shape {tuple(expected.shape)}, got {tuple(actual.shape)}."
    )
    assert bool(actual.isfinite().all()), f"Expected finite {what}, got NaN or infinity."
    difference = (actual - expected).abs()
    worst = (difference - rtol * expected.abs()).argmax()
    assert bool((difference <= atol + rtol * expected.abs()).all()), (
        f"Expected {what} of {expected.flatten()[worst].item():.6g}, got "
        f"{actual.flatten()[worst].item():.6g}."
    )


def assert_same_bits(actual: Tensor, expected: Tensor, what: str) -> None:
    """Two tensors are equal, bit for bit.

    Args:
        actual: What was found.
        expected: What it is compared with.
        what: What the tensors are.
    """
    assert_close(actual, expected, what, rtol=0.0, atol=0.0)


def assert_refused(call: Callable[[], object], what: str) -> None:
    """A call raises an error that is meant for users and says something.

    Args:
        call: The call.
        what: What has to be refused.
    """
    message = None
    try:
        call()
    except (BotorchError, ValueError, TypeError, IndexError, RuntimeError) as error:
        message = str(error)
    assert message is not None, f"Expected an error for {what}, got none."
    assert message, f"Expected a message when refusing {what}, got an empty one."

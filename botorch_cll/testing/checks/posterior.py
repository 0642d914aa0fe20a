"""The posterior at a set of points: shapes, covariance, batches, gradients, dtype, noise."""

from functools import partial

import torch
from botorch.posteriors.posterior import Posterior
from torch import Tensor

from botorch_cll.testing.asserts import assert_close, assert_refused, assert_sound, joint_covariance
from botorch_cll.testing.subject import NUM_INPUTS, NUM_TASKS, Subject, uniform

BATCHES = ((3, 2), (4, 3, 2), (2, 4, 3, 2))
"""Shapes of inputs of two, three and four dimensions."""


def _assert_shapes(s: Subject, **options: bool) -> None:
    for shape in BATCHES:
        posterior = s.model.posterior(uniform(*shape, seed=1), **options)
        expected = torch.Size([*shape[:-1], NUM_TASKS])
        assert_sound(posterior, expected, f"the posterior at X of shape {shape}")


def shapes(s: Subject) -> None:
    """Inputs of 2, 3 and 4 dimensions give moments of shape `batch_shape x q x m`."""
    _assert_shapes(s)


def shapes_with_observation_noise(s: Subject) -> None:
    """The same shapes with observation noise."""
    _assert_shapes(s, observation_noise=True)


def shapes_of_one_and_three_outputs(s: Subject) -> None:
    """Models of one and of three tasks have one and three outputs."""
    for m in (1, 3):
        model = s.fit(Y=s.observe(s.X, num_tasks=m))
        for shape in BATCHES[:2]:
            posterior = model.posterior(uniform(*shape, seed=1))
            assert_sound(posterior, torch.Size([*shape[:-1], m]), f"the posterior of {m} tasks")


def _covariance_matrix(posterior: Posterior) -> Tensor:
    """The `batch_shape x qm x qm`-dim covariance of all points and outputs."""
    return joint_covariance(posterior).detach().flatten(-4, -3).flatten(-2, -1)


def covariance_is_symmetric_and_positive(s: Subject) -> None:
    """The joint covariance of points and outputs is symmetric and positive semi-definite."""
    matrix = _covariance_matrix(s.model.posterior(s.test_X.unsqueeze(0)))
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean().item()
    assert_close(matrix.mT, matrix, "a transposed covariance", rtol=1e-6, atol=1e-8 * scale)
    smallest = torch.linalg.eigvalsh(matrix).min().item()
    assert smallest >= -1e-6 * scale, f"Expected eigenvalues of at least 0, got {smallest:g}."


def covariance_agrees_with_variance(s: Subject) -> None:
    """The diagonal of the joint covariance is the variance, for every point and output."""
    posterior = s.model.posterior(s.test_X.unsqueeze(0))
    variance = posterior.variance.detach()
    diagonal = _covariance_matrix(posterior).diagonal(dim1=-2, dim2=-1).view_as(variance)
    scale = variance.mean().item()
    assert_close(diagonal, variance, "the covariance's diagonal", rtol=1e-3, atol=1e-5 * scale)


def joint_agrees_with_marginals(s: Subject) -> None:
    """Points considered jointly have the moments they have one at a time."""
    alone = s.moments(X=s.test_X.unsqueeze(-2)).squeeze(-2)
    assert_close(s.moments(), alone, "joint moments", rtol=1e-4, atol=1e-6)


def batches_are_independent(s: Subject) -> None:
    """The posterior at a point is the same whatever else is in its t-batch."""
    X = torch.cat([s.test_X, s.test_X[:1]]).unsqueeze(-2)
    together = s.moments(X=X)
    assert_close(together[:, -1], together[:, 0], "moments of a repeated point", 1e-4, 1e-6)
    for i in (0, 3):
        alone = s.moments(X=X[i : i + 1])[:, 0]
        assert_close(alone, together[:, i], "moments of a point alone", rtol=1e-4, atol=1e-6)


def posterior_is_deterministic(s: Subject) -> None:
    """Asked again, the posterior has the same moments."""
    first = s.moments()
    s.moments(X=uniform(3, NUM_INPUTS, seed=7))
    assert_close(s.moments(), first, "moments asked again", rtol=1e-7, atol=1e-9)


def gradients_reach_inputs(s: Subject) -> None:
    """Mean, variance and samples require a gradient where the inputs do, and have one."""
    X = s.test_X.unsqueeze(-2).clone().requires_grad_()
    posterior = s.model.posterior(X)
    samples = posterior.rsample(torch.Size([2]))
    values = {"mean": posterior.mean, "variance": posterior.variance, "samples": samples}
    for name, value in values.items():
        assert value.requires_grad, f"Expected a {name} that requires a gradient."
        (gradient,) = torch.autograd.grad(value.sum(), X, retain_graph=True)
        assert bool(gradient.isfinite().all()), f"Expected a finite gradient of the {name}."
        assert bool((gradient != 0).any()), f"Expected a gradient of the {name}, got zeros."


def _check_gradient(s: Subject, which: str) -> None:
    def function(X: Tensor) -> Tensor:
        value: Tensor = getattr(s.model.posterior(X), which)
        return value

    X = s.test_X[:3].clone().requires_grad_()
    torch.autograd.gradcheck(function, (X,), eps=1e-5, atol=1e-4, rtol=1e-2, nondet_tol=1e-8)


def gradient_of_mean(s: Subject) -> None:
    """The gradient of the mean in the inputs agrees with finite differences."""
    _check_gradient(s, "mean")


def gradient_of_variance(s: Subject) -> None:
    """The gradient of the variance in the inputs agrees with finite differences."""
    _check_gradient(s, "variance")


def single_precision(s: Subject) -> None:
    """A model of float32 data has a float32 posterior."""
    posterior = s.fit(s.X.float(), s.Y.float()).posterior(s.test_X.float())
    assert_sound(posterior, torch.Size([len(s.test_X), NUM_TASKS]))
    for name in ("mean", "variance"):
        dtype = getattr(posterior, name).dtype
        assert dtype == torch.float32, f"Expected a {name} of dtype torch.float32, got {dtype}."


def device(s: Subject) -> None:
    """The posterior is on the device of the data, on every kind of device there is."""
    for name in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        posterior = s.fit(s.X.to(name), s.Y.to(name)).posterior(s.test_X.to(name))
        assert_sound(posterior, torch.Size([len(s.test_X), NUM_TASKS]))
        found = posterior.mean.device.type
        assert found == name, f"Expected a posterior on {name}, got one on {found}."


def wrong_width_is_refused(s: Subject) -> None:
    """Inputs with too many or too few columns raise an error."""
    for width in (NUM_INPUTS - 1, NUM_INPUTS + 2):
        call = partial(s.moments, s.model, uniform(4, width, seed=1))
        assert_refused(call, f"X of {width} columns where {NUM_INPUTS} were fitted")


def wrong_dtype_is_refused(s: Subject) -> None:
    """Float32 inputs to a model of float64 data raise an error."""
    call = partial(s.moments, s.model, s.test_X.float())
    assert_refused(call, "float32 inputs to a float64 model")


def observation_noise_adds_variance(s: Subject) -> None:
    """`observation_noise=True` leaves the mean as it is and adds to the variance of noisy data."""
    latent, noisy = s.moments(), s.moments(observation_noise=True)
    assert_close(noisy[0], latent[0], "the mean with noise", rtol=1e-4, atol=1e-6)
    added = (noisy[1] - latent[1]).min().item()
    assert added > 0, f"Expected noise to add variance, got {added:g}."


def observation_noise_tensor_is_added(s: Subject) -> None:
    """A tensor as `observation_noise` is added to the variance, entry by entry."""
    model = s.fit(outcome_transform=None)
    latent = s.moments(model)[1]
    noise = 0.1 + uniform(*latent.shape, seed=8)
    noisy = s.moments(model, observation_noise=noise)[1]
    assert_close(noisy - latent, noise, "the variance added", rtol=1e-4, atol=1e-6)

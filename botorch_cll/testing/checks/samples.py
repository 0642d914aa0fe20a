"""Samples from the posterior."""

import torch
from botorch.acquisition.objective import LinearMCObjective
from botorch.generation.sampling import MaxPosteriorSampling

from botorch_cll.testing.asserts import (
    assert_close,
    assert_same_bits,
    assert_shape,
    joint_covariance,
)
from botorch_cll.testing.subject import NUM_TASKS, Subject, uniform

NUM_SAMPLES = 4096


def samples_have_shape(s: Subject) -> None:
    """`rsample` gives samples of shape `sample_shape x batch_shape x q x m`."""
    X = uniform(3, 2, 2, seed=1)
    found = s.model.posterior(X).rsample(torch.Size([4])).shape
    assert found == (4, 3, 2, NUM_TASKS), f"Expected shape (4, 3, 2, 2), got {tuple(found)}."


def same_base_samples_give_same_samples(s: Subject) -> None:
    """A sampler asked again gives the same samples, also at a point in another batch."""
    sampler = s.sampler(s.model)
    X = torch.cat([s.test_X, s.test_X[:1]]).unsqueeze(-2)
    with torch.no_grad():
        first = sampler(s.model.posterior(X))
        again = sampler(s.model.posterior(X))
        alone = s.sampler(s.model)(s.model.posterior(X[:1]))
    assert_same_bits(again, first, "samples drawn again")
    assert_close(first[:, -1], first[:, 0], "samples at a repeated point", rtol=1e-3, atol=1e-5)
    assert_close(alone[:, 0], first[:, 0], "samples at a point alone", rtol=1e-3, atol=1e-5)


def samples_have_moments(s: Subject) -> None:
    """Mean and variance of many samples are those of the posterior."""
    X = s.test_X.unsqueeze(-2)
    with torch.no_grad():
        samples = s.sampler(s.model, NUM_SAMPLES)(s.model.posterior(X))
    mean, variance = s.moments(X=X)
    std = variance.sqrt()
    error = ((samples.mean(0) - mean) / std).abs().max().item()
    assert error < 0.1, f"Expected samples around the mean, got {error:.2f} deviations off."
    ratio = samples.var(0) / variance
    assert_close(ratio, torch.ones_like(ratio), "variance of samples / variance", 0.2, 0.0)


def samples_have_covariance(s: Subject) -> None:
    """The covariance of samples over points and outputs is that of the posterior."""
    posterior = s.model.posterior(s.test_X[:2])
    covariance = joint_covariance(posterior).detach().flatten(0, 1).flatten(-2, -1)
    with torch.no_grad():
        samples = s.sampler(s.model, NUM_SAMPLES)(posterior).flatten(-2, -1)
    std = covariance.diagonal().sqrt()
    scale = std.unsqueeze(-1) * std
    assert_close(samples.T.cov() / scale, covariance / scale, "correlation of samples", 0.0, 0.15)


def max_posterior_sampling(s: Subject) -> None:
    """`MaxPosteriorSampling` chooses candidates among the points that it is given."""
    X = uniform(20, 2, seed=3)
    with torch.no_grad():
        objective = LinearMCObjective(torch.tensor([1.0, 0.0]).double())
        chosen = MaxPosteriorSampling(s.model, objective)(X, num_samples=4)
    assert_shape(chosen, (4, 2), "candidates")
    for candidate in chosen:
        assert bool((candidate == X).all(-1).any()), f"Expected a point of X, got {candidate}."


def uncertainty_grows_away_from_data(s: Subject) -> None:
    """Far from the data the variance is larger than at the data."""
    far = torch.tensor([[4.0, 4.0], [-3.0, 4.0], [0.5, -3.0]]).double()
    there = s.moments(X=far.unsqueeze(-2))[1].mean(0).squeeze(0)
    here = s.moments(X=s.X.unsqueeze(-2))[1].mean(0).squeeze(0)
    for task in range(NUM_TASKS):
        assert there[task] > 2.0 * here[task], (
            f"Expected more than twice the variance far from the data, {here[task]:g} there, got "
            f"{there[task]:g}."
        )

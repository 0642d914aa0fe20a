"""Conditioning on further observations, real and fantasized."""

import torch
from botorch import settings
from botorch.models.model import Model
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from botorch_cll.testing.asserts import assert_same_bits, assert_sound
from botorch_cll.testing.subject import NUM_INPUTS, NUM_TASKS, Subject, uniform


def _ready(s: Subject) -> Model:
    """A model that has been asked for a posterior, as Gaussian processes need to be."""
    s.model.posterior(s.test_X)
    return s.model


def _new_observation(s: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Where the model is least sure, its moments there, and a surprisingly large value."""
    X = uniform(64, NUM_INPUTS, seed=11)
    values = s.moments(X=X.unsqueeze(-2)).squeeze(-2)
    least_sure = int(values[1].sum(-1).argmax())
    mean, variance = values[:, least_sure]
    return X[[least_sure]], torch.stack([mean, variance]), (mean + 2.0 * variance.sqrt())[None]


def _sampler(num_fantasies: int = 3) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(torch.Size([num_fantasies]), seed=0)


def conditioning_keeps_the_original(s: Subject) -> None:
    """`condition_on_observations` leaves the model itself as it was."""
    model = s.fit()
    expected = s.moments(model, observation_noise=True)
    X, _, Y = _new_observation(s)
    conditioned = model.condition_on_observations(X, Y)
    s.moments(conditioned)
    found = s.moments(model, observation_noise=True)
    assert_same_bits(found, expected, "moments of the original model")


def conditioning_shrinks_variance(s: Subject) -> None:
    """An observation makes the variance smaller there."""
    X, (_, before), Y = _new_observation(s)
    after = s.moments(_ready(s).condition_on_observations(X, Y), X)[1, 0]
    ratio = (after / before).max().item()
    assert ratio < 0.95, f"Expected less than 95 % of the variance after, got {ratio:.0%}."


def conditioning_moves_the_mean(s: Subject) -> None:
    """An observation moves the mean there towards it, and not beyond."""
    X, (before, _), Y = _new_observation(s)
    after = s.moments(_ready(s).condition_on_observations(X, Y), X)[0, 0]
    share = (after - before) / (Y[0] - before)
    low, high = share.min().item(), share.max().item()
    assert low > 0.05, f"Expected the mean to move towards the observation, it did by {low:.0%}."
    assert high < 1.05, f"Expected the mean to stay below the observation, it moved {high:.0%}."


def conditioning_in_batches(s: Subject) -> None:
    """Batches of observations give batches of models: `batch_shape x n' x m` targets."""
    X, Y = s.test_X[:2], uniform(3, 2, NUM_TASKS, seed=12)
    model = _ready(s).condition_on_observations(X, Y)
    found = model.batch_shape
    assert found == torch.Size([3]), f"Expected a batch_shape of (3,), got {tuple(found)}."
    assert_sound(model.posterior(s.test_X), torch.Size([3, len(s.test_X), NUM_TASKS]))


def fantasies_have_batch_shape(s: Subject) -> None:
    """`fantasize` at `b x n' x d` points gives models of batch shape `num_fantasies x b`."""
    fantasies = _ready(s).fantasize(uniform(4, 2, NUM_INPUTS, seed=13), _sampler())
    found = fantasies.batch_shape
    assert found == torch.Size([3, 4]), f"Expected a batch_shape of (3, 4), got {tuple(found)}."
    for batch in ((), (4,), (1, 4), (3, 4)):
        X = uniform(*batch, 5, NUM_INPUTS, seed=14)
        what = f"fantasies at X of shape {tuple(X.shape)}"
        assert_sound(fantasies.posterior(X), torch.Size([3, 4, 5, NUM_TASKS]), what)


def fantasies_can_be_fantasized(s: Subject) -> None:
    """Models of fantasies can be fantasized again, as looking several steps ahead wants."""
    first = _ready(s).fantasize(uniform(4, 1, NUM_INPUTS, seed=13), _sampler(2))
    first.posterior(s.test_X)
    second = first.fantasize(uniform(2, 4, 1, NUM_INPUTS, seed=15), _sampler(3))
    assert_sound(second.posterior(s.test_X), torch.Size([3, 2, 4, len(s.test_X), NUM_TASKS]))


def fantasies_keep_the_mean_on_average(s: Subject) -> None:
    """The mean over fantasies of their means is the mean of the model."""
    X = s.test_X.unsqueeze(-2)
    mean, variance = s.moments(_ready(s), X)
    fantasies = s.model.fantasize(_new_observation(s)[0], _sampler(256))
    with torch.no_grad():
        average = fantasies.posterior(X.unsqueeze(1)).mean.mean(1)
    error = ((average - mean) / variance.sqrt()).abs().max().item()
    assert error < 0.1, f"Expected fantasies around the mean, got {error:.2f} deviations off."


def gradient_through_fantasies(s: Subject) -> None:
    """The posterior of fantasies has a gradient in the points that are fantasized at."""
    X = uniform(4, 1, NUM_INPUTS, seed=13).requires_grad_()
    fantasies = _ready(s).fantasize(X, _sampler())
    with settings.propagate_grads(True):
        mean = fantasies.posterior(uniform(3, 4, 1, NUM_INPUTS, seed=16)).mean
    (gradient,) = torch.autograd.grad(mean.square().sum(), X)
    assert bool(gradient.isfinite().all()), "Expected a finite gradient, got NaN or infinity."
    assert bool((gradient != 0).any()), "Expected a gradient, got zeros."

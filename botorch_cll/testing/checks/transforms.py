"""Input and outcome transforms."""

import torch
from botorch.models.transforms.input import Normalize
from botorch.models.transforms.outcome import Log, Standardize

from botorch_cll.testing.asserts import TOLERANCE, assert_same_fit, assert_sound
from botorch_cll.testing.subject import NUM_INPUTS, NUM_PERTURBATIONS, NUM_TASKS, Subject, uniform


def input_transform(s: Subject) -> None:
    """`Normalize` on inputs in another box does what normalized inputs do."""
    low, width = torch.tensor([10.0, -3.0]).double(), torch.tensor([5.0, 0.2]).double()
    normalize = Normalize(NUM_INPUTS, bounds=torch.stack([low, low + width]))
    inside = s.fit(low + width * s.X, input_transform=normalize)
    expected = s.moments(s.fit(input_transform=None))
    found = s.moments(inside, low + width * s.test_X)
    assert_same_fit(found, expected, "moments under Normalize")


def one_to_many_input_transform(s: Subject) -> None:
    """`InputPerturbation` makes several points of each input of a posterior, not of the data."""
    posterior = s.perturbed.posterior(s.test_X.unsqueeze(-2))
    assert_sound(posterior, torch.Size([len(s.test_X), NUM_PERTURBATIONS, NUM_TASKS]))
    plain = s.moments(s.fit(input_transform=None), s.perturbation.transform(s.test_X.unsqueeze(-2)))
    found = s.moments(s.perturbed, s.test_X.unsqueeze(-2))
    assert_same_fit(found, plain, "moments of perturbed inputs")


def outcome_transform_standardize(s: Subject) -> None:
    """`Standardize` is undone in the posterior."""
    shift, scale = torch.tensor([50.0, -3.0]).double(), torch.tensor([20.0, 0.1]).double()
    Y = shift + scale * s.Y
    found = s.moments(s.fit(Y=Y, outcome_transform=Standardize(m=NUM_TASKS)))
    standardized = (Y - Y.mean(0)) / Y.std(0)
    mean, variance = s.moments(s.fit(Y=standardized, outcome_transform=None))
    expected = torch.stack([Y.mean(0) + Y.std(0) * mean, Y.var(0) * variance])
    unit = torch.stack([Y.std(0), Y.var(0)]).unsqueeze(1)
    assert_same_fit(found / unit, expected / unit, "standardized moments")


def outcome_transform_log(s: Subject) -> None:
    """Under `Log` samples are positive and their medians are the exponentials of the means."""
    logarithmic = s.fit(Y=s.Y.exp(), outcome_transform=Log())
    # Also where there are no data, and the posterior is wide.
    X = torch.cat([s.test_X, 2.0 * uniform(20, NUM_INPUTS, seed=3)])
    with torch.no_grad():
        samples = s.sampler(logarithmic, 512)(logarithmic.posterior(X))
    assert samples.shape == (512, len(X), NUM_TASKS), f"Got samples of {tuple(samples.shape)}."
    smallest = samples.min().item()
    assert smallest > 0, f"Expected positive samples under Log, got {smallest:g}."
    mean, variance = s.moments(s.fit(outcome_transform=None))
    median = samples[:, : len(s.test_X)].median(0).values
    error = (median.log() - mean) / (variance.sqrt() + TOLERANCE)
    worst = error.abs().max().item()
    assert worst < 0.5, f"Expected medians at exp(mean), got {worst:.2f} deviations off."

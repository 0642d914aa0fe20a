"""Outputs: how many there are, some of them, and combinations of them."""

import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.sampling.normal import SobolQMCNormalSampler

from botorch_cll.testing.asserts import assert_close, assert_sound, joint_covariance
from botorch_cll.testing.subject import NUM_TASKS, Subject


def num_outputs(s: Subject) -> None:
    """`num_outputs` is the number of tasks."""
    found = s.model.num_outputs
    assert found == NUM_TASKS, f"Expected num_outputs of {NUM_TASKS}, got {found}."


def batch_shape(s: Subject) -> None:
    """`batch_shape` is empty for a model of one data set."""
    found = s.model.batch_shape
    assert found == torch.Size(), f"Expected an empty batch_shape, got {tuple(found)}."


def output_indices(s: Subject) -> None:
    """`output_indices` chooses outputs and their order."""
    everything = s.moments()
    for indices in ([1], [1, 0]):
        some = s.moments(output_indices=indices)
        assert_close(some, everything[..., indices], f"moments of outputs {indices}", 1e-4, 1e-6)


def subset_output(s: Subject) -> None:
    """`subset_output` gives a model of some outputs with the same moments."""
    everything = s.moments(observation_noise=True)
    for indices in ([1], [1, 0]):
        subset = s.model.subset_output(indices)
        assert subset.num_outputs == len(indices), (
            f"Expected {len(indices)} outputs in the subset, got {subset.num_outputs}."
        )
        some = s.moments(subset, observation_noise=True)
        assert_close(some, everything[..., indices], f"moments of outputs {indices}", 1e-4, 1e-6)
    assert s.model.num_outputs == NUM_TASKS, "Expected the model itself to keep its outputs."


def subset_output_can_be_conditioned(s: Subject) -> None:
    """A subset of the outputs can be fantasized as the whole can."""
    subset = s.model.subset_output([0])
    subset.posterior(s.test_X)
    fantasies = subset.fantasize(s.test_X[:2], SobolQMCNormalSampler(torch.Size([3]), seed=0))
    assert_sound(fantasies.posterior(s.test_X), torch.Size([3, len(s.test_X), 1]))


def scalarization_is_exact(s: Subject) -> None:
    """`ScalarizedPosteriorTransform` gives mean `w^T mu + c` and variance `w^T Sigma w`."""
    weights, offset = torch.tensor([0.7, -1.3], dtype=torch.double), 0.4
    transform = ScalarizedPosteriorTransform(weights, offset=offset)
    X = s.test_X.unsqueeze(-2)
    found = s.moments(X=X, posterior_transform=transform).squeeze(-1)
    plain = s.model.posterior(X)
    covariance = joint_covariance(plain)[..., 0, :, 0, :].detach()
    expected = [plain.mean.detach() @ weights + offset, (weights @ covariance @ weights)[:, None]]
    assert_close(found[0], expected[0], "the scalarized mean", rtol=1e-4, atol=1e-6)
    assert_close(found[1], expected[1], "the scalarized variance", rtol=1e-3, atol=1e-5)

import pytest
import torch
from botorch.acquisition import qExpectedImprovement
from botorch.exceptions.errors import UnsupportedError
from botorch.models.transforms import Log
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.posteriors import MemberPosterior
from botorch_cll.sampling import MemberSampler


def values(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def test_every_member_once() -> None:
    posterior = MemberPosterior(values(5, 6, 2, 3))
    samples = MemberSampler(torch.Size([6]))(posterior)
    assert samples.shape == (6, 5, 2, 3)
    torch.testing.assert_close(
        samples.sort(0).values, posterior.values.movedim(-3, 0).sort(0).values, rtol=0, atol=0
    )


def test_members_in_turn_where_samples_outnumber_them() -> None:
    posterior = MemberPosterior(values(4, 1, 1))
    samples = MemberSampler(torch.Size([5, 2]))(posterior).flatten()
    counts = [(samples == value).sum().item() for value in posterior.values.flatten()]
    assert sorted(counts) == [2, 2, 3, 3]


def test_order_is_shared_over_the_t_batch_and_between_posteriors() -> None:
    members = values(1, 6, 1, 1)
    sampler = MemberSampler(torch.Size([6]), seed=3)
    alone = sampler(MemberPosterior(members))
    among = sampler(MemberPosterior(torch.cat([values(4, 6, 1, 1), members])))
    torch.testing.assert_close(among[:, -1:], alone, rtol=0, atol=0)


def test_seed_decides_on_order_and_noise() -> None:
    members = values(8, 1, 1)
    alone, noisy = MemberPosterior(members), MemberPosterior(0 * members, noise=torch.ones(1))
    for posterior in (alone, noisy):
        first, same, other = (
            MemberSampler(torch.Size([8]), seed=seed)(posterior) for seed in (1, 1, 2)
        )
        assert torch.equal(same, first)
        assert not torch.equal(other, first)


def test_noise_has_its_variance_and_does_not_differ_over_the_t_batch() -> None:
    posterior = MemberPosterior(torch.zeros(2, 3, 1, 2).double(), noise=torch.tensor([4.0, 9.0]))
    samples = MemberSampler(torch.Size([30_000]))(posterior)
    torch.testing.assert_close(
        samples.var(0)[0, 0], torch.tensor([4.0, 9.0]).double(), rtol=0.05, atol=0
    )
    torch.testing.assert_close(samples[:, 0], samples[:, 1], rtol=0, atol=0)


# BoTorch recommends the logarithmic version; the plain one has the value that can be checked.
@pytest.mark.filterwarnings("ignore:.*known numerical issues")
def test_expected_improvement_is_the_mean_over_the_members() -> None:
    generator = torch.Generator().manual_seed(1)
    X = torch.rand(12, 2, dtype=torch.double, generator=generator)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, X.sum(-1, keepdim=True), num_restarts=8))
    best_f = 1.2
    acqf = qExpectedImprovement(model, best_f, sampler=MemberSampler(torch.Size([8])))
    test_X = torch.rand(5, 1, 2, dtype=torch.double, generator=generator)
    gain = (model.posterior(test_X).values - best_f).clamp_min(0.0)
    torch.testing.assert_close(acqf(test_X), gain.mean(-3)[:, 0, 0])


def test_other_posteriors_are_refused() -> None:
    posterior = GPyTorchPosterior(MultivariateNormal(torch.zeros(1), torch.eye(1)))
    with pytest.raises(UnsupportedError, match="Expected a MemberPosterior, got a GPyTorch"):
        MemberSampler(torch.Size([2]))(posterior)


def test_noise_is_added_on_the_scale_that_was_modelled() -> None:
    X = torch.rand(20, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(20, 2, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    Y = (2.0 * X + noise).exp()
    model = fit_rbf_ensemble(
        MultiRBFCorrelationModel(X, Y, num_restarts=8, outcome_transform=Log())
    )
    sampler = MemberSampler(torch.Size([100, 8]))
    noisy = model.posterior(X, observation_noise=True)
    samples = sampler(noisy)
    assert samples.shape == (100, 8, 20, 2)
    assert (samples > 0).all()
    spread = (samples.log() - sampler(model.posterior(X)).log()).square().mean((0, 1, 2))
    torch.testing.assert_close(spread, model.noise, rtol=0.1, atol=0.0)
    one = model.subset_output([1]).posterior(X)
    torch.testing.assert_close(
        MemberSampler(torch.Size([8]))(one).sort(0).values, one.values.sort(0).values
    )
    fantasies = model.fantasize(X[:2], MemberSampler(torch.Size([8])))
    assert fantasies.posterior(X).mean.isfinite().all()

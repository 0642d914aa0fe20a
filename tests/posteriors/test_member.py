"""The ensemble's posterior against numpy on the members' values."""

import copy
import pickle

import numpy as np
import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.exceptions.errors import BotorchTensorDimensionError
from botorch.models.transforms import Log
from botorch.posteriors.gpytorch import GPyTorchPosterior, scalarize_posterior
from botorch.sampling.get_sampler import get_sampler
from botorch.sampling.normal import IIDNormalSampler, SobolQMCNormalSampler
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from scipy.stats import multivariate_normal

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.posteriors import MemberPosterior, TransformedMemberPosterior

BATCHES = pytest.mark.parametrize("batch_shape", [(), (3,), (2, 3)], ids=str)
OUTPUTS = pytest.mark.parametrize("m", [1, 3])
NOISY = pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
SAMPLERS = pytest.mark.parametrize(
    "make_sampler",
    [
        lambda posterior, n: SobolQMCNormalSampler(torch.Size([n]), seed=0),
        lambda posterior, n: IIDNormalSampler(torch.Size([n]), seed=0),
        lambda posterior, n: get_sampler(posterior, torch.Size([n]), seed=0),
    ],
    ids=["sobol", "iid", "get_sampler"],
)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def member_values(*batch_shape: int, S: int = 7, q: int = 4, m: int = 3) -> torch.Tensor:
    """Values whose scale and correlation differ between points and outputs."""
    mixing = randn(q * m, q * m, seed=1)
    return 2.0 + (randn(*batch_shape, S, q * m) @ mixing).view(*batch_shape, S, q, m)


def make_posterior(*batch_shape: int, noisy: bool = False, **sizes: int) -> MemberPosterior:
    values = member_values(*batch_shape, **sizes)
    noise = 0.5 + randn(*batch_shape, *values.shape[-2:], seed=2).square() if noisy else None
    return MemberPosterior(values, noise=noise)


def covariance_by_numpy(posterior: MemberPosterior) -> np.ndarray:
    """Covariance of points and outputs, outputs running fastest; without t-batch."""
    flat = posterior.values.flatten(-2).numpy()
    covariance = np.atleast_2d(np.cov(flat, rowvar=False, ddof=1))
    if posterior.noise is not None:
        covariance = covariance + np.diag(posterior.noise.flatten().numpy())
    return covariance


@BATCHES
@OUTPUTS
@NOISY
def test_mean_variance_and_shapes(batch_shape, m, noisy):
    posterior = make_posterior(*batch_shape, m=m, noisy=noisy)
    values = posterior.values.numpy()
    noise = posterior.noise.numpy() if noisy else 0.0
    np.testing.assert_allclose(posterior.mean.numpy(), values.mean(-3), atol=1e-12)
    np.testing.assert_allclose(
        posterior.variance.numpy(), values.var(-3, ddof=1) + noise, atol=1e-10
    )
    assert posterior.mean.shape == posterior.variance.shape == (*batch_shape, 4, m)
    assert posterior.batch_shape == torch.Size(batch_shape)
    assert posterior.num_members == 7
    assert posterior.dtype == torch.double
    assert posterior.device == torch.device("cpu")
    assert isinstance(posterior, GPyTorchPosterior)


@BATCHES
@OUTPUTS
@NOISY
def test_distribution_has_the_members_mean_and_covariance(batch_shape, m, noisy):
    posterior = make_posterior(*batch_shape, m=m, noisy=noisy)
    distribution = posterior.distribution
    expected_class = MultitaskMultivariateNormal if m > 1 else MultivariateNormal
    assert type(distribution) is expected_class
    assert distribution.batch_shape == torch.Size(batch_shape)
    mean = posterior.mean if m > 1 else posterior.mean.squeeze(-1)
    torch.testing.assert_close(distribution.mean, mean)
    for index in np.ndindex(*batch_shape):
        noise = posterior.noise[index] if noisy else None
        one = MemberPosterior(posterior.values[index], noise)
        expected = covariance_by_numpy(one)
        found = distribution.covariance_matrix[index].numpy()
        # The documented jitter is 1e-6 times the mean variance.
        np.testing.assert_allclose(found, expected, atol=3e-6 * expected.diagonal().mean())
    variance = posterior.variance if m > 1 else posterior.variance.squeeze(-1)
    torch.testing.assert_close(distribution.variance, variance, rtol=1e-4, atol=1e-4)


def test_distribution_of_outputs_on_very_different_scales():
    scale = torch.tensor([1e4, 1e-3], dtype=torch.double)
    plain = make_posterior(m=2)
    posterior = MemberPosterior(plain.values * scale)
    found = posterior.distribution.covariance_matrix / torch.outer(scale.repeat(4), scale.repeat(4))
    expected = covariance_by_numpy(plain)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5 * expected.diagonal().mean())


@OUTPUTS
def test_log_prob_is_that_of_scipy(m):
    posterior = make_posterior(S=40, m=m, noisy=True)
    y = randn(4, m, seed=5)
    covariance = covariance_by_numpy(posterior)
    expected = multivariate_normal(posterior.mean.flatten().numpy(), covariance).logpdf(
        y.flatten().numpy()
    )
    found = posterior.distribution.log_prob(y if m > 1 else y.squeeze(-1))
    assert found.item() == pytest.approx(expected, rel=1e-4)


@NOISY
@OUTPUTS
@BATCHES
def test_one_member_has_variance_zero_and_everything_is_finite(batch_shape, m, noisy):
    posterior = make_posterior(*batch_shape, S=1, m=m, noisy=noisy)
    expected = posterior.noise if noisy else torch.zeros_like(posterior.mean)
    assert torch.equal(posterior.variance, expected)
    assert torch.equal(posterior.mean, posterior.values.squeeze(-3))
    distribution = posterior.distribution
    for tensor in (distribution.mean, distribution.covariance_matrix, distribution.variance):
        assert tensor.isfinite().all()
    samples = SobolQMCNormalSampler(torch.Size([8]), seed=0)(posterior)
    assert samples.isfinite().all()
    if not noisy:
        torch.testing.assert_close(samples, posterior.mean.expand_as(samples))
    assert distribution.rsample(torch.Size([2])).isfinite().all()


def test_members_that_agree_are_finite_with_gradients():
    values = randn(1, 4, 2).expand(5, -1, -1).clone().requires_grad_()
    posterior = MemberPosterior(values)
    assert torch.equal(posterior.variance, torch.zeros_like(posterior.variance))
    samples = SobolQMCNormalSampler(torch.Size([8]), seed=0)(posterior)
    (samples.sum() + posterior.variance.sum()).backward()
    assert values.grad.isfinite().all()


@SAMPLERS
@OUTPUTS
@NOISY
def test_samples_have_the_mean_and_covariance_of_the_posterior(make_sampler, m, noisy):
    posterior = make_posterior(S=5, q=3, m=m, noisy=noisy)
    samples = make_sampler(posterior, 4096)(posterior)
    assert samples.shape == (4096, 3, m)
    flat = samples.flatten(-2).numpy()
    expected = covariance_by_numpy(posterior)
    scale = np.sqrt(expected.diagonal())
    error = (flat.mean(0) - posterior.mean.flatten().numpy()) / scale
    np.testing.assert_allclose(error, 0.0, atol=0.06)
    found = np.atleast_2d(np.cov(flat, rowvar=False)) / np.outer(scale, scale)
    np.testing.assert_allclose(found, expected / np.outer(scale, scale), atol=0.08)


@SAMPLERS
def test_samples_of_the_distribution_and_of_the_members_agree(make_sampler):
    posterior = make_posterior(S=30, q=2, m=2)
    gaussian = GPyTorchPosterior(posterior.distribution)
    expected = make_sampler(gaussian, 4096)(gaussian).flatten(-2).numpy()
    found = make_sampler(posterior, 4096)(posterior).flatten(-2).numpy()
    scale = expected.std(0)
    np.testing.assert_allclose((found.mean(0) - expected.mean(0)) / scale, 0.0, atol=0.1)
    np.testing.assert_allclose(
        np.cov(found, rowvar=False) / np.outer(scale, scale),
        np.cov(expected, rowvar=False) / np.outer(scale, scale),
        atol=0.12,
    )


@SAMPLERS
def test_samples_are_values_of_one_function_whatever_the_q_batch(make_sampler):
    values = member_values(q=6)
    sampler = make_sampler(MemberPosterior(values), 16)
    joint = sampler(MemberPosterior(values))
    for points in ([0], [5], [2, 3], [4, 1, 0]):
        some = sampler(MemberPosterior(values[:, points]))
        torch.testing.assert_close(some, joint[:, points])


@SAMPLERS
@NOISY
def test_samples_at_a_point_do_not_depend_on_the_t_batch(make_sampler, noisy):
    posterior = make_posterior(noisy=noisy)
    sampler = make_sampler(posterior, 16)
    alone = sampler(posterior)
    others = member_values(3)
    values = torch.cat([posterior.values.unsqueeze(0), others])
    noise = None if not noisy else posterior.noise.expand(4, -1, -1)
    batch = sampler(MemberPosterior(values, noise))
    assert batch.shape == (16, 4, 4, 3)
    torch.testing.assert_close(batch[:, 0], alone)
    repeated = sampler(MemberPosterior(values[[1, 1, 0]]))
    assert torch.equal(repeated[:, 0], repeated[:, 1])


def test_noise_is_independent_between_points():
    posterior = MemberPosterior(torch.zeros(3, 2, 1).double(), noise=torch.ones(1, 1).double())
    samples = IIDNormalSampler(torch.Size([4000]), seed=0)(posterior).squeeze(-1)
    np.testing.assert_allclose(np.cov(samples.numpy(), rowvar=False), np.eye(2), atol=0.08)


@BATCHES
@NOISY
def test_rsample(batch_shape, noisy):
    posterior = make_posterior(*batch_shape, noisy=noisy)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert posterior.rsample().shape == (1, *batch_shape, 4, 3)
        samples = posterior.rsample(torch.Size([500, 4]))
    assert samples.shape == (500, 4, *batch_shape, 4, 3)
    assert samples.dtype == torch.double
    error = (samples.mean((0, 1)) - posterior.mean) / posterior.variance.sqrt()
    assert error.abs().max() < 0.12
    ratio = samples.flatten(0, 1).var(0) / posterior.variance
    assert (ratio - 1).abs().max() < 0.2


def test_samples_are_differentiable_in_the_values():
    base_samples = randn(2, 3, seed=4)

    def sample(values: torch.Tensor) -> torch.Tensor:
        return MemberPosterior(values).rsample_from_base_samples(torch.Size([2]), base_samples)

    assert torch.autograd.gradcheck(sample, (member_values(S=3, q=2, m=2).requires_grad_(),))


@NOISY
def test_noise_broadcasts(noisy):
    values = member_values(2)
    noise = torch.tensor([0.1, 0.2, 0.3], dtype=torch.double)
    posterior = MemberPosterior(values, noise=noise if noisy else None)
    added = posterior.variance - MemberPosterior(values).variance
    expected = noise.expand_as(added) if noisy else torch.zeros_like(added)
    torch.testing.assert_close(added, expected)


@NOISY
def test_scalarized_distribution_is_exact(noisy):
    posterior = make_posterior(noisy=noisy)
    weights = torch.tensor([0.5, -2.0, 1.0], dtype=torch.double)
    values = posterior.values @ weights + 0.3
    scalarized = scalarize_posterior(posterior, weights, offset=0.3)
    assert scalarized.mean.shape == (4, 1)
    expected = np.cov(values.numpy(), rowvar=False)
    if noisy:
        expected = expected + np.diag((posterior.noise @ weights.square()).numpy())
    torch.testing.assert_close(scalarized.mean.squeeze(-1), values.mean(0))
    found = scalarized.distribution.covariance_matrix.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.diagonal().max())
    transformed = ScalarizedPosteriorTransform(weights, offset=0.3)(posterior)
    torch.testing.assert_close(transformed.mean, scalarized.mean)
    torch.testing.assert_close(transformed.variance, scalarized.variance)


@OUTPUTS
def test_density_and_quantile_are_those_of_the_gaussian(m):
    posterior = make_posterior(m=m)
    values = torch.tensor([0.1, 0.5, 0.8], dtype=torch.double)
    gaussian = torch.distributions.Normal(posterior.mean, posterior.variance.sqrt())
    for v, quantile, density in zip(
        values, posterior.quantile(values), posterior.density(values), strict=True
    ):
        torch.testing.assert_close(gaussian.cdf(quantile), v.expand_as(quantile))
        torch.testing.assert_close(density, gaussian.log_prob(v).exp())
        torch.testing.assert_close(posterior.density(v), density)
        torch.testing.assert_close(posterior.quantile(v), quantile)


def test_quantiles_of_one_member_are_its_values():
    posterior = make_posterior(S=1)
    quantile = posterior.quantile(torch.tensor(0.9, dtype=torch.double))
    torch.testing.assert_close(quantile, posterior.mean)


@NOISY
def test_pickle_and_deepcopy_keep_the_bits(noisy):
    posterior = make_posterior(noisy=noisy)
    covariance = posterior.distribution.covariance_matrix
    for copied in (pickle.loads(pickle.dumps(posterior)), copy.deepcopy(posterior)):
        assert torch.equal(copied.mean, posterior.mean)
        assert torch.equal(copied.variance, posterior.variance)
        assert torch.equal(copied.distribution.covariance_matrix, covariance)


def test_float32_stays_float32():
    posterior = MemberPosterior(member_values().float())
    samples = SobolQMCNormalSampler(torch.Size([8]), seed=0)(posterior)
    for tensor in (posterior.mean, posterior.variance, posterior.distribution.mean, samples):
        assert tensor.dtype == torch.float
    assert posterior.distribution.rsample().isfinite().all()


@pytest.mark.parametrize("shape", [(3,), (3, 4)], ids=str)
def test_values_without_an_output_dimension_are_refused(shape):
    with pytest.raises(BotorchTensorDimensionError, match="batch_shape x S x q x m, got"):
        MemberPosterior(torch.zeros(shape))


@pytest.mark.parametrize("width", [4, 7 + 12, 6], ids=["q", "with-noise-terms", "one-short"])
def test_wrong_base_samples_are_refused(width):
    posterior = make_posterior()
    with pytest.raises(BotorchTensorDimensionError, match=r"shape \(2, 7\), got \(2, "):
        posterior.rsample_from_base_samples(torch.Size([2]), randn(2, width))


def test_density_of_one_member_is_at_its_value():
    posterior = make_posterior(S=1)
    value = posterior.mean.flatten()[0]
    density = posterior.density(value)
    assert (density == torch.where(posterior.mean == value, torch.inf, 0.0)).all()


# -- outcomes modelled on another scale ------------------------------------------------------------


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
def test_transformed_samples_are_values_that_the_targets_can_have(noisy):
    X = torch.rand(20, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    Y = torch.stack([(8 * X[:, 0]).sin().exp(), (3 * X[:, 1]).exp()], dim=-1)
    model = MultiRBFCorrelationModel(X, Y, outcome_transform=Log(), num_restarts=8)
    fit_rbf_ensemble(model)
    at = torch.rand(3, 4, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    posterior = model.posterior(at, observation_noise=noisy)
    assert isinstance(posterior, TransformedMemberPosterior)
    torch.testing.assert_close(posterior.mean, posterior.latent.values.exp().mean(1))
    samples = SobolQMCNormalSampler(torch.Size([512]), seed=0)(posterior)
    assert samples.shape == (512, 3, 4, 2)
    assert (samples > 0).all()
    log_samples = SobolQMCNormalSampler(torch.Size([512]), seed=0)(posterior.latent)
    torch.testing.assert_close(samples, log_samples.exp())
    first = model.posterior(at, output_indices=[1], observation_noise=noisy)
    assert torch.equal(SobolQMCNormalSampler(torch.Size([512]), seed=0)(first), samples[..., 1:])


def test_transformed_samples_of_long_data_are_those_of_each_points_task():
    X = torch.rand(24, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    task = (torch.arange(24) % 2).double().unsqueeze(-1)
    Y = (3 * X[:, :1]).exp() + 5 * task
    model = MultiRBFCorrelationModel(
        torch.cat([X, task], dim=-1), Y, task_feature=2, outcome_transform=Log(), num_restarts=8
    )
    fit_rbf_ensemble(model)
    sampler = SobolQMCNormalSampler(torch.Size([16]), seed=0)
    both = sampler(model.posterior(X[:6]))
    own = sampler(model.posterior(torch.cat([X, task], dim=-1)[:6]))
    expected = both.gather(-1, task[:6].long().expand(16, 6, 1))
    torch.testing.assert_close(own, expected)

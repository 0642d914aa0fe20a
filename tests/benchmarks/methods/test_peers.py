import math

import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.models import ModelList, MultiTaskGP
from botorch.models.transforms import Normalize
from botorch.models.transforms.input import InputPerturbation

from benchmarks.methods import FACTORIES, INDEX_KERNEL_GP, MULTI_TASK_GP, SURROGATES
from benchmarks.methods.peers import (
    IndexKernelMultiTaskGP,
    MLPEnsemble,
    WideKroneckerGP,
    WideMultiTaskGP,
    WideVBLL,
    beside_the_task,
    fit_vblls,
)
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.testing.subject import Subject

from support.two_tasks import data


@pytest.mark.filterwarnings("ignore:Data .* is not standardized")
def test_multi_task_gp_gets_wide_data_as_rows() -> None:
    subject = Subject(FACTORIES["MultiTaskGP"])
    Y = subject.Y.clone()
    Y[:3, 1] = torch.nan
    wide = subject.fit(Y=Y, missing="mask")
    assert type(wide) is MultiTaskGP
    X_long, Y_long = subject.long_data
    seen = ~Y.T.reshape(-1).isnan()
    long = subject.fit(X_long[seen], Y_long[seen], task_feature=2)
    assert wide.num_outputs == long.num_outputs == 2
    found, expected = (model.posterior(subject.test_X).mean for model in (wide, long))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_transforms_leave_the_task_column_alone() -> None:
    X = torch.tensor([[10.0, 1.0, 20.0]])
    bounds = torch.tensor([[0.0, 0.0], [100.0, 40.0]])
    inputs = [0, 2]
    normalize = beside_the_task(Normalize(2, bounds=bounds), inputs, 3)
    torch.testing.assert_close(normalize(X), torch.tensor([[0.1, 1.0, 0.5]]))
    learning = beside_the_task(Normalize(2), inputs, 3)
    assert learning.learn_bounds
    perturb = beside_the_task(InputPerturbation(torch.ones(2, 2)), inputs, 3)
    torch.testing.assert_close(
        perturb.transform(X), torch.tensor([[11.0, 1.0, 21.0], [11.0, 1.0, 21.0]])
    )
    assert beside_the_task(None, inputs, 3) is None


# BoTorch's advice to all models that have an input transform and keep no training inputs.
@pytest.mark.filterwarnings("ignore:Could not update `train_inputs`")
def test_ensemble_is_trained_and_diverse() -> None:
    subject = Subject(MLPEnsemble)
    model = subject.fit(num_restarts=3)
    posterior = model.posterior(subject.X)
    error = (posterior.mean - subject.Y).square().mean().sqrt()
    assert error < 0.3 * subject.Y.std()
    assert posterior.values.shape == (3, 16, 2)
    assert (posterior.variance > 0).all()


def test_vbll_has_one_model_per_task() -> None:
    subject = Subject(fit_vblls)
    model = subject.fit(num_epochs=5)
    assert isinstance(model, ModelList)
    assert model.posterior(subject.X).mean.shape == (16, 2)
    assert subject.fit(Y=subject.Y[:, :1], num_epochs=5).num_outputs == 1


@pytest.mark.parametrize(
    ("name", "gp_class"), [(MULTI_TASK_GP, MultiTaskGP), (INDEX_KERNEL_GP, IndexKernelMultiTaskGP)]
)
def test_multi_task_gps_get_standardized_tasks(name: str, gp_class: type[MultiTaskGP]) -> None:
    model = SURROGATES[name](*data(), 0)
    assert type(model.gp) is gp_class
    targets = model.gp.train_targets.view(14, 2)
    torch.testing.assert_close(targets.mean(0), torch.zeros(2).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(targets.std(0), torch.ones(2).double())


def test_index_kernel_expresses_negative_relations_and_the_default_does_not() -> None:
    generator = torch.Generator().manual_seed(1)
    X = torch.rand(24, 1, dtype=torch.double, generator=generator)
    first = (7.0 * X).sin().squeeze(-1)
    Y = torch.stack([first, 5.0 - first], dim=-1)
    Y += 0.03 * torch.randn(24, 2, dtype=torch.double, generator=generator)
    Y[4:, 0] = math.nan  # four points say what the first task has to do with the second
    errors, correlations = [], []
    for name in (MULTI_TASK_GP, INDEX_KERNEL_GP):
        model = SURROGATES[name](X, Y, 0)
        with torch.no_grad():
            tasks = torch.cat([X[:1].expand(2, 1), torch.arange(2.0).unsqueeze(-1)], dim=-1)
            covariance = model.gp.covar_module(tasks.double()).to_dense()
            errors.append((model.posterior(X).mean[:, 0] - first).square().mean().sqrt().item())
        correlations.append((covariance[0, 1] / covariance.diagonal().prod().sqrt()).item())
    assert correlations[0] > 0
    assert correlations[1] < -0.9
    assert errors[1] < 0.1 < errors[0]


def test_kronecker_gp_predicts_what_dense_algebra_says() -> None:
    X, Y = data()
    test_X = torch.rand(5, 2, dtype=torch.double, generator=torch.Generator().manual_seed(3)) * 3
    with isolated_random_state(0):
        model = WideKroneckerGP(X, Y)
    with torch.no_grad():
        # Unequal noise of the tasks is what KroneckerMultiTaskGP.posterior does not get right.
        model.gp.likelihood.task_noises = torch.tensor([1e-3, 0.3]).double()
        posterior = model.posterior(test_X, observation_noise=True)
        low, high = X.amin(0), X.amax(0)
        unit_X, unit_test = (X - low) / (high - low), (test_X - low) / (high - low)
        tasks = model.gp.covar_module.task_covar_module.covar_matrix.to_dense()
        scales = model.gp.covar_module.data_covar_module.lengthscale.squeeze(0)

        def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            squares = ((a.unsqueeze(1) - b) / scales).square().sum(-1)
            return torch.kron((-0.5 * squares).exp(), tasks)

        noise = model.gp.likelihood.task_noises + model.gp.likelihood.noise
        observed = kernel(unit_X, unit_X) + noise.repeat(14).diag()
        cross = kernel(unit_test, unit_X)
        means = torch.stack([base.constant for base in model.gp.mean_module.base_means])
        mean, std = Y.mean(0), Y.std(0)
        residual = ((Y - mean) / std - means).flatten()
        expected = means + (cross @ torch.linalg.solve(observed, residual)).view(5, 2)
        covariance = kernel(unit_test, unit_test) - cross @ torch.linalg.solve(observed, cross.T)
        variance = covariance.diagonal().view(5, 2) + noise
    torch.testing.assert_close(posterior.mean, mean + std * expected, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(posterior.variance, std.square() * variance, rtol=1e-5, atol=0)


def test_kronecker_gp_refuses_missing_values() -> None:
    X, Y = data()
    Y[3, 0] = math.nan
    with pytest.raises(UnsupportedError, match="every task at every point, got 1 of 28"):
        WideKroneckerGP(X, Y)


def small_vbll() -> tuple[WideVBLL, torch.Tensor]:
    X, Y = data()
    with isolated_random_state(0):
        model = WideVBLL(X, Y, num_epochs=5)
    return model, X


def test_vbll_predicts_point_by_point_as_botorch_s_model_does() -> None:
    model, X = small_vbll()
    with torch.no_grad():
        posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
        for task, network in enumerate(model.networks):
            stock = network.posterior((X - X.amin(0)) / (X.amax(0) - X.amin(0)))
            mean, std = data()[1][:, task].mean(), data()[1][:, task].std()
            torch.testing.assert_close(
                posterior.mean[..., task], mean + std * stock.mean, rtol=1e-8, atol=1e-10
            )
            torch.testing.assert_close(
                posterior.variance[..., task], std.square() * stock.variance, rtol=1e-8, atol=0
            )


def test_vbll_covariance_is_that_of_sampled_networks() -> None:
    model, X = small_vbll()
    points = X[:3]
    with torch.no_grad(), isolated_random_state(1):
        covariance = model.posterior(points).distribution.covariance_matrix
        sampled = model.networks[0].sample(torch.Size([40_000]))(model.normalize(points))
    values = data()[1][:, 0].std() * sampled.squeeze(-1)
    expected = values.T.cov()
    # The first three rows and columns: MultitaskMultivariateNormal keeps task after task here.
    assert not model.posterior(points).distribution._interleaved
    scale = expected.diagonal().sqrt()
    torch.testing.assert_close(
        covariance[:3, :3] / (scale.unsqueeze(-1) * scale),
        expected / (scale.unsqueeze(-1) * scale),
        atol=0.03,
        rtol=0,
    )
    torch.testing.assert_close(covariance[:3, 3:], torch.zeros(3, 3).double())


def test_what_the_wide_models_cannot_do_is_refused() -> None:
    X, Y = data()
    model = WideMultiTaskGP(X, Y)
    with pytest.raises(NotImplementedError, match="output_indices"):
        model.posterior(X, output_indices=[0])
    with pytest.raises(UnsupportedError, match="got a tensor"):
        model.posterior(X, observation_noise=torch.ones_like(Y))
    Y[:, 1] = math.nan
    with pytest.raises(InputDataError, match=r"none of \[1\]"):
        WideMultiTaskGP(X, Y)

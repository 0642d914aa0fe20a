"""Stock acquisition functions on our models, under BoTorch's optimizer and under the swarm."""

from collections.abc import Callable

import pytest
import torch
from botorch.acquisition import (
    AcquisitionFunction,
    ExpectedImprovement,
    LogExpectedImprovement,
    qExpectedImprovement,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
)
from botorch.acquisition.multi_objective import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.objective import GenericMCObjective, ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim import gen_candidates_pso, optimize_acqf_pso

BOUNDS = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    X = torch.rand(15, 2, dtype=torch.double, generator=generator)
    first = -(X - 0.3).square().sum(-1)
    second = -(X - 0.7).square().sum(-1) + 0.1 * (6.0 * X[:, 0]).sin()
    return X, torch.stack([first, second], dim=-1)


@pytest.fixture(scope="module", params=[1, 16], ids=["one member", "16 members"])
def num_restarts(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(
    scope="module",
    params=[MultiRBFCorrelationModel, RegularizedMultiTaskRBFModel, SingleRBFModel],
    ids=lambda cls: cls.__name__,
)
def model(request: pytest.FixtureRequest, num_restarts: int) -> RBFEnsembleModel:
    X, Y = data()
    return fit_rbf_ensemble(request.param(X, Y, num_restarts=num_restarts))


def log_ei(model: Model) -> AcquisitionFunction:
    return LogExpectedImprovement(model.subset_output([0]), best_f=data()[1][:, 0].max())


def q_log_ei(model: Model) -> AcquisitionFunction:
    return qLogExpectedImprovement(model.subset_output([1]), best_f=data()[1][:, 1].max())


def q_log_nei(model: Model) -> AcquisitionFunction:
    objective = GenericMCObjective(lambda Y, X=None: Y.sum(-1))
    return qLogNoisyExpectedImprovement(
        model,
        X_baseline=data()[0],
        sampler=SobolQMCNormalSampler(torch.Size([32]), seed=0),
        objective=objective,
        prune_baseline=True,
    )


def q_log_nehvi(model: Model) -> AcquisitionFunction:
    return qLogNoisyExpectedHypervolumeImprovement(
        model,
        ref_point=[-1.0, -1.0],
        X_baseline=data()[0],
        sampler=SobolQMCNormalSampler(torch.Size([16]), seed=0),
        prune_baseline=True,
    )


ACQUISITIONS = [log_ei, q_log_ei, q_log_nei, q_log_nehvi]


@pytest.mark.parametrize("make", ACQUISITIONS, ids=lambda f: f.__name__)
def test_runs_under_both_optimizers(
    model: RBFEnsembleModel, make: Callable[[Model], AcquisitionFunction]
) -> None:
    torch.manual_seed(0)
    acqf = make(model)
    for optimize in (optimize_acqf, optimize_acqf_pso):
        candidate, value = optimize(
            acqf, BOUNDS, q=1, num_restarts=2, raw_samples=16, options={"maxiter": 5}
        )
        assert candidate.shape == (1, 2)
        assert ((candidate >= BOUNDS[0]) & (candidate <= BOUNDS[1])).all()
        assert value.isfinite()
    candidate, value = optimize_acqf(
        acqf,
        BOUNDS,
        q=1,
        num_restarts=2,
        raw_samples=16,
        gen_candidates=gen_candidates_pso,
        options={"maxiter": 5},
    )
    assert candidate.shape == (1, 2)
    assert value.isfinite()


@pytest.mark.parametrize("make", ACQUISITIONS, ids=lambda f: f.__name__)
def test_value_of_a_point_does_not_depend_on_its_t_batch(
    model: RBFEnsembleModel, make: Callable[[Model], AcquisitionFunction]
) -> None:
    torch.manual_seed(0)
    acqf = make(model)
    generator = torch.Generator().manual_seed(2)
    X = torch.rand(6, 1, 2, dtype=torch.double, generator=generator)
    together = acqf(X)
    assert together.isfinite().all()
    for i in range(6):
        torch.testing.assert_close(acqf(X[i : i + 1])[0], together[i], rtol=1e-8, atol=1e-10)
    repeated = acqf(X[:1].expand(4, 1, 2))
    torch.testing.assert_close(repeated, together[:1].expand(4), rtol=1e-8, atol=1e-10)


def test_joint_batches() -> None:
    torch.manual_seed(0)
    X, Y = data()
    acqf = q_log_ei(fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y)))
    joint, value = optimize_acqf_pso(acqf, BOUNDS, q=3, num_restarts=2, raw_samples=32)
    assert joint.shape == (3, 2)
    assert value >= acqf(joint[:1])


# BoTorch recommends the logarithmic versions; the plain ones are what converges.
@pytest.mark.filterwarnings("ignore:.*known numerical issues")
def test_monte_carlo_expected_improvement_converges_to_the_analytic_one() -> None:
    X, Y = data()
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, num_restarts=8)).subset_output([0])
    best_f = Y[:, 0].max() - 0.02
    sampler = SobolQMCNormalSampler(torch.Size([8192]), seed=0)
    test_X = torch.rand(20, 1, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    analytic = ExpectedImprovement(model, best_f)(test_X)
    sampled = qExpectedImprovement(model, best_f, sampler=sampler)(test_X)
    torch.testing.assert_close(sampled, analytic, rtol=0.05, atol=1e-5)


def test_scalarization_acts_on_the_members() -> None:
    X, Y = data()
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y))
    weights = torch.tensor([0.3, -2.0], dtype=torch.double)
    transform = ScalarizedPosteriorTransform(weights, offset=0.5)
    test_X = torch.rand(4, 3, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    plain = model.posterior(test_X)
    scalarized = model.posterior(test_X, posterior_transform=transform)
    torch.testing.assert_close(scalarized.values[..., 0], plain.values @ weights + 0.5)
    torch.testing.assert_close(scalarized.mean[..., 0], plain.mean @ weights + 0.5)

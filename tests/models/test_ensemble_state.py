"""All surrogates: copies, states, and what acquisition functions make of them."""

import copy
import io
import pickle

import pytest
import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    UpperConfidenceBound,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
)
from botorch.acquisition.multi_objective import qLogExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.objective import (
    LinearMCObjective,
    ScalarizedPosteriorTransform,
)
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions import NondominatedPartitioning

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
)

from support.ensembles import MODELS, fit, fitted, moments, rand, tasks

# -- state -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_copies_give_the_same_bits(name):
    model, at = fitted(name), rand(5, 2, seed=3)
    expected = moments(model, at, observation_noise=True)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for copied in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(moments(copied, at, observation_noise=True), expected)
        assert torch.equal(moments(fit_rbf_ensemble(copied), at, observation_noise=True), expected)
    assert torch.equal(moments(model, at, observation_noise=True), expected)


@pytest.mark.parametrize("name", MODELS)
def test_state_dict_restores_a_fitted_model(name):
    model, at = fitted(name), rand(5, 2, seed=3)
    X = rand(18, 2)
    fresh = MODELS[name](X, tasks(X), num_restarts=6, num_centers=10, seed=5)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(moments(fresh, at), moments(model, at))


def test_a_state_that_does_not_fit_leaves_the_model_as_it_was():
    model, at = copy.deepcopy(fitted("linear_layer")), rand(5, 2, seed=3)
    expected = moments(model, at)
    with pytest.raises(RuntimeError, match="layer.weights"):
        model.load_state_dict(fitted("two_layers").state_dict())
    assert torch.equal(moments(model, at), expected)


def test_model_changes_its_dtype():
    model, at = copy.deepcopy(fitted("linear_layer")), rand(5, 2, seed=3)
    expected = moments(model, at, observation_noise=True)
    found = moments(model.float(), at.float(), observation_noise=True)
    assert found.dtype == torch.float
    torch.testing.assert_close(found, expected.float(), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(
        moments(model.double(), at, observation_noise=True), expected, rtol=1e-2, atol=1e-3
    )


def test_state_dict_restores_a_model_of_fewer_centers_than_rows_allow():
    X, at = rand(12, 2), rand(5, 2, seed=3)
    # More centers than a restart has rows: the fit makes fewer than the constructor.
    model = fit(MultiRBFCorrelationModel, X, tasks(X), num_centers=40)
    fresh = MultiRBFCorrelationModel(X, tasks(X), num_restarts=6, num_centers=40)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(moments(fresh, at), moments(model, at))


def test_state_dict_restores_a_model_of_other_data():
    model, at = fitted("linear_layer"), rand(5, 2, seed=3)
    X = 3.0 * rand(30, 2, seed=8)
    other = MultiRBFCorrelationModel(X, 1.0 + tasks(X), num_restarts=6, num_centers=4)
    other.load_state_dict(model.state_dict())
    assert torch.equal(moments(other, at), moments(model, at))


# -- acquisition functions -------------------------------------------------------------------------


def acquisition_functions():
    model = fitted("linear_layer")
    first = model.subset_output([0])
    baseline = rand(18, 2)
    sampler = SobolQMCNormalSampler(torch.Size([32]), seed=0)
    weights = torch.tensor([1.0, -0.05], dtype=torch.double)
    scalarize = ScalarizedPosteriorTransform(weights)
    objective = LinearMCObjective(weights)
    reference = torch.tensor([-1.0, 10.0], dtype=torch.double)
    partitioning = NondominatedPartitioning(ref_point=reference, Y=tasks(baseline))
    return {
        "LogEI": lambda: LogExpectedImprovement(first, best_f=0.8),
        "LogEI-scalarized": lambda: LogExpectedImprovement(
            model, best_f=-1.0, posterior_transform=scalarize
        ),
        "UCB": lambda: UpperConfidenceBound(first, beta=2.0),
        "qLogEI": lambda: qLogExpectedImprovement(first, best_f=0.8, sampler=sampler),
        "qLogEI-objective": lambda: qLogExpectedImprovement(
            model, best_f=-1.0, sampler=sampler, objective=objective
        ),
        "qLogNEI": lambda: qLogNoisyExpectedImprovement(
            first, baseline, sampler=sampler, cache_root=False
        ),
        "qLogNEI-pruned": lambda: qLogNoisyExpectedImprovement(
            first, baseline, sampler=sampler, prune_baseline=True
        ),
        "qLogNEI-objective": lambda: qLogNoisyExpectedImprovement(
            model, baseline, sampler=sampler, objective=objective, cache_root=False
        ),
        "qLogEHVI": lambda: qLogExpectedHypervolumeImprovement(
            model, reference.tolist(), partitioning, sampler=sampler
        ),
        "qLogNEHVI": lambda: qLogNoisyExpectedHypervolumeImprovement(
            model, reference.tolist(), baseline, sampler=sampler, cache_root=False
        ),
    }


@pytest.mark.parametrize("name", acquisition_functions())
def test_acquisition_values_are_finite_and_do_not_depend_on_the_batch(name):
    acquisition = acquisition_functions()[name]()
    X = rand(4, 1, 2, seed=3)
    X = torch.cat([X, X[:1]]).requires_grad_()
    values = acquisition(X)
    assert values.shape == (5,)
    assert values.isfinite().all()
    torch.testing.assert_close(values[4], values[0])
    torch.testing.assert_close(acquisition(X[1:2])[0], values[1])
    (gradient,) = torch.autograd.grad(values.sum(), X)
    assert gradient.isfinite().all()
    if name.startswith("q"):
        assert acquisition(rand(3, 2, 2, seed=4)).isfinite().all()


def test_expected_improvement_by_sampling_is_that_of_the_members_gaussian():
    first, X = fitted("linear_layer").subset_output([0]), rand(6, 1, 2, seed=3)
    best = first.posterior(X).mean.max().item() - 0.1
    exact = LogExpectedImprovement(first, best_f=best)(X).exp()
    sampler = SobolQMCNormalSampler(torch.Size([4096]), seed=0)
    sampled = qLogExpectedImprovement(first, best_f=best, sampler=sampler)(X).exp()
    scale = first.posterior(X).variance.sqrt().max().item()
    torch.testing.assert_close(sampled, exact, atol=0.02 * scale, rtol=0.05)

"""Conditioning on further observations, against solving anew for the output weights."""

import copy
import dataclasses
import functools
import itertools

import pytest
import torch
from botorch.acquisition import qKnowledgeGradient, qNegIntegratedPosteriorVariance
from botorch.acquisition.multi_step_lookahead import qMultiStepLookahead
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    DeprecationError,
    InputDataError,
    ModelFittingError,
    UnsupportedError,
)
from botorch.models.transforms import Log, Normalize
from botorch.sampling.normal import SobolQMCNormalSampler

from botorch_cll.couplings import CorrelationLayers, IndependentTasks
from botorch_cll.ensemble import Members
from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.settings import NETWORK

from support.ensembles import EVERY_MODEL, MODELS, NAN, fit, fitted, moments, rand, tasks


def weights_by_hand(model, X, Y):
    """The output weights of a fit to old and new rows with everything else held fixed.

    The bags of the old rows are those of the fit; every member sees all new rows.
    """
    larger = type(model)(
        torch.cat([model.train_X, X]),
        torch.cat([model.train_Y, Y]),
        missing="mask",
        outcome_transform=None,
    )
    old, new = model.data, larger.data
    inputs = (larger._rows_X - model.input_offset) / model.input_scale
    data = dataclasses.replace(new, X=inputs, Y=model.outcome_transform(new.Y)[0])
    bags = torch.ones(model.num_restarts, *new.Y.T.shape, dtype=torch.bool)
    members = model.fitted.members
    for row in range(len(old.X)):
        match = (inputs - old.X[row]).abs().sum(-1) < 1e-12
        bags[..., match] = members.bags[..., [row]]
    with_bags = Members(members.network, members.log_ridge, members.tail_degree, bags)
    coupling = model.coupling
    if isinstance(coupling, CorrelationLayers):
        coupling = IndependentTasks()
    return with_bags.solve(coupling, data).weight.squeeze(-1)


@pytest.mark.parametrize("name", ["no_layer", "single", "regularized"])
@pytest.mark.parametrize("masked", [False, True], ids=["complete", "masked"])
def test_weights_are_those_of_a_fit_to_all_rows(name, masked):
    X, Y = rand(16, 2), tasks(rand(16, 2))
    model = fit(MODELS[name], X, Y)
    new_X, new_Y = rand(3, 2, seed=5), tasks(rand(3, 2, seed=5)) + 0.5
    if masked:
        new_Y[0, 0] = new_Y[2, 1] = NAN
    conditioned = model.condition_on_observations(new_X, new_Y)
    expected = weights_by_hand(model, new_X, new_Y)
    found = conditioned._conditioned.weight.squeeze(-1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (found - model.fitted.members.network.weight).abs().max() > 1e-3


def members_after_one_row(model, x, y):
    """Final outputs at `x` after one row there, task by task from the rule in the docstring."""
    phi = model.fitted.members.network.features(model._to_unit_cube(x))
    factor = model.fitted.members.solve(model.coupling, model.data).factor
    gram = factor @ factor.mT
    leverage = (phi @ torch.linalg.solve(gram, phi.mT))[..., 0, 0]
    p = (phi @ model.fitted.members.network.weight.unsqueeze(-1))[..., 0, 0]
    layer = model.fitted.layer
    final = layer(p.unsqueeze(-2)).squeeze(-2)
    h = leverage * (final.var(0) / p.var(0)).clamp(max=1.0)
    gain = (h / (1 + h)).where(~y.isnan(), 0.0)
    change = gain * (y - final).nan_to_num()
    after = final.clone()
    for task in range(model.num_tasks):
        others = change.clone()
        others[:, task] = 0.0
        passed = (layer.branch((p + others).unsqueeze(-2)) - layer.branch(p.unsqueeze(-2)))[:, 0]
        residual = (y - final).nan_to_num()[:, task] - passed[:, task]
        after[:, task] += passed[:, task] + gain[:, task] * residual
    return after


@functools.cache
def fitted_to_few(name: str):
    """A model whose second task leaves most of what it predicts to the layer."""
    X, Y = rand(40, 2), tasks(rand(40, 2))
    Y[8:, 1] = NAN
    return fit(MODELS[name], X, Y, missing="mask")


@pytest.mark.parametrize("name", ["linear_layer", "two_layers"])
@pytest.mark.parametrize("make", [fitted, fitted_to_few], ids=["equal rows", "few rows"])
@pytest.mark.parametrize("missing", [None, 0, 1], ids=["complete", "first", "second"])
def test_behind_a_layer_final_outputs_take_in_what_is_new_to_them(name, make, missing):
    model = make(name)
    assert (model.fitted.layer.weights[-1].abs() > 1e-3).any()
    x = rand(1, 2, seed=5)
    Y = model.posterior(x).mean + tasks(rand(18, 2)).std(0)
    y = model.outcome_transform(Y)[0][0]
    if missing is not None:
        Y[0, missing] = y[missing] = NAN
    conditioned = model.condition_on_observations(x, Y)
    found = conditioned._conditioned.outputs(model._to_unit_cube(x))[0].squeeze(-2)
    torch.testing.assert_close(found, members_after_one_row(model, x, y), rtol=1e-6, atol=1e-8)


def test_a_layer_that_does_nothing_makes_no_difference():
    X = rand(16, 2)
    model = fit(MODELS["linear_layer"], X, tasks(X))
    for parameter in model.fitted.layer.parameters():
        parameter.data.zero_()
    new_X, new_Y = rand(3, 2, seed=5), tasks(rand(3, 2, seed=5)) + 0.5
    expected = weights_by_hand(model, new_X, new_Y)
    conditioned = model.condition_on_observations(new_X, new_Y)
    at = model._to_unit_cube(rand(7, 2, seed=6))
    network, found = model.fitted.members.network, conditioned._conditioned.outputs(at)[0]
    by_hand = network.outputs_and_support(at, expected.unsqueeze(-1))[0].squeeze(-1)
    torch.testing.assert_close(found, by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layers", [(), (4,)], ids=["linear", "two layers"])
def test_a_task_with_few_rows_behind_its_layer_learns_from_one_more(layers):
    X = rand(60, 2)
    Y = torch.stack([torch.sin(6 * X[:, 0]) * X[:, 1], torch.sin(6 * X[:, 0]) * X[:, 1]], dim=-1)
    Y[:, 1] += 0.1 * X[:, 0]
    Y[8:, 1] = NAN
    model = fit_rbf_ensemble(
        MultiRBFCorrelationModel(X, Y, missing="mask", correlation_layers=layers)
    )
    for x in rand(8, 1, 2, seed=5):
        before = model.posterior(x)
        believed = model.condition_on_observations(x, before.mean).posterior(x)
        torch.testing.assert_close(believed.mean, before.mean, rtol=0.0, atol=0.02)
        assert (believed.variance < before.variance).all()
        higher = before.mean + before.variance.sqrt()
        higher[:, 0] = NAN
        pulled = model.condition_on_observations(x, higher).posterior(x).mean
        assert ((pulled - before.mean) / before.variance.sqrt())[0, 1] > 0.1
        # What is new of the other task counts too.
        higher = before.mean + 0.1
        higher[:, 1] = NAN
        pulled = model.condition_on_observations(x, higher).posterior(x).mean
        assert (pulled - before.mean)[0, 1] > 0.01


@EVERY_MODEL
def test_two_steps_are_one(make):
    model = fit(make, rand(16, 2), tasks(rand(16, 2)))
    X, at = rand(4, 2, seed=5), rand(7, 2, seed=6)
    # The first row is all but certain, the others are not.
    Y, noise = tasks(X), torch.tensor([[0.0], [1.0], [2.0], [5.0]], dtype=torch.double)
    together = model.condition_on_observations(X, Y, noise)
    stepwise = model.condition_on_observations(X[:1], Y[:1], noise[:1])
    stepwise = stepwise.condition_on_observations(X[1:], Y[1:], noise[1:])
    torch.testing.assert_close(moments(together, at), moments(stepwise, at))


@EVERY_MODEL
def test_a_batch_of_fantasies_is_each_of_them_alone(make):
    model = fit(make, rand(16, 2), tasks(rand(16, 2)))
    X, Y = rand(3, 2, 2, seed=5), rand(4, 3, 2, 2, seed=6)
    at = rand(3, 5, 2, seed=7)
    batch = model.condition_on_observations(X, Y)
    assert batch.batch_shape == (4, 3)
    everywhere = moments(batch, at)
    for f in range(4):
        for b in range(3):
            alone = model.condition_on_observations(X[b], Y[f, b])
            assert alone.batch_shape == ()
            torch.testing.assert_close(everywhere[:, f, b], moments(alone, at[b]))


@pytest.mark.parametrize("outer", [(), (2,), (1,)], ids=["one", "two", "one of one"])
def test_a_mask_that_differs_between_fantasies(outer):
    model = fitted("linear_layer")
    X, Y, at = rand(2, 2, seed=5), rand(*outer, 3, 2, 2, seed=6), rand(5, 2, seed=7)
    Y[..., 0, 0, 0] = Y[..., 2, 1, 1] = NAN
    batch = model.condition_on_observations(X, Y)
    for f in itertools.product(*map(range, Y.shape[:-2])):
        alone = model.condition_on_observations(X, Y[f])
        torch.testing.assert_close(moments(batch, at)[:, *f], moments(alone, at))


def test_a_batch_of_inputs_under_one_target():
    model = fitted("linear_layer")
    X, Y, at = rand(3, 1, 2, seed=5), rand(1, 2, seed=6), rand(5, 2, seed=7)
    batch = model.condition_on_observations(X, Y)
    assert batch.batch_shape == (3,)
    for b in range(3):
        alone = model.condition_on_observations(X[b], Y)
        torch.testing.assert_close(moments(batch, at)[:, b], moments(alone, at))


@EVERY_MODEL
def test_original_is_left_alone(make):
    model = fit(make, rand(16, 2), tasks(rand(16, 2)))
    before = copy.deepcopy(model.state_dict())
    at = rand(5, 2, seed=7)
    expected = moments(model, at)
    conditioned = model.condition_on_observations(rand(2, 2, seed=5), 100 * rand(2, 2, seed=6))
    conditioned.float()
    assert torch.equal(moments(model, at), expected)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


@EVERY_MODEL
def test_an_observation_pulls_and_reassures(make):
    X = rand(20, 2)
    model = fit(make, X, tasks(X))
    at = torch.tensor([[1.6, 1.6]], dtype=torch.double)
    surprise = model.posterior(at).mean + 3 * model.posterior(at).variance.sqrt()
    conditioned = model.condition_on_observations(at, model.posterior(at).mean)
    assert (conditioned.posterior(at).variance < model.posterior(at).variance).all()
    pulled = model.condition_on_observations(at, surprise).posterior(at).mean
    assert ((pulled - model.posterior(at).mean) / (surprise - model.posterior(at).mean) > 0.1).all()


@pytest.mark.parametrize("name", ["linear_layer", "two_layers"])
def test_one_member_behind_a_layer_is_pulled_too(name):
    X, at = rand(20, 2), rand(1, 2, seed=5)
    model = fit(MODELS[name], X, tasks(X), num_restarts=1)
    mean = model.posterior(at).mean
    surprise = mean + tasks(X).std(0)
    pulled = (model.condition_on_observations(at, surprise).posterior(at).mean - mean).squeeze()
    assert (pulled / tasks(X).std(0) > 0.01).all()


def test_noisy_observations_pull_less():
    model = fitted("linear_layer")
    at = rand(1, 2, seed=5)
    mean = model.posterior(at).mean
    Y = mean + 1.0
    pull = [
        (model.condition_on_observations(at, Y, noise=noise).posterior(at).mean - mean).abs()
        for noise in (torch.zeros(1, 2).double(), torch.full((1, 2), 10.0).double())
    ]
    assert (pull[1] < 0.5 * pull[0]).all()


def test_known_noise_of_new_rows_weighs_like_that_of_old_ones():
    X, Yvar = rand(16, 2), 0.1 + rand(16, 2, seed=3)
    model = fit(MODELS["no_layer"], X, tasks(X), train_Yvar=Yvar)
    new_X, new_Y = rand(1, 2, seed=5), tasks(rand(1, 2, seed=5))
    scale = model.outcome_transform.stdvs.square()
    noise = 0.3 * torch.ones(1, 2).double()
    conditioned = model.condition_on_observations(new_X, new_Y, noise=noise)
    data = model.data
    weight = 1 / (0.05 + noise) / (1 / (0.05 + Yvar / scale)).mean(0)
    phi_new = model.fitted.members.network.features(model._to_unit_cube(new_X))
    phi = model.fitted.members.network.features(data.X)
    old_weight = (1 / (0.05 + data.Yvar)) / (1 / (0.05 + data.Yvar)).mean(0)
    seen = old_weight.T * model.fitted.members.bags
    w = torch.cat([seen, weight.T.expand(6, 2, 1)], dim=-1)
    phi = torch.cat([phi, phi_new], dim=-2)
    Y = torch.cat([data.Y, (new_Y - model.outcome_transform.means) / scale.sqrt()])
    solution = model.fitted.members.solve(model.coupling, model.data)
    gram_old = (phi[:, :, :-1] * w[..., :-1, None]).mT @ phi[:, :, :-1]
    regularizer = solution.factor @ solution.factor.mT - gram_old
    gram = (phi * w.unsqueeze(-1)).mT @ phi + regularizer
    moment = (phi * w.unsqueeze(-1)).mT @ Y.T.unsqueeze(-1)
    expected = torch.linalg.solve(gram, moment).squeeze(-1)
    found = conditioned._conditioned.weight.squeeze(-1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["linear_layer", "two_layers", "no_layer"])
@pytest.mark.parametrize("subset", [False, True], ids=["all outputs", "one output"])
def test_gradients_reach_the_inputs(name, subset):
    model = fitted(name)
    if subset:
        model = model.subset_output([1])
    X = rand(2, 1, 2, seed=5).requires_grad_()
    sampler = SobolQMCNormalSampler(torch.Size([3]), seed=0)
    at = rand(4, 2, seed=6)

    def value(X):
        fantasy = model.fantasize(X, sampler)
        return fantasy.posterior(at).mean.sum() + fantasy.posterior(at).variance.sum()

    assert torch.autograd.gradcheck(value, (X,), atol=1e-4)


def test_fantasies_are_samples_of_the_posterior_conditioned_on():
    model = fitted("linear_layer")
    X = rand(3, 2, 2, seed=5)
    sampler = SobolQMCNormalSampler(torch.Size([4]), seed=0)
    fantasy = model.fantasize(X, sampler)
    Y = sampler(model.posterior(X, observation_noise=True))
    at = rand(5, 2, seed=6)
    expected = moments(model.condition_on_observations(X, Y), at)
    assert torch.equal(moments(fantasy, at), expected)
    noise = torch.full((2, 2), 0.3, dtype=torch.double)
    fantasy = model.fantasize(X, sampler, observation_noise=noise)
    Y = sampler(model.posterior(X, observation_noise=noise))
    expected = moments(model.condition_on_observations(X, Y, noise=noise), at)
    assert torch.equal(moments(fantasy, at), expected)


def test_fantasies_of_fantasies():
    model = fitted("linear_layer")
    sampler = SobolQMCNormalSampler(torch.Size([3]), seed=0)
    first = model.fantasize(rand(2, 1, 2, seed=5), sampler)
    second = first.fantasize(rand(2, 2, 2, seed=6), sampler)
    assert second.batch_shape == (3, 3, 2)
    assert second.posterior(rand(2, 4, 2, seed=7)).mean.shape == (3, 3, 2, 4, 2)


def test_no_new_rows_change_nothing():
    model = fitted("linear_layer")
    at = rand(5, 2, seed=6)
    empty = torch.zeros(0, 2, dtype=torch.double)
    conditioned = model.condition_on_observations(empty, empty)
    torch.testing.assert_close(moments(conditioned, at), moments(model, at))


@pytest.mark.parametrize("with_task", [True, False], ids=["task column", "all outputs"])
def test_long_and_wide_agree(with_task):
    X, Y = rand(12, 2), tasks(rand(12, 2))
    wide = fit(MultiRBFCorrelationModel, X, Y)
    column = torch.tensor([0.0, 1.0]).double().repeat_interleave(12).unsqueeze(-1)
    long = fit(
        MultiRBFCorrelationModel,
        torch.cat([X.repeat(2, 1), column], dim=-1),
        Y.T.reshape(-1, 1),
        task_feature=2,
    )
    new_X, new_Y, at = rand(2, 2, seed=5), tasks(rand(2, 2, seed=5)), rand(5, 2, seed=6)
    expected = moments(wide.condition_on_observations(new_X, new_Y), at)
    if with_task:
        column = torch.tensor([0.0, 0.0, 1.0, 1.0]).double().unsqueeze(-1)
        new_X = torch.cat([new_X.repeat(2, 1), column], dim=-1)
        new_Y = new_Y.T.reshape(-1, 1)
    torch.testing.assert_close(moments(long.condition_on_observations(new_X, new_Y), at), expected)


def test_transforms_apply_to_new_rows():
    X = 10.0 * rand(16, 2)
    Y = tasks(X / 10) + 100.0
    options = {
        "input_transform": Normalize(2),
        "outcome_transform": Log(),
    }
    model = fit(MultiRBFCorrelationModel, X, Y, **options)
    plain = fit(MultiRBFCorrelationModel, Normalize(2)(X), Y.log(), outcome_transform=None)
    new, at = 10.0 * rand(2, 2, seed=5), 10.0 * rand(5, 2, seed=6)
    first = model.condition_on_observations(new, tasks(new / 10) + 90.0).posterior(at)
    scale = model.input_transform
    second = plain.condition_on_observations(scale(new), (tasks(new / 10) + 90.0).log())
    torch.testing.assert_close(first.values.log(), second.posterior(scale(at)).values)


def test_outputs_in_another_order_are_those_of_their_tasks():
    model, X, at = fitted("linear_layer", 3), rand(2, 2, seed=5), rand(5, 2, seed=6)
    Y = tasks(X, 3) + 0.1
    Y[:, 1] = NAN
    for noise in (torch.zeros(2, 3), torch.tensor([[0.0, 0.0, 5.0], [3.0, 0.0, 0.0]])):
        noise = noise.double()
        whole = moments(model.condition_on_observations(X, Y, noise), at)[..., [2, 0]]
        subset = model.subset_output([2, 0])
        subset = subset.condition_on_observations(X, Y[:, [2, 0]], noise[:, [2, 0]])
        torch.testing.assert_close(moments(subset, at), whole)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_supports_its_surroundings_as_a_center_does(name):
    model, X, at = fitted(name), rand(1, 2, seed=5), rand(8, 2, seed=6)
    # However little the row weighs.
    noise = torch.full((1, 2), 3.0, dtype=torch.double)
    conditioned = model.condition_on_observations(X, tasks(X), noise)
    center, in_cube = ((x - model.input_offset) / model.input_scale for x in (X, at))
    length_scale = model.fitted.members.network.log_length_scale.exp().unsqueeze(-2)
    radial = (-0.5 * ((in_cube - center) / length_scale).square().sum(-1)).exp().movedim(1, -1)
    before, after = (
        0.1 / ensemble.outputs(in_cube)[1] for ensemble in (model.fitted, conditioned._conditioned)
    )
    torch.testing.assert_close(after - before, radial.square())


@pytest.mark.parametrize("change", ["state", "refit", "dtype"])
def test_a_model_that_has_changed_forgets_its_solution(change):
    X, new, at = rand(18, 2), rand(2, 2, seed=5), rand(5, 2, seed=6)
    model, other = (fit(MODELS["no_layer"], X, tasks(X), seed=seed) for seed in (0, 5))
    model.condition_on_observations(new, tasks(new))
    if change == "state":
        model.load_state_dict(other.state_dict())
    elif change == "refit":
        model.seed = 5
        fit_rbf_ensemble(model)
    else:
        model.load_state_dict(other.state_dict())
        model.condition_on_observations(new, tasks(new))
        model, other, new, at = model.float(), other.float(), new.float(), at.float()
        assert moments(model.condition_on_observations(new, tasks(new)), at).dtype == torch.float
    changed, expected = (
        moments(m.condition_on_observations(new, tasks(new)), at) for m in (model, other)
    )
    torch.testing.assert_close(changed, expected)


def test_outputs_that_are_not_modelled_are_not_observed():
    model = fitted("linear_layer")
    X, Y, at = rand(2, 2, seed=5), tasks(rand(2, 2, seed=5)), rand(5, 2, seed=6)
    subset = model.subset_output([1]).condition_on_observations(X, Y[:, 1:])
    Y[:, 0] = NAN
    whole = model.condition_on_observations(X, Y)
    torch.testing.assert_close(moments(subset, at)[..., 0], moments(whole, at)[..., 1])


def test_a_gradient_fit_can_be_conditioned():
    X = rand(16, 2)
    model = fit_rbf_ensemble(
        MultiRBFCorrelationModel(X, tasks(X), num_restarts=4, num_centers=8),
        "gradient",
        GradientOptions(num_steps=30, learning_rate=0.02),
    )
    at = rand(1, 2, seed=5)
    mean = model.posterior(at).mean
    surprise = mean + 3.0 * tasks(X).std(0)
    moved = model.condition_on_observations(at, surprise).posterior(at).mean
    assert (moved > mean).all()


def test_a_gradient_fit_takes_in_rows_with_the_ridge_of_the_tail_in_every_column():
    X = rand(16, 2)
    model = fit_rbf_ensemble(
        MODELS["no_layer"](X, tasks(X), num_restarts=4, num_centers=8),
        "gradient",
        GradientOptions(num_steps=30, learning_rate=0.02),
    )
    new_X, new_Y = rand(3, 2, seed=5), tasks(rand(3, 2, seed=5)) + 0.5
    conditioned = model.condition_on_observations(new_X, new_Y)
    members = model.fitted.members
    phi, new = (members.network.features(model._to_unit_cube(x)) for x in (model.train_X, new_X))
    bags = members.bags[..., model._row.view(16, 2)[:, 0]].unsqueeze(-1)
    A = (bags * phi).mT @ phi + NETWORK.tail_ridge * torch.eye(phi.shape[-1], dtype=torch.double)
    gain = torch.linalg.solve(A, new.mT)
    old = (new @ model.fitted.members.network.weight.unsqueeze(-1)).squeeze(-1)
    residual = model.outcome_transform(new_Y)[0].T - old
    inner = torch.eye(3, dtype=torch.double) + new @ gain
    after = old + (new @ gain @ torch.linalg.solve(inner, residual.unsqueeze(-1))).squeeze(-1)
    found = conditioned._conditioned.outputs(model._to_unit_cube(new_X))[0]
    torch.testing.assert_close(found, after.mT)


@pytest.mark.parametrize("name", MODELS)
def test_lookahead_acquisition_functions(name):
    model = fitted(name, 1)
    X = rand(2, 1 + 3, 2, seed=4).requires_grad_()
    value = qKnowledgeGradient(model, num_fantasies=3)(X)
    assert value.shape == (2,)
    (gradient,) = torch.autograd.grad(value.sum(), X)
    assert gradient.isfinite().all()
    assert (gradient != 0).any()
    nipv = qNegIntegratedPosteriorVariance(model, mc_points=rand(20, 2, seed=8))
    values = nipv(torch.tensor([[[3.0, 3.0]], [[0.5, 0.5]]], dtype=torch.double))
    assert values.isfinite().all()
    steps = qMultiStepLookahead(model, batch_sizes=[1], num_fantasies=[2])
    assert steps(rand(3, steps.get_augmented_q_batch_size(1), 2)).isfinite().all()


def test_conditioned_models_move_copy_and_refuse_to_have_a_state():
    model = fitted("linear_layer").condition_on_observations(rand(2, 2, seed=5), rand(2, 2, seed=6))
    at = rand(5, 2, seed=6)
    expected = moments(model, at)
    assert torch.equal(moments(copy.deepcopy(model), at), expected)
    single = copy.deepcopy(model).float()
    torch.testing.assert_close(moments(single, at.float()), expected.float(), rtol=1e-2, atol=1e-2)
    rows = single._conditioned.rows
    # All that has to go to a device along with the model.
    assert {values.dtype for values in (rows.X, rows.Y, rows.row_weight)} == {torch.float}
    further = single.condition_on_observations(at[:1].float(), expected[0, :1].float())
    assert moments(further, at.float()).dtype == torch.float
    with pytest.raises(UnsupportedError, match="conditioned on further observations"):
        model.state_dict()
    with pytest.raises(UnsupportedError, match="conditioned"):
        model.loo()
    with pytest.raises(UnsupportedError, match="conditioned"):
        model.load_state_dict(fitted("linear_layer").state_dict())
    with pytest.raises(UnsupportedError, match="Fit a new model to all data, with warm_start"):
        fit_rbf_ensemble(model)
    assert torch.equal(moments(model, at), expected)


def test_what_does_not_fit_is_refused():
    model, X = fitted("linear_layer"), rand(2, 2, seed=5)
    with pytest.raises(BotorchTensorDimensionError, match="Expected Y of shape .* x 2 x 2"):
        model.condition_on_observations(X, rand(2, 1))
    with pytest.raises(BotorchTensorDimensionError, match="Expected batch shapes that broadcast"):
        model.condition_on_observations(rand(3, 2, 2), rand(4, 2, 2))
    with pytest.raises(InputDataError, match="dtype"):
        model.condition_on_observations(X.float(), rand(2, 2).float())
    with pytest.raises(InputDataError, match="finite X, got 2 entries"):
        model.condition_on_observations(NAN * X[:1], rand(1, 2))
    with pytest.raises(BotorchTensorDimensionError, match="noise that broadcasts to shape"):
        model.condition_on_observations(X, rand(2, 2), noise=rand(3, 2, 2))
    with pytest.raises(InputDataError, match="non-negative, finite noise, got -1"):
        model.condition_on_observations(X, rand(2, 2), noise=-torch.ones(2, 2).double())
    with pytest.raises(DeprecationError, match="tensor or None"):
        model.fantasize(X, SobolQMCNormalSampler(torch.Size([2])), observation_noise=True)
    elsewhere = MultiRBFCorrelationModel(rand(9, 2), rand(9, 2), num_restarts=6, num_centers=10)
    with pytest.raises(ModelFittingError, match="Expected a fitted"):
        elsewhere.condition_on_observations(X, rand(2, 2))
    elsewhere.load_state_dict(model.state_dict())
    with pytest.raises(ModelFittingError, match="state comes from other data"):
        elsewhere.condition_on_observations(X, rand(2, 2))


@pytest.mark.parametrize(
    ("transform", "value"), [("log", -1.0), ("log", 0.0), ("default", float("inf"))], ids=str
)
def test_observations_that_a_transform_cannot_take_are_refused(transform, value):
    X = rand(16, 2)
    options = {"outcome_transform": Log()} if transform == "log" else {}
    model = fit(MultiRBFCorrelationModel, X, tasks(X) + 100.0, **options)
    Y = tasks(rand(2, 2, seed=5)) + 100.0
    Y[1, 0] = value
    with pytest.raises(InputDataError, match="finite targets.*got 1 that"):
        model.condition_on_observations(rand(2, 2, seed=5), Y)
    Y[1, 0] = NAN
    conditioned = model.condition_on_observations(rand(2, 2, seed=5), Y)
    assert moments(conditioned, rand(5, 2, seed=6)).isfinite().all()


def test_inference_mode_leaves_no_trace():
    model = fit(MultiRBFCorrelationModel, rand(16, 2), tasks(rand(16, 2)))
    X = rand(1, 2, seed=5)
    with torch.inference_mode():
        model.condition_on_observations(X, tasks(X)).posterior(X)
    X = X.requires_grad_()
    value = model.condition_on_observations(X, tasks(X)).posterior(rand(4, 2, seed=6)).mean.sum()
    (gradient,) = torch.autograd.grad(value, X)
    assert gradient.isfinite().all()


def test_fantasies_with_gradients_can_be_copied_and_subset():
    model = fitted("linear_layer")
    X = rand(2, 1, 2, seed=5).requires_grad_()
    fantasy = model.fantasize(X, SobolQMCNormalSampler(torch.Size([3]), seed=0))
    at = rand(4, 2, seed=6)
    expected = fantasy.posterior(at).mean
    torch.testing.assert_close(copy.deepcopy(fantasy).posterior(at).mean, expected)
    subset = fantasy.subset_output([1]).posterior(at).mean
    torch.testing.assert_close(subset, expected[..., [1]])
    (gradient,) = torch.autograd.grad(subset.sum(), X)
    assert gradient.isfinite().all()
    assert (gradient != 0).any()

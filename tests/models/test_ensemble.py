"""What all surrogates promise: posteriors, transforms, invariances, refusals."""

import copy
import functools

import numpy as np
import pytest
import torch
from botorch.acquisition import qLogExpectedImprovement
from botorch.acquisition.objective import (
    ExpectationPosteriorTransform,
    PosteriorTransform,
    ScalarizedPosteriorTransform,
)
from botorch.acquisition.risk_measures import CVaR
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    ModelFittingError,
    UnsupportedError,
)
from botorch.exceptions.warnings import InputDataWarning, UserInputWarning
from botorch.models.transforms.input import (
    AppendFeatures,
    ChainedInputTransform,
    InputPerturbation,
    Log10,
    Normalize,
    Warp,
)
from botorch.models.transforms.outcome import ChainedOutcomeTransform, Log, Standardize
from botorch.sampling.normal import SobolQMCNormalSampler

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
)
from botorch_cll.posteriors import MemberPosterior
from botorch_cll.settings import NETWORK

from support.ensembles import (
    EVERY_MODEL,
    MODELS,
    NAN,
    assert_sound,
    fit,
    fitted,
    moments,
    rand,
    tasks,
)

# -- the posterior ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("num_tasks", [1, 2, 3])
def test_posterior_shapes(name, num_tasks):
    model = fitted(name, num_tasks)
    assert model.num_outputs == model.num_tasks == num_tasks
    assert model.batch_shape == torch.Size()
    assert torch.equal(model.train_inputs[0], rand(18, 2))
    for batch_shape in ((), (4,), (2, 3)):
        X = rand(*batch_shape, 5, 2, seed=3)
        assert_sound(model, X)
        posterior = model.posterior(X)
        assert isinstance(posterior, MemberPosterior)
        assert posterior.values.shape == (*batch_shape, 6, 5, num_tasks)


@pytest.mark.parametrize("name", MODELS)
def test_posterior_at_a_point_does_not_depend_on_its_batch(name):
    model, X = fitted(name), rand(3, 4, 5, 2, seed=3)
    whole = model.posterior(X)
    for index in [(0, 0), (2, 3), (1, 2)]:
        part = model.posterior(X[index])
        torch.testing.assert_close(part.values, whole.values[index])
        torch.testing.assert_close(part.variance, whole.variance[index])
        point = model.posterior(X[index][2:3])
        torch.testing.assert_close(point.values, whole.values[index][:, 2:3])


@pytest.mark.parametrize("name", ["linear_layer", "two_layers", "regularized"])
def test_posterior_gradients_agree_with_finite_differences(name):
    model, X = fitted(name), rand(2, 2, 2, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda X: model.posterior(X).mean, X)
    assert torch.autograd.gradcheck(lambda X: model.posterior(X).variance, X)
    noisy = functools.partial(model.posterior, observation_noise=True)
    assert torch.autograd.gradcheck(lambda X: noisy(X).variance, X)


def test_output_indices_choose_and_order():
    model, X = fitted("linear_layer", 3), rand(5, 2, seed=3)
    whole = moments(model, X, observation_noise=True)
    for indices in ([0], [2, 0], [1, 1], [-1]):
        some = moments(model, X, observation_noise=True, output_indices=indices)
        torch.testing.assert_close(some, whole[..., indices])


@pytest.mark.parametrize("name", MODELS)
def test_subset_output(name):
    model, X = fitted(name, 3), rand(5, 2, seed=3)
    for indices in ([1], [2, 0], [-1, -2]):
        subset = model.subset_output(indices)
        assert type(subset) is type(model)
        assert subset.num_outputs == len(indices)
        torch.testing.assert_close(
            moments(subset, X, observation_noise=True),
            moments(model, X, observation_noise=True)[..., indices],
        )
    assert model.num_outputs == 3
    twice = model.subset_output([2, 0]).subset_output([1])
    torch.testing.assert_close(moments(twice, X), moments(model, X)[..., [0]])
    picked = moments(model.subset_output([2, 0]), X, output_indices=[1])
    torch.testing.assert_close(picked, moments(model, X)[..., [0]])


def test_subset_output_shares_no_state():
    model, X = copy.deepcopy(fitted("linear_layer")), rand(5, 2, seed=3)
    subset = model.subset_output([0])
    before = moments(subset, X)
    for parameter in model.parameters():
        parameter.data.zero_()
    model.noise.fill_(7.0)
    model.outcome_transform.means.fill_(7.0)
    assert torch.equal(moments(subset, X), before)


@pytest.mark.parametrize("indices", [[], [2], [-3], [0, 5]], ids=str)
def test_subset_output_refuses_outputs_that_are_not_there(indices):
    with pytest.raises(
        UnsupportedError, match=r"Expected (output_indices|indices) of 2 outputs, got"
    ):
        fitted("linear_layer").subset_output(indices)


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("batch_shape", [(), (3,)], ids=str)
def test_scalarized_posterior_is_that_of_the_scalarized_members(noisy, batch_shape):
    model, X = fitted("linear_layer", 3), rand(*batch_shape, 5, 2, seed=3)
    weights = torch.tensor([1.0, -0.2, 30.0], dtype=torch.double)
    transform = ScalarizedPosteriorTransform(weights, offset=2.0)
    posterior = model.posterior(X, observation_noise=noisy, posterior_transform=transform)
    values = model.posterior(X).values @ weights + 2.0
    noise = model.posterior(X, observation_noise=True).variance - model.posterior(X).variance
    variance = values.var(-2) + (noise @ weights.square() if noisy else 0.0)
    assert posterior.mean.shape == (*batch_shape, 5, 1)
    torch.testing.assert_close(posterior.mean.squeeze(-1), values.mean(-2))
    torch.testing.assert_close(posterior.variance.squeeze(-1), variance, rtol=1e-4, atol=1e-6)


class PerUnitCost(PosteriorTransform):
    """The first output per unit of a cost that depends on the inputs."""

    scalarize = True

    def evaluate(self, Y, X=None):
        return Y[..., 0] / (1.0 + X[..., 0])

    def forward(self, posterior, X=None):
        raise NotImplementedError


def test_a_posterior_transform_knows_the_inputs_of_all_members():
    # As many points of a t-batch as members.
    model, X = fitted("linear_layer"), rand(6, 5, 2, seed=3)
    posterior = model.posterior(X, posterior_transform=PerUnitCost())
    expected = model.posterior(X).mean[..., [0]] / (1.0 + X[..., [0]])
    torch.testing.assert_close(posterior.mean, expected)


def test_expectation_over_perturbed_inputs():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    shift = torch.tensor([[0.0, 0.0], [0.05, -0.05]], dtype=torch.double)
    model = fit(MultiRBFCorrelationModel, X, Y, input_transform=InputPerturbation(shift))
    at = rand(5, 2, seed=3)
    posterior = model.posterior(at, posterior_transform=ExpectationPosteriorTransform(n_w=2))
    plain = fit(MultiRBFCorrelationModel, X, Y)
    expected = 0.5 * (plain.posterior(at).mean + plain.posterior(at + shift[1]).mean)
    torch.testing.assert_close(posterior.mean, expected)


def test_observation_noise_adds_one_variance_per_task_in_the_unit_of_the_targets():
    X, Y = rand(60, 2), tasks(rand(60, 2))
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.4, 8.0], dtype=torch.double)
    noisy_Y = Y + scale * torch.randn(Y.shape, generator=generator, dtype=torch.double)
    model, at = fit(MultiRBFCorrelationModel, X, noisy_Y), rand(3, 5, 2, seed=3)
    added = moments(model, at, observation_noise=True) - moments(model, at)
    assert (added[0] == 0).all()
    noise = added[1].flatten(0, 1)
    torch.testing.assert_close(noise, noise[:1].expand_as(noise))
    ratio = noise[0] / scale.square()
    assert ((ratio > 0.25) & (ratio < 3.0)).all()


@pytest.mark.parametrize("shape", [(), (1,), (2,), (5, 1), (5, 2), (3, 5, 2)], ids=str)
def test_observation_noise_given_as_a_tensor(shape):
    model, X = fitted("linear_layer"), rand(3, 5, 2, seed=3)
    noise = 0.1 + rand(*shape, seed=4)
    added = moments(model, X, observation_noise=noise) - moments(model, X)
    # In the scale of the transformed outcomes, as for BoTorch's models.
    unit = tasks(rand(18, 2)).std(0).square()
    torch.testing.assert_close(added[1], (noise * unit).expand(3, 5, 2))


def test_observation_noise_of_other_widths_is_refused():
    with pytest.raises(BotorchTensorDimensionError, match="2 columns, got shape .5, 3."):
        fitted("linear_layer").posterior(rand(5, 2), observation_noise=rand(5, 3))


def test_observation_noise_that_is_no_variance_is_refused():
    with pytest.raises(InputDataError, match="non-negative, finite observation_noise, got -1"):
        fitted("linear_layer").posterior(rand(5, 2), observation_noise=-torch.ones(2).double())


@pytest.mark.parametrize("name", MODELS)
def test_members_are_those_of_the_formula(name):
    X = rand(18, 2)
    model = fit(MODELS[name], X, tasks(X), outcome_transform=None)
    model.fitted.inflation.copy_(torch.tensor([4.0, 0.3]))
    at = 2 * rand(7, 2, seed=3) - 0.5
    in_cube = (at - model.input_offset) / model.input_scale
    values, _ = model.fitted.outputs(in_cube)
    network = model.fitted.members.network
    radial = network.features(in_cube)[..., : network.centers.shape[-2]]
    remoteness = (0.1 / (0.1 + radial.square().sum(-1))).movedim(1, -1)
    apart = model.fitted.remote_sign.unsqueeze(1) * remoteness
    expected = (
        values.mean(0)
        + model.fitted.inflation.sqrt() * (values - values.mean(0))
        + model.fitted.remote_variance.sqrt() * (apart - apart.mean(0))
    )
    torch.testing.assert_close(model.posterior(at).values, expected)
    zero = torch.zeros(2, dtype=torch.double)
    torch.testing.assert_close(model.fitted.remote_sign.mean(0), zero)
    torch.testing.assert_close(model.fitted.remote_sign.var(0), zero + 1.0)


def test_observation_noise_goes_with_the_outputs_of_a_subset():
    model, X = fitted("linear_layer", 3), rand(5, 2, seed=3)
    subset = model.subset_output([2, 0])
    noise = 0.1 + rand(5, 2, seed=4)
    added = moments(subset, X, observation_noise=noise) - moments(subset, X)
    unit = tasks(rand(18, 2), 3).std(0).square()[[2, 0]]
    torch.testing.assert_close(added[1], noise * unit)


# -- transforms and invariances --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sign"),
    # Activations and shared weights tell a target from minus the target, the others do not.
    [
        *((name, 1.0) for name in MODELS),
        ("linear_layer", -1.0),
        ("no_layer", -1.0),
        ("single", -1.0),
    ],
)
def test_units_of_inputs_and_targets_do_not_matter(name, sign):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    at = rand(7, 2, seed=3)
    scale_X, shift_X = torch.tensor([100.0, 0.003]).double(), torch.tensor([-5.0, 2.0]).double()
    scale_Y, shift_Y = torch.tensor([sign * 1e-4, 30.0]).double(), torch.tensor([3.0, 1e3]).double()
    plain = moments(fit(MODELS[name], X, Y), at, observation_noise=True)
    model = fit(MODELS[name], X * scale_X + shift_X, Y * scale_Y + shift_Y)
    found = moments(model, at * scale_X + shift_X, observation_noise=True)
    # Gradient steps magnify differences of rounding.
    tolerance = 0.03 if name == "two_layers" else 1e-5
    error = (found[0] - shift_Y) / scale_Y - plain[0]
    assert (error.abs() < tolerance * plain[1].sqrt()).all()
    ratio = found[1] / scale_Y.square() / plain[1]
    assert ((ratio - 1).abs() < tolerance).all()


@pytest.mark.parametrize("unit", [1e-3, 1e3])
@pytest.mark.parametrize("name", MODELS)
def test_the_unit_of_targets_does_not_matter_without_outcome_transform(name, unit):
    X, at = rand(18, 2), rand(7, 2, seed=3)
    Y = tasks(X) - tasks(X).mean(0)
    Yvar = 0.1 * rand(18, 2, seed=1) * Y.var(0)
    plain, scaled = (
        fit(MODELS[name], X, k * Y, train_Yvar=k**2 * Yvar, outcome_transform=None)
        for k in (1.0, unit)
    )
    expected = moments(plain, at, observation_noise=True)
    found = moments(scaled, at, observation_noise=True)
    # Gradient steps magnify differences of rounding.
    tolerance = 0.03 if name == "two_layers" else 1e-5
    error = found[0] / unit - expected[0]
    assert (error.abs() < tolerance * expected[1].sqrt()).all()
    assert ((found[1] / unit**2 / expected[1] - 1).abs() < tolerance).all()
    new_X, new_Y = rand(3, 2, seed=4), rand(3, 2, seed=5)
    expected = moments(plain.condition_on_observations(new_X, new_Y, Yvar[:3]), at)
    conditioned = scaled.condition_on_observations(new_X, unit * new_Y, unit**2 * Yvar[:3])
    found = moments(conditioned, at)
    assert ((found[0] / unit - expected[0]).abs() < tolerance * expected[1].sqrt()).all()


def test_targets_in_any_unit_get_an_honest_noise_without_outcome_transform():
    X = rand(60, 2)
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(60, 1, generator=generator, dtype=torch.double)
    Y = tasks(X)[:, :1] + noise
    for unit in (1.0, 100.0, 0.01):
        model = fit(MultiRBFCorrelationModel, X, unit * Y, outcome_transform=None)
        added = moments(model, X, observation_noise=True) - moments(model, X)
        ratio = added[1].mean() / unit**2 / 0.09
        assert 0.3 < ratio < 3.0, unit


def test_normalize_changes_nothing():
    X, Y, at = 10 * rand(18, 2), tasks(rand(18, 2)), 10 * rand(3, 7, 2, seed=3)
    plain = moments(fit(MultiRBFCorrelationModel, X, Y), at)
    for transform in (
        Normalize(d=2),
        Normalize(d=2, bounds=torch.tensor([[-1.0, -2.0], [15.0, 12.0]], dtype=torch.double)),
    ):
        model = fit(MultiRBFCorrelationModel, X, Y, input_transform=transform)
        torch.testing.assert_close(moments(model, at), plain, rtol=1e-6, atol=1e-9)


def test_input_transform_is_that_of_transformed_inputs():
    X, Y, at = 0.1 + rand(18, 2), tasks(rand(18, 2)), 0.1 + rand(3, 7, 2, seed=3)
    expected = moments(fit(MultiRBFCorrelationModel, X.log10(), Y), at.log10())
    chain = ChainedInputTransform(log=Log10(indices=[0, 1]), unit=Normalize(d=2))
    for transform in (Log10(indices=[0, 1]), chain):
        model = fit(MultiRBFCorrelationModel, X, Y, input_transform=transform)
        torch.testing.assert_close(moments(model, at), expected, rtol=1e-6, atol=1e-9)


@EVERY_MODEL
def test_train_and_eval_round_trip_with_an_input_transform(make):
    X, Y, at = 10 * rand(18, 2), tasks(rand(18, 2)), 20 * rand(5, 2, seed=3)
    model = fit(make, X, Y, input_transform=Normalize(d=2))
    before = moments(model, at)
    model.train()
    assert model.training
    assert torch.equal(model.train_inputs[0], X)
    assert torch.equal(moments(model, at), before)
    assert not model.training
    model.train()
    model.eval()
    assert torch.equal(model.train_inputs[0], X)
    assert torch.equal(moments(model, at), before)
    assert torch.equal(moments(fit_rbf_ensemble(model.train()), at), before)


def test_default_outcome_transform_standardizes_each_task():
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    default = moments(fit(MultiRBFCorrelationModel, X, Y), at)
    explicit = fit(MultiRBFCorrelationModel, X, Y, outcome_transform=Standardize(m=2))
    torch.testing.assert_close(moments(explicit, at), default)
    standardized = (Y - Y.mean(0)) / Y.std(0)
    none = moments(fit(MultiRBFCorrelationModel, X, standardized, outcome_transform=None), at)
    torch.testing.assert_close(none[0] * Y.std(0) + Y.mean(0), default[0])
    torch.testing.assert_close(none[1] * Y.std(0).square(), default[1])


@pytest.mark.parametrize("chained", [False, True], ids=["log", "log-standardize"])
def test_log_transform_takes_the_members_back(chained):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)).exp().clamp(1e-3, 1e3), rand(5, 2, seed=3)
    transform = ChainedOutcomeTransform(a=Log(), b=Standardize(m=2)) if chained else Log()
    model = fit(MultiRBFCorrelationModel, X, Y, outcome_transform=transform)
    by_hand = fit(
        MultiRBFCorrelationModel,
        X,
        Y.log(),
        outcome_transform=Standardize(m=2) if chained else None,
    )
    expected = by_hand.posterior(at).values.exp()
    posterior = model.posterior(at)
    torch.testing.assert_close(posterior.values, expected)
    torch.testing.assert_close(posterior.mean, expected.mean(0))
    torch.testing.assert_close(posterior.variance, expected.var(0))
    noisy = model.posterior(at, observation_noise=True)
    # By the symmetric difference of one standard deviation around the mean.
    log_noisy = by_hand.posterior(at, observation_noise=True)
    noise = (log_noisy.mean.exp() * log_noisy.noise.sqrt().sinh()).square()
    torch.testing.assert_close(noisy.variance, expected.var(0) + noise)


def test_targets_that_a_transform_cannot_take_are_refused():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    Y[4, 0] = -1.0
    with pytest.raises(InputDataError, match="outcome"):
        MultiRBFCorrelationModel(X, Y, outcome_transform=Log())
    Y[4, 0] = 0.0
    with pytest.raises(InputDataError, match="outcome"):
        MultiRBFCorrelationModel(X, Y, outcome_transform=Log())


def test_inputs_that_a_transform_cannot_take_are_refused():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    X[3, 1] = -1.0
    with pytest.raises(InputDataError, match="input"):
        MultiRBFCorrelationModel(X, Y, input_transform=Log10(indices=[0, 1]))


@EVERY_MODEL
@pytest.mark.parametrize("kind", ["wide", "masked", "noisy", "normalized", "long", "long-own"])
def test_order_of_rows_is_irrelevant(make, kind):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    options, d = {}, 2
    if kind == "masked":
        Y[rand(18, seed=5) < 0.4, 0] = NAN
        options["missing"] = "mask"
    if kind == "noisy":
        options["train_Yvar"] = rand(18, 2, seed=6)
    if kind == "normalized":
        options["input_transform"] = Normalize(d=2)
    if kind.startswith("long"):
        X = torch.cat([X, (rand(18, 1, seed=7) < 0.4).double()], dim=-1)
        Y, d = Y[:, :1], 3
        options["task_feature"] = 2
    if kind == "long-own":
        options["outcome_transform"] = None
    order = torch.randperm(18, generator=torch.Generator().manual_seed(1))
    shuffled = dict(options)
    if kind == "noisy":
        shuffled["train_Yvar"] = options["train_Yvar"][order]
    at = rand(5, d, seed=3)[:, :2]
    first = moments(fit(make, X, Y, **options), at, observation_noise=True)
    second = moments(fit(make, X[order], Y[order], **shuffled), at, observation_noise=True)
    assert torch.equal(first, second)


# -- refusals --------------------------------------------------------------------------------------

X_4, Y_4 = rand(4, 2), rand(4, 2, seed=1)
LONG_X = torch.tensor([[0.1, 0], [0.2, 0], [0.3, 4], [0.4, 4]], dtype=torch.double)
LONG = {"train_X": LONG_X, "train_Y": Y_4[:, :1], "task_feature": 1}
BAD = {
    "X-1d": ({"train_X": X_4[:, 0]}, BotorchTensorDimensionError, "train_X to be 2-dim"),
    "X-3d": ({"train_X": X_4[None]}, BotorchTensorDimensionError, "train_X to be 2-dim"),
    "Y-1d": ({"train_Y": Y_4[:, 0]}, BotorchTensorDimensionError, "explicit output dimension"),
    "rows": ({"train_Y": Y_4[:3]}, BotorchTensorDimensionError, "same number of rows"),
    "Yvar": ({"train_Yvar": Y_4[:, :1]}, BotorchTensorDimensionError, "shape of train_Y"),
    "dtype": ({"train_X": X_4.float()}, InputDataError, "share one dtype"),
    "X-nan": ({"train_X": X_4 * torch.tensor([1.0, NAN])}, InputDataError, "finite train_X, got 4"),
    "X-inf": ({"train_X": X_4 / 0.0}, InputDataError, "finite train_X, got 8"),
    "Y-nan": ({"train_Y": Y_4 * torch.tensor([1.0, NAN])}, InputDataError, "missing='mask'"),
    "Y-inf": ({"train_Y": -Y_4 / 0.0}, InputDataError, "finite train_Y"),
    "Yvar-negative": ({"train_Yvar": -Y_4}, InputDataError, "non-negative"),
    "Yvar-nan": ({"train_Yvar": Y_4 * NAN}, InputDataError, "no NaN in train_Yvar"),
    "one-point": ({"train_X": X_4[:1], "train_Y": Y_4[:1, :1]}, InputDataError, "at least 2"),
    "Yvar-number": ({"train_Yvar": 0.1}, InputDataError, "train_Yvar to be a tensor, got float"),
    "input_transform": ({"input_transform": "a"}, UnsupportedError, "one of BoTorch, got 'a'"),
    "outcome_transform": ({"outcome_transform": Log}, UnsupportedError, "outcome_transform to be"),
    "seed": ({"seed": "a"}, UnsupportedError, "whole number for seed, got 'a'"),
    "half a restart": ({"num_restarts": 1.5}, UnsupportedError, "for num_restarts, got 1.5"),
    "missing": ({"missing": "drop"}, UnsupportedError, "'raise' or 'mask', got 'drop'"),
    "restarts": ({"num_restarts": 0}, UnsupportedError, "num_restarts of at least 1, got 0"),
    "centers": ({"num_centers": 0}, UnsupportedError, "num_centers of at least 1, got 0"),
    "output_tasks-wide": ({"output_tasks": [0]}, UnsupportedError, "need a task_feature"),
    "all_tasks-wide": ({"all_tasks": [0, 1]}, UnsupportedError, "need a task_feature"),
    "task_feature": ({**LONG, "task_feature": 2}, UnsupportedError, "between -2 and 1, got 2"),
    "task_feature-name": ({**LONG, "task_feature": "a"}, UnsupportedError, "task_feature, got 'a'"),
    "task_feature-list": ({**LONG, "task_feature": [1]}, UnsupportedError, r"feature, got .1"),
    "output_tasks-half": ({**LONG, "output_tasks": [0.5]}, UnsupportedError, "output_tasks, got 0"),
    "output_tasks-text": ({**LONG, "output_tasks": "0"}, UnsupportedError, "output_tasks, got '0'"),
    "long-Y": ({**LONG, "train_Y": Y_4}, BotorchTensorDimensionError, "n x 1 with a task_feature"),
    "only-tasks": (
        {**LONG, "train_X": LONG_X[:, 1:], "task_feature": 0},
        BotorchTensorDimensionError,
        "beside the task column",
    ),
    "fractions": ({**LONG, "task_feature": 0}, InputDataError, "whole numbers in the task column"),
    "all_tasks": ({**LONG, "all_tasks": [0, 1]}, UnsupportedError, r"every task in train_X, .0, 4"),
    "output_tasks": ({**LONG, "output_tasks": [1]}, UnsupportedError, r"among .0, 4., got .1"),
    "one number": ({**LONG, "all_tasks": 2}, UnsupportedError, "all_tasks as a list .* got 2"),
    "no-output": ({**LONG, "output_tasks": []}, UnsupportedError, r"among .0, 4., got \[\]"),
}


@EVERY_MODEL
@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_training_data_and_options_are_refused(make, change, error, message):
    with pytest.raises(error, match=message):
        make(**{"train_X": X_4, "train_Y": Y_4, **change})


@EVERY_MODEL
def test_posterior_before_the_fit_is_refused(make):
    with pytest.raises(ModelFittingError, match="call botorch_cll.fit.fit_rbf_ensemble"):
        make(X_4, Y_4).posterior(X_4)


@pytest.mark.parametrize("shape", [(2,), (4, 1), (4, 3), (2, 4, 3)], ids=str)
def test_posterior_of_wrong_width_is_refused(shape):
    with pytest.raises(BotorchTensorDimensionError, match=r"batch_shape x q x d with d in \[2\]"):
        fitted("linear_layer").posterior(torch.zeros(shape, dtype=torch.double))


def test_posterior_at_what_is_no_tensor_is_refused():
    model = fitted("linear_layer")
    with pytest.raises(InputDataError, match="X to be a tensor, got ndarray"):
        model.posterior(rand(3, 2).numpy())
    with pytest.raises(UnsupportedError, match="observation_noise to be a bool .* got 0.1"):
        model.posterior(rand(3, 2), observation_noise=0.1)
    with pytest.raises(InputDataError, match="Y to be a tensor, got list"):
        model.condition_on_observations(rand(1, 2), [[0.0, 1.0]])


def test_indices_and_tasks_may_be_numbers_of_any_library():
    model, X = fitted("linear_layer", 3), rand(5, 2, seed=3)
    for indices in (torch.tensor([0]), np.array([2, 0]), (1,)):
        some = moments(model, X, output_indices=indices)
        torch.testing.assert_close(some, moments(model, X)[..., list(indices)])
    for outputs in (np.array([4]), torch.tensor([4.0])):
        long = MultiRBFCorrelationModel(**LONG, output_tasks=outputs)
        assert long.output_tasks == [4]
    assert MultiRBFCorrelationModel(**{**LONG, "task_feature": 1.0}).tasks.feature == 1


def test_posterior_of_another_dtype_is_refused():
    with pytest.raises(InputDataError, match="X of dtype torch.float64, got torch.float32"):
        fitted("linear_layer").posterior(rand(3, 2).float())


def test_features_appended_at_prediction():
    X, at = rand(30, 3), rand(3, 2, seed=3)
    features = rand(4, 1, seed=4)
    model = fit(MultiRBFCorrelationModel, X, tasks(X), input_transform=AppendFeatures(features))
    plain = fit(MultiRBFCorrelationModel, X, tasks(X))
    everywhere = torch.cat([at.repeat_interleave(4, 0), features.repeat(3, 1)], dim=-1)
    posterior = model.posterior(at)
    assert posterior.mean.shape == (12, 2)
    torch.testing.assert_close(posterior.values, plain.posterior(everywhere).values)
    risk = CVaR(alpha=0.5, n_w=4, preprocessing_function=lambda Y: Y[..., 0])
    sampler = SobolQMCNormalSampler(torch.Size([8]), seed=0)
    acquisition = qLogExpectedImprovement(model, best_f=0.0, sampler=sampler, objective=risk)
    assert acquisition(at.unsqueeze(-2)).shape == (3,)
    # New observations are rows of all columns, as the training data are.
    conditioned = model.condition_on_observations(X[:2], tasks(X[:2]) + 0.1)
    expected = plain.condition_on_observations(X[:2], tasks(X[:2]) + 0.1)
    torch.testing.assert_close(moments(conditioned, at), moments(expected, everywhere))
    with pytest.raises(BotorchTensorDimensionError, match=r"d = 3 after .* got 4 from shape"):
        model.posterior(rand(3, 3))
    with pytest.raises(UnsupportedError, match="no AppendFeatures with a task_feature"):
        MultiRBFCorrelationModel(**LONG, input_transform=AppendFeatures(features))


def test_fantasies_are_not_perturbed():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    shift = torch.tensor([[0.0, 0.0], [0.05, -0.05]], dtype=torch.double)
    model = fit(MultiRBFCorrelationModel, X, Y, input_transform=InputPerturbation(shift))
    plain = fit(MultiRBFCorrelationModel, X, Y)
    at, new = rand(5, 2, seed=3), rand(2, 1, 2, seed=4)
    found, expected = (
        m.fantasize(new, SobolQMCNormalSampler(torch.Size([3]), seed=0)) for m in (model, plain)
    )
    perturbed = (at.unsqueeze(-2) + shift).flatten(0, 1)
    torch.testing.assert_close(moments(found, at), moments(expected, perturbed))


def test_an_input_transform_that_would_have_to_learn_is_warned_of():
    with pytest.warns(UserInputWarning, match="without parameters to learn, got a Warp"):
        MultiRBFCorrelationModel(X_4, Y_4, input_transform=Warp(d=2, indices=[0]))


def test_targets_that_vary_too_little_to_be_scaled_are_warned_of():
    Y = torch.cat([1e-9 * Y_4[:, :1], Y_4[:, 1:], torch.full((4, 1), 0.1).double()], dim=-1)
    with pytest.warns(InputDataWarning, match=r"tasks \[0\]: they are not scaled"):
        MultiRBFCorrelationModel(X_4, Y)


def test_input_transform_that_adds_training_rows_is_refused():
    shift = torch.zeros(2, 2, dtype=torch.double)
    transform = InputPerturbation(shift)
    transform.transform_on_train = True
    with pytest.raises(UnsupportedError, match="keeps the number of training rows, got 8"):
        MultiRBFCorrelationModel(X_4, Y_4, input_transform=transform)


@pytest.mark.parametrize(
    ("num_rows", "expected"), [(5, 40), (400, 40), (550, 55), (800, 80), (1_000_000, 80)]
)
def test_there_are_more_centers_where_there_are_many_rows(num_rows: int, expected: int) -> None:
    assert NETWORK.num_centers(num_rows) == expected

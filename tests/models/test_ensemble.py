"""What all surrogates promise: shapes, transforms, tasks, state, invariances, refusals."""

import copy
import functools
import io
import pickle

import numpy as np
import pytest
import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    UpperConfidenceBound,
    qExpectedImprovement,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
)
from botorch.acquisition.multi_objective import qLogExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.objective import (
    ExpectationPosteriorTransform,
    LinearMCObjective,
    ScalarizedPosteriorTransform,
)
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    ModelFittingError,
    UnsupportedError,
)
from botorch.models.transforms.input import (
    ChainedInputTransform,
    InputPerturbation,
    Log10,
    Normalize,
)
from botorch.models.transforms.outcome import ChainedOutcomeTransform, Log, Standardize
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions import NondominatedPartitioning

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.posteriors import MemberPosterior

NAN, INF = float("nan"), float("inf")

MODELS = {
    "linear_layer": MultiRBFCorrelationModel,
    "two_layers": functools.partial(MultiRBFCorrelationModel, correlation_layers=(4,)),
    "no_layer": functools.partial(MultiRBFCorrelationModel, correlation_layers=None),
    "single": SingleRBFModel,
    "regularized": RegularizedMultiTaskRBFModel,
}
EVERY_MODEL = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def tasks(X: torch.Tensor, num_tasks: int = 2) -> torch.Tensor:
    """Smooth, related targets on different scales."""
    base = torch.sin(4 * X[..., 0]) + X[..., 1] ** 2
    columns = [base, 50.0 - 20 * base + 5 * X[..., 0], -0.01 * base * X[..., 1]]
    return torch.stack(columns[:num_tasks], dim=-1)


def fit(make, X, Y, **options):
    return fit_rbf_ensemble(make(X, Y, **{"num_restarts": 6, "num_centers": 10, **options}))


@functools.cache
def fitted(name: str, num_tasks: int = 2):
    """A model that tests only look at."""
    X = rand(18, 2)
    return fit(MODELS[name], X, tasks(X, num_tasks))


def moments(model, X, **options) -> torch.Tensor:
    posterior = model.posterior(X, **options)
    return torch.stack([posterior.mean, posterior.variance])


def assert_sound(model, X, num_outputs: int | None = None) -> None:
    """Everything a user can look at is finite and has the right shape."""
    m = model.num_outputs if num_outputs is None else num_outputs
    for observation_noise in (False, True):
        posterior = model.posterior(X, observation_noise=observation_noise)
        assert posterior.mean.shape == posterior.variance.shape == (*X.shape[:-1], m)
        assert posterior.mean.isfinite().all()
        assert posterior.variance.isfinite().all()
        assert (posterior.variance >= 0).all()
        assert posterior.distribution.covariance_matrix.isfinite().all()
        assert SobolQMCNormalSampler(torch.Size([4]), seed=0)(posterior).isfinite().all()


# -- the posterior ---------------------------------------------------------------------------------


@EVERY_MODEL
@pytest.mark.parametrize("num_tasks", [1, 2, 3])
def test_posterior_shapes(make, num_tasks, request):
    model = fitted(request.node.callspec.id.split("-")[-1], num_tasks)
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
    with pytest.raises(UnsupportedError, match="output indices below 2, got"):
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


def test_expectation_over_perturbed_inputs():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    shift = torch.tensor([[0.0, 0.0], [0.05, -0.05]], dtype=torch.double)
    model = fit(MultiRBFCorrelationModel, X, Y, input_transform=InputPerturbation(shift))
    at = rand(5, 2, seed=3)
    # BUG: the transform has no `evaluate`; it works on the posterior alone.
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
    assert ((ratio > 0.4) & (ratio < 2.5)).all()


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


def test_observation_noise_goes_with_the_outputs_of_a_subset():
    model, X = fitted("linear_layer", 3), rand(5, 2, seed=3)
    subset = model.subset_output([2, 0])
    noise = 0.1 + rand(5, 2, seed=4)
    added = moments(subset, X, observation_noise=noise) - moments(subset, X)
    unit = tasks(rand(18, 2), 3).std(0).square()[[2, 0]]
    torch.testing.assert_close(added[1], noise * unit)


# -- transforms and invariances --------------------------------------------------------------------


@EVERY_MODEL
def test_units_of_inputs_and_targets_do_not_matter(make):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    at = rand(7, 2, seed=3)
    scale_X, shift_X = torch.tensor([100.0, 0.003]).double(), torch.tensor([-5.0, 2.0]).double()
    scale_Y, shift_Y = torch.tensor([-1e-4, 30.0]).double(), torch.tensor([3.0, 1e3]).double()
    plain = moments(fit(make, X, Y), at, observation_noise=True)
    model = fit(make, X * scale_X + shift_X, Y * scale_Y + shift_Y)
    found = moments(model, at * scale_X + shift_X, observation_noise=True)
    torch.testing.assert_close(found[0], plain[0] * scale_Y + shift_Y, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[1] / scale_Y.square(), plain[1], rtol=1e-5, atol=1e-9)


def test_targets_in_any_unit_get_an_honest_noise_without_outcome_transform():
    X = rand(60, 2)
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(60, 1, generator=generator, dtype=torch.double)
    Y = tasks(X)[:, :1] + noise
    for unit in (1.0, 100.0, 0.01):
        model = fit(MultiRBFCorrelationModel, X, unit * Y, outcome_transform=None)
        added = moments(model, X, observation_noise=True) - moments(model, X)
        ratio = added[1].mean() / unit**2 / 0.09
        # BUG: calibration looks for noise variances between 1e-4 and 3 only.
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
        MultiRBFCorrelationModel, X, Y.log(), outcome_transform=Standardize(m=2) if chained else None
    )
    expected = by_hand.posterior(at).values.exp()
    posterior = model.posterior(at)
    torch.testing.assert_close(posterior.values, expected)
    torch.testing.assert_close(posterior.mean, expected.mean(0))
    torch.testing.assert_close(posterior.variance, expected.var(0))
    noisy = model.posterior(at, observation_noise=True)
    assert (noisy.variance > posterior.variance).all()
    assert noisy.variance.isfinite().all()


def test_targets_that_a_transform_cannot_take_are_refused():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    Y[4, 0] = -1.0
    # BUG: the NaN that the logarithm makes of it passes for a missing observation.
    with pytest.raises(InputDataError, match="outcome"):
        MultiRBFCorrelationModel(X, Y, outcome_transform=Log())
    Y[4, 0] = 0.0
    with pytest.raises(InputDataError, match="outcome"):
        MultiRBFCorrelationModel(X, Y, outcome_transform=Log())


def test_inputs_that_a_transform_cannot_take_are_refused():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    X[3, 1] = -1.0
    # BUG: NaN among the transformed inputs reach the fit.
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


# -- odd data --------------------------------------------------------------------------------------


@EVERY_MODEL
@pytest.mark.parametrize("num_restarts", [1, 4])
@pytest.mark.parametrize(
    ("n", "num_tasks"), [(2, 1), (2, 2), (3, 2), (12, 1)], ids=lambda value: str(value)
)
def test_few_points(make, n, num_tasks, num_restarts):
    X = rand(n, 2)
    model = fit(make, X, tasks(X, num_tasks), num_restarts=num_restarts, num_centers=40)
    assert_sound(model, rand(3, 4, 2, seed=3))


@EVERY_MODEL
def test_one_member_is_certain_and_finite(make):
    X = rand(18, 2)
    model = fit(make, X, tasks(X), num_restarts=1)
    at = rand(3, 4, 2, seed=3)
    assert_sound(model, at)
    assert (model.posterior(at).variance == 0).all()
    assert (model.posterior(at, observation_noise=True).variance > 0).all()


@EVERY_MODEL
def test_constant_targets(make):
    X, Y = rand(12, 2), tasks(rand(12, 2))
    Y[:, 0] = 3.0
    model = fit(make, X, Y)
    assert_sound(model, rand(3, 4, 2, seed=3))
    mean = model.posterior(X).mean[:, 0]
    torch.testing.assert_close(mean, torch.full_like(mean, 3.0), atol=1e-3, rtol=0.0)


@EVERY_MODEL
def test_constant_inputs(make):
    X = rand(12, 2)
    X[:, 1] = 0.5
    assert_sound(fit(make, X, tasks(X)), rand(3, 4, 2, seed=3))


@EVERY_MODEL
def test_repeated_points(make):
    X = rand(6, 2).repeat(3, 1)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(18, 2, generator=generator, dtype=torch.double)
    Y = tasks(X) + noise * torch.tensor([0.1, 2.0], dtype=torch.double)
    model = fit(make, X, Y)
    assert_sound(model, rand(3, 4, 2, seed=3))
    error = model.posterior(X).mean - tasks(X)
    assert (error.square().mean(0).sqrt() < tasks(X).std(0)).all()


def test_all_points_the_same():
    X = torch.full((5, 2), 0.3, dtype=torch.double)
    Y = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]], dtype=torch.double)
    model = fit(MultiRBFCorrelationModel, X, Y)
    assert_sound(model, X)
    assert model.posterior(X).mean.mean().item() == pytest.approx(3.0, abs=1.0)


@EVERY_MODEL
@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_masked_task(make, count, noisy):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    Y[count:, 1] = NAN
    # BUG: with variances and a task without observations the row weights are NaN.
    options = {"train_Yvar": 0.01 + rand(18, 2, seed=4)} if noisy else {}
    model = fit(make, X, Y, missing="mask", **options)
    assert_sound(model, rand(3, 4, 2, seed=3))


@pytest.mark.parametrize("count", [0, 1])
def test_next_to_nothing_is_known_of_a_task_with_next_to_no_data(count):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    Y[:, 1] = Y[:, 0]
    Y[count:, 1] = NAN
    model = fit(MultiRBFCorrelationModel, X, Y, missing="mask", outcome_transform=None)
    variance = model.posterior(rand(50, 2, seed=3), observation_noise=True).variance.mean(0)
    # BUG: its members agree on a constant, and its noise is the smallest there is.
    assert variance[1] > variance[0]


def test_task_without_data_under_a_chained_transform():
    X, Y = rand(18, 2), tasks(rand(18, 2)).exp().clamp(1e-3, 1e3)
    Y[:, 1] = NAN
    transform = ChainedOutcomeTransform(a=Log(), b=Standardize(m=2))
    # BUG: the mean of no targets stays NaN inside a chain.
    model = fit(MultiRBFCorrelationModel, X, Y, missing="mask", outcome_transform=transform)
    assert_sound(model, rand(3, 4, 2, seed=3))


@EVERY_MODEL
def test_rows_without_any_target_equal_no_rows(make):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    Y[5:9] = NAN
    keep = ~Y[:, 0].isnan()
    at = rand(5, 2, seed=3)
    masked = fit(make, X, Y, missing="mask", num_centers=5)
    deleted = fit(make, X[keep], Y[keep], num_centers=5)
    assert torch.equal(moments(masked, at), moments(deleted, at))


@EVERY_MODEL
def test_float32(make):
    X = rand(18, 2)
    model, exact = fit(make, X.float(), tasks(X).float()), fit(make, X, tasks(X))
    at = rand(3, 7, 2, seed=3)
    assert_sound(model, at.float())
    posterior = model.posterior(at.float(), observation_noise=True)
    assert posterior.mean.dtype == posterior.variance.dtype == torch.float
    assert {p.dtype for p in model.parameters()} == {torch.float}
    error = (posterior.mean.double() - exact.posterior(at).mean) / tasks(X).std(0)
    assert error.square().mean().sqrt() < 0.2


def test_training_data_are_copied():
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    model = MultiRBFCorrelationModel(X, Y, num_restarts=6, num_centers=10)
    X.zero_()
    Y.zero_()
    expected = moments(fitted("linear_layer"), at)
    assert torch.equal(moments(fit_rbf_ensemble(model), at), expected)


def test_training_data_with_gradients():
    X, Y, at = rand(18, 2).requires_grad_(), tasks(rand(18, 2)).requires_grad_(), rand(5, 2, seed=3)
    model = fit(MultiRBFCorrelationModel, X, Y)
    assert torch.equal(moments(model, at), moments(fitted("linear_layer"), at))
    assert not moments(model, at).requires_grad


# -- known noise -----------------------------------------------------------------------------------


@EVERY_MODEL
def test_known_noise_is_returned_in_the_unit_of_the_targets(make):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    known = torch.tensor([0.02, 7.0], dtype=torch.double)
    model = fit(make, X, Y, train_Yvar=known.expand(18, 2))
    added = moments(model, at, observation_noise=True) - moments(model, at)
    torch.testing.assert_close(added[1], known.expand(5, 2))


@EVERY_MODEL
def test_noisy_rows_count_less(make):
    X, truth = rand(40, 2), tasks(rand(40, 2))
    bad = torch.arange(40) % 2 == 0
    generator = torch.Generator().manual_seed(0)
    noise = 2 * truth.std(0) * torch.randn(40, 2, generator=generator, dtype=torch.double)
    Y = truth + noise.where(bad.unsqueeze(-1), 0.0)
    Yvar = (4 * truth.var(0)).where(bad.unsqueeze(-1), 0.0)
    at = rand(200, 2, seed=3)

    def error(model):
        return ((model.posterior(at).mean - tasks(at)) / truth.std(0)).square().mean().sqrt()

    assert error(fit(make, X, Y, train_Yvar=Yvar)) < 0.7 * error(fit(make, X, Y))


@EVERY_MODEL
@pytest.mark.parametrize("kind", ["zero", "partly-unknown", "unknown"])
def test_noise_known_to_be_zero_or_not_known(make, kind):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    Yvar = torch.zeros(18, 2, dtype=torch.double)
    if kind == "partly-unknown":
        Yvar[:9] = NAN
        Yvar[:, 1] = NAN
    if kind == "unknown":
        Yvar[:] = NAN
    model = fit(make, X, Y, train_Yvar=Yvar, missing="mask")
    assert_sound(model, at)
    added = moments(model, at, observation_noise=True) - moments(model, at)
    if kind == "zero":
        assert (added[1] == 0).all()
    if kind == "unknown":
        plain = moments(fit(make, X, Y), at, observation_noise=True)
        torch.testing.assert_close(moments(model, at, observation_noise=True), plain)


# -- the long format -------------------------------------------------------------------------------


def long_form(X, Y, values, position: int = 2):
    """One row per observation, with the task's value in the given column."""
    row, task = (~Y.isnan()).nonzero(as_tuple=True)
    column = torch.tensor(values, dtype=X.dtype)[task].unsqueeze(-1)
    parts = [X[row][:, :position], column, X[row][:, position:]]
    return torch.cat(parts, dim=-1), Y[row, task].unsqueeze(-1)


@EVERY_MODEL
@pytest.mark.parametrize("unequal", [False, True], ids=["equal", "unequal"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_long_data_give_the_bits_of_wide_data(make, unequal, position):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    if unequal:
        Y[6:, 0] = Y[0, 1] = NAN
    long_X, long_Y = long_form(X, Y, [-3, 100], position)
    wide = fit(make, X, Y, missing="mask")
    for feature in (position, position - 3):
        long = fit(make, long_X, long_Y, task_feature=feature)
        assert long.num_outputs == 2
        at = rand(3, 5, 2, seed=3)
        expected = moments(wide, at, observation_noise=True)
        assert torch.equal(moments(long, at, observation_noise=True), expected)


def test_task_column_in_the_posterior_chooses_the_task_of_each_point():
    X, Y = rand(18, 2), tasks(rand(18, 2), 3)
    values = [7, -3, 100]
    model = fit(MultiRBFCorrelationModel, *long_form(X, Y, values), task_feature=-1)
    at, generator = rand(4, 5, 2, seed=3), torch.Generator().manual_seed(0)
    which = torch.randint(3, (4, 5), generator=generator)
    task = torch.tensor(values).sort().values.double()[which].unsqueeze(-1)
    for noisy in (False, True):
        whole = moments(model, at, observation_noise=noisy)
        one = moments(model, torch.cat([at, task], dim=-1), observation_noise=noisy)
        assert one.shape == (2, 4, 5, 1)
        torch.testing.assert_close(one, whole.gather(-1, which.expand(2, -1, -1).unsqueeze(-1)))
    # Outputs come in the order of the sorted task values.
    by_value = moments(model, torch.cat([X, torch.full((18, 1), 7.0).double()], dim=-1))[0]
    assert (by_value - Y[:, :1]).abs().mean() < 0.5 * Y[:, 0].std()


def test_points_of_different_tasks_are_correlated_as_the_members_say():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    model = fit(MultiRBFCorrelationModel, *long_form(X, Y, [0, 1]), task_feature=2)
    at = rand(2, 2, seed=3)
    whole = model.posterior(at).values
    posterior = model.posterior(torch.cat([at, torch.tensor([[0.0], [1.0]]).double()], dim=-1))
    expected = np.cov(whole[:, 0, 0].numpy(), whole[:, 1, 1].numpy())
    found = posterior.distribution.covariance_matrix.numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_output_tasks_choose_and_order():
    X, Y, at = rand(18, 2), tasks(rand(18, 2), 3), rand(5, 2, seed=3)
    X_long, Y_long = long_form(X, Y, [7, -3, 100])
    whole = fit(MultiRBFCorrelationModel, X_long, Y_long, task_feature=2)
    some = fit(MultiRBFCorrelationModel, X_long, Y_long, task_feature=2, output_tasks=[100, -3])
    assert some.num_outputs == 2
    assert some.num_tasks == 3
    torch.testing.assert_close(moments(some, at), moments(whole, at)[..., [2, 0]])


def test_task_without_long_data():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    long_X, long_Y = long_form(X, Y, [0, 5])
    model = fit(MultiRBFCorrelationModel, long_X, long_Y, task_feature=2, all_tasks=[5, 3, 0])
    assert model.num_outputs == 3
    assert_sound(model, rand(3, 4, 2, seed=3))
    with_task = torch.cat([rand(4, 2), torch.full((4, 1), 3.0).double()], dim=-1)
    assert_sound(model, with_task, num_outputs=1)


@pytest.mark.parametrize("own", [False, True], ids=["default", "own"])
def test_transforms_of_long_data(own):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    long_X, long_Y = long_form(X, Y, [0, 1])
    options = {"input_transform": Normalize(d=3, indices=[0, 1])}
    if own:
        options["outcome_transform"] = Standardize(m=1)
    model = fit(MultiRBFCorrelationModel, long_X, long_Y, task_feature=2, **options)
    assert_sound(model, at)
    error = (model.posterior(X).mean - Y).square().mean(0).sqrt()
    assert (error < torch.tensor([60.0, 0.5 * Y[:, 1].std()])).all()
    if not own:
        assert error[0] < 0.5 * Y[:, 0].std()


@pytest.mark.parametrize("task", [2.0, 0.5, -1.0, NAN])
def test_unknown_tasks_in_the_posterior_are_refused(task):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    model = fit(MultiRBFCorrelationModel, *long_form(X, Y, [0, 1]), task_feature=2)
    with pytest.raises(InputDataError, match=r"Expected tasks among \[0, 1\]"):
        model.posterior(torch.tensor([[0.5, 0.5, task]], dtype=torch.double))


# -- randomness and state --------------------------------------------------------------------------


@EVERY_MODEL
def test_seed_decides(make):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    first, again = fit(make, X, Y, seed=1), fit(make, X, Y, seed=1)
    other = fit(make, X, Y, seed=2)
    assert torch.equal(moments(first, at), moments(again, at))
    assert not torch.allclose(moments(first, at), moments(other, at))


@EVERY_MODEL
def test_global_random_state_is_neither_read_nor_changed(make):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    first = moments(fit(make, X, Y), at)
    assert torch.equal(torch.get_rng_state(), torch_state)
    for before, after in zip(numpy_state, np.random.get_state(), strict=True):  # noqa: NPY002
        assert np.array_equal(before, after)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        assert torch.equal(moments(fit(make, X, Y), at), first)


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


@EVERY_MODEL
def test_state_dict_restores_a_fitted_model(make, request):
    model, at = fitted(request.node.callspec.id), rand(5, 2, seed=3)
    X = rand(18, 2)
    fresh = make(X, tasks(X), num_restarts=6, num_centers=10, seed=5)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(moments(fresh, at), moments(model, at))


def test_state_dict_restores_a_model_of_fewer_centers_than_rows_allow():
    X, at = rand(12, 2), rand(5, 2, seed=3)
    # More centers than a restart has rows: the fit makes fewer than the constructor.
    model = fit(MultiRBFCorrelationModel, X, tasks(X), num_centers=40)
    fresh = MultiRBFCorrelationModel(X, tasks(X), num_restarts=6, num_centers=40)
    # BUG: the shapes differ.
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(moments(fresh, at), moments(model, at))


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
        "qEI": lambda: qExpectedImprovement(first, best_f=0.8, sampler=sampler),
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
        "qLogNEI-cached": lambda: qLogNoisyExpectedImprovement(
            model, baseline, sampler=sampler, objective=objective, cache_root=True
        ),
        "qLogEHVI": lambda: qLogExpectedHypervolumeImprovement(
            model, reference.tolist(), partitioning, sampler=sampler
        ),
        "qLogNEHVI": lambda: qLogNoisyExpectedHypervolumeImprovement(
            model, reference.tolist(), baseline, sampler=sampler, cache_root=False
        ),
        "qLogNEHVI-cached": lambda: qLogNoisyExpectedHypervolumeImprovement(
            model, reference.tolist(), baseline, sampler=sampler, cache_root=True
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
    sampled = qExpectedImprovement(first, best_f=best, sampler=sampler)(X)
    scale = first.posterior(X).variance.sqrt().max().item()
    torch.testing.assert_close(sampled, exact, atol=0.02 * scale, rtol=0.05)


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
    "one-point": ({"train_X": X_4[:1], "train_Y": Y_4[:1]}, InputDataError, "at least 2"),
    "missing": ({"missing": "drop"}, UnsupportedError, "'raise' or 'mask', got 'drop'"),
    "restarts": ({"num_restarts": 0}, UnsupportedError, "num_restarts of at least 1, got 0"),
    "centers": ({"num_centers": 0}, UnsupportedError, "num_centers of at least 1, got 0"),
    "output_tasks-wide": ({"output_tasks": [0]}, UnsupportedError, "need a task_feature"),
    "all_tasks-wide": ({"all_tasks": [0, 1]}, UnsupportedError, "need a task_feature"),
    "task_feature": ({**LONG, "task_feature": 2}, UnsupportedError, "between -2 and 1, got 2"),
    "long-Y": ({**LONG, "train_Y": Y_4}, BotorchTensorDimensionError, "n x 1 with a task_feature"),
    "only-tasks": (
        {**LONG, "train_X": LONG_X[:, 1:], "task_feature": 0},
        BotorchTensorDimensionError,
        "beside the task column",
    ),
    "fractions": ({**LONG, "task_feature": 0}, InputDataError, "whole numbers in the task column"),
    "all_tasks": ({**LONG, "all_tasks": [0, 1]}, UnsupportedError, r"every task in train_X, .0, 4"),
    "output_tasks": ({**LONG, "output_tasks": [1]}, UnsupportedError, r"among .0, 4., got .1"),
    "no-output": ({**LONG, "output_tasks": []}, UnsupportedError, r"among .0, 4., got ..$"),
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


def test_posterior_of_another_dtype_is_refused():
    with pytest.raises(InputDataError, match="X of dtype torch.float64, got torch.float32"):
        fitted("linear_layer").posterior(rand(3, 2).float())


def test_input_transform_that_adds_training_rows_is_refused():
    shift = torch.zeros(2, 2, dtype=torch.double)
    transform = InputPerturbation(shift)
    transform.transform_on_train = True
    with pytest.raises(UnsupportedError, match="keeps the number of training rows, got 8"):
        MultiRBFCorrelationModel(X_4, Y_4, input_transform=transform)

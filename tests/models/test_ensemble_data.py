"""All surrogates on odd data, with known noise and in the long format."""

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.models.transforms.input import (
    Normalize,
)
from botorch.models.transforms.outcome import (
    ChainedOutcomeTransform,
    Log,
    Standardize,
    StratifiedStandardize,
)

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
)

from support.ensembles import EVERY_MODEL, NAN, assert_sound, fit, fitted, moments, rand, tasks

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
    assert variance[1] > variance[0]


@pytest.mark.parametrize("unit", [0.01, 100.0])
@pytest.mark.parametrize("standardized", [False, True], ids=["no transform", "standardized"])
def test_a_task_without_data_is_on_the_scale_of_the_others_on_either_side(standardized, unit):
    X, Y = rand(18, 2), unit * tasks(rand(18, 2))
    Y[:, 1] = NAN
    options = {} if standardized else {"outcome_transform": None}
    model = fit(MultiRBFCorrelationModel, X, Y, missing="mask", num_restarts=32, **options)
    posterior = model.posterior(rand(9, 2, seed=3))
    mean, std = (v[:, 1] / Y[:, 0].std() for v in (posterior.mean, posterior.variance.sqrt()))
    middle = Y[:, 0].mean() / Y[:, 0].std() if standardized else 0.0
    torch.testing.assert_close(mean, torch.zeros_like(mean) + middle)
    assert ((std > 0.5) & (std < 2.0)).all()


def test_task_without_data_under_a_chained_transform():
    X, Y = rand(18, 2), tasks(rand(18, 2)).exp().clamp(1e-3, 1e3)
    Y[:, 1] = NAN
    transform = ChainedOutcomeTransform(a=Log(), b=Standardize(m=2))
    model = fit(MultiRBFCorrelationModel, X, Y, missing="mask", outcome_transform=transform)
    assert_sound(model, rand(3, 4, 2, seed=3))
    assert (model.posterior(rand(4, 2, seed=3)).variance > 0).all()


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
    # Another ensemble, as random numbers depend on the dtype, but not a worse one.
    truth, scale = tasks(at), tasks(X).std(0)
    error = ((posterior.mean.double() - truth) / scale).square().mean().sqrt()
    expected = ((exact.posterior(at).mean - truth) / scale).square().mean().sqrt()
    assert error < 2 * expected + 0.1


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

    assert error(fit(make, X, Y, train_Yvar=Yvar)) < 0.85 * error(fit(make, X, Y))


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


@EVERY_MODEL
@pytest.mark.parametrize("num_points", [1, 2])
def test_an_observation_of_each_of_two_tasks_will_do(make, num_points):
    X, Y, at = rand(num_points, 2), torch.tensor([[1.0, 2.0]]).double(), rand(5, 2, seed=3)
    if num_points == 2:
        Y = torch.tensor([[1.0, NAN], [NAN, 2.0]]).double()
    wide = fit(make, X, Y, missing="mask")
    assert_sound(wide, at)
    long = fit(make, *long_form(X, Y, [0, 1]), task_feature=2)
    assert torch.equal(moments(long, at), moments(wide, at))


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


def test_a_tensor_of_noise_is_that_of_points_of_any_task():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    model = fit(
        MultiRBFCorrelationModel, *long_form(X, Y, [0, 1]), task_feature=2, output_tasks=[0]
    )
    at = torch.cat([rand(4, 2, seed=3), torch.tensor([[0.0], [1.0], [1.0], [0.0]])], dim=-1)
    noise = 0.1 + rand(4, 1, seed=4)
    added = moments(model, at, observation_noise=noise) - moments(model, at)
    unit = Y.var(0)[[0, 1, 1, 0]].unsqueeze(-1)
    torch.testing.assert_close(added[1], noise * unit)
    with pytest.raises(BotorchTensorDimensionError, match="observation_noise with 1 col"):
        model.posterior(at, observation_noise=rand(4, 2))


def test_points_of_different_tasks_are_correlated_as_the_members_say():
    X, Y = rand(18, 2), tasks(rand(18, 2))
    model = fit(MultiRBFCorrelationModel, *long_form(X, Y, [0, 1]), task_feature=2)
    at = rand(2, 2, seed=3)
    whole = model.posterior(at).values
    posterior = model.posterior(torch.cat([at, torch.tensor([[0.0], [1.0]]).double()], dim=-1))
    expected = np.cov(whole[:, 0, 0].numpy(), whole[:, 1, 1].numpy())
    found = posterior.distribution.covariance_matrix.numpy()
    np.testing.assert_allclose(found, expected, atol=3e-6 * expected.diagonal().mean())


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


def test_a_transform_of_long_data_that_standardizes_each_task_is_the_default():
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=3)
    Y[:5, 0] = NAN
    data = long_form(X, Y, [0, 1])
    transform = StratifiedStandardize(stratification_idx=2, all_task_values=torch.tensor([0, 1]))
    model, default = (
        fit(MultiRBFCorrelationModel, *data, task_feature=2, **options)
        for options in ({"outcome_transform": transform}, {})
    )
    for noisy in (False, True):
        expected = moments(default, at, observation_noise=noisy)
        torch.testing.assert_close(moments(model, at, observation_noise=noisy), expected)
    new_Y = tasks(at) + 1.0
    expected = moments(default.condition_on_observations(at, new_Y), at)
    torch.testing.assert_close(moments(model.condition_on_observations(at, new_Y), at), expected)


@pytest.mark.parametrize("task", [2.0, 0.5, -1.0, NAN])
def test_unknown_tasks_in_the_posterior_are_refused(task):
    X, Y = rand(18, 2), tasks(rand(18, 2))
    model = fit(MultiRBFCorrelationModel, *long_form(X, Y, [0, 1]), task_feature=2)
    with pytest.raises(InputDataError, match=r"Expected tasks among \[0, 1\]"):
        model.posterior(torch.tensor([[0.5, 0.5, task]], dtype=torch.double))

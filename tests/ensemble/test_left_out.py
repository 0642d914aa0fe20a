"""Leave-one-out predictions that cost no further fit."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.models.transforms import Log

from botorch_cll.ensemble.fitted import FittedEnsemble, LeftOutRows
from botorch_cll.fit import TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.settings import SearchSettings

from support.ensembles import EVERY_MODEL, MODELS, NAN, fit, rand, tasks


@EVERY_MODEL
def test_errors_are_those_of_data_not_seen(make):
    X, at = rand(60, 2), rand(400, 2, seed=9)
    noise = 0.2 * torch.randn(60, 2, generator=torch.Generator().manual_seed(1)).double()
    Y = (tasks(X) - tasks(at).mean(0)) / tasks(at).std(0)
    truth = (tasks(at) - tasks(at).mean(0)) / tasks(at).std(0)
    model = fit(make, X, Y + noise, num_restarts=24)
    left_out = model.loo()
    error = (left_out.mean - Y - noise).square().mean(0).sqrt()
    elsewhere = ((model.posterior(at).mean - truth).square().mean(0) + 0.04).sqrt()
    fitted = (model.posterior(X).mean - Y - noise).square().mean(0).sqrt()
    assert (error / elsewhere < 1.5).all()
    assert (elsewhere / error < 1.5).all()
    assert (fitted < error).all()
    z = (left_out.mean - Y - noise) / left_out.variance.sqrt()
    assert 0.85 < (z.abs() < 1.96).double().mean() < 1.0


@EVERY_MODEL
def test_a_target_has_no_say_in_its_own_prediction(make):
    X = rand(30, 2)
    model = fit(make, X, tasks(X), num_restarts=24)
    rows, members = torch.tensor([7]), model.fitted.members

    def solve():
        solution = members.solve(model.coupling, model.data)
        return solution.weight, members.out_of_sample(model.data, rows, solution)[0]

    weight, before = solve()
    # So far off that every member that sees it follows; centers and widths stay as they are.
    model._rows_Y[7, 0] += 100.0
    other_weight, after = solve()
    torch.testing.assert_close(after[:, 0], before[:, 0], rtol=1e-6, atol=1e-6)
    moved = (other_weight - weight).abs().amax((-2, -1))[:, 0] > 1e-3
    assert torch.equal(moved, members.bags[:, 0, 7])


@pytest.mark.parametrize("transform", ["standardize", "log", "none"])
def test_order_scale_and_shape_are_those_of_the_targets(transform):
    X = rand(40, 2)
    Y = 100.0 + 10.0 * tasks(X)
    Y[3, 0] = Y[5:9, 1] = NAN
    options = {} if transform == "standardize" else {"outcome_transform": None}
    if transform == "log":
        options = {"outcome_transform": Log()}
    model = fit(MultiRBFCorrelationModel, X, Y, missing="mask", num_restarts=20, **options)
    left_out = model.loo()
    assert torch.equal(left_out.mean.isnan(), Y.isnan())
    assert torch.equal(left_out.variance.isnan(), Y.isnan())
    error = (left_out.mean - Y).abs().nanmean(0) / (Y - Y.nanmean(0)).abs().nanmean(0)
    assert (error < 0.5).all()
    order = rand(40, seed=4).argsort()
    shuffled = fit(
        MultiRBFCorrelationModel, X[order], Y[order], missing="mask", num_restarts=20, **options
    )
    torch.testing.assert_close(shuffled.loo().mean, left_out.mean[order], equal_nan=True)


def test_long_data_get_one_column():
    X, Y = rand(15, 2), tasks(rand(15, 2))
    column = torch.tensor([0.0, 1.0]).double().repeat_interleave(15).unsqueeze(-1)
    long_X = torch.cat([X.repeat(2, 1), column], dim=-1)
    wide = fit(MultiRBFCorrelationModel, X, Y).loo()
    long = fit(MultiRBFCorrelationModel, long_X, Y.T.reshape(-1, 1), task_feature=2).loo()
    torch.testing.assert_close(long.mean, wide.mean.T.reshape(-1, 1))
    torch.testing.assert_close(long.variance, wide.variance.T.reshape(-1, 1))
    some = fit(MultiRBFCorrelationModel, X, Y).subset_output([1]).loo()
    torch.testing.assert_close(some.mean, wide.mean[:, [1]])


@pytest.mark.parametrize("name", ["no_layer", "linear_layer"])
def test_rows_beyond_those_calibrated_on_are_predicted_too(name):
    X, Y = rand(80, 2), tasks(rand(80, 2))
    if name == "linear_layer":
        # What members believe of a task without data reaches the other one.
        Y[:, 1] = NAN
    model = MODELS[name](X, Y, missing="mask", num_restarts=20, num_centers=10)
    fit_rbf_ensemble(model, options=TwoStageOptions(search=SearchSettings(max_honest_rows=30)))
    if name == "linear_layer":
        model.fitted.layer.weights[0].data[:, 0, 1] = 1.0
    assert model.fitted.left_out.shape[-1] == 30
    left_out = model.loo()
    assert left_out.mean[:, 0].isfinite().all()
    order = model._row.view(80, -1)[:, 0]
    row = (~torch.isin(order, model.fitted.left_out_rows)).nonzero()[0].item()
    unseen = ~model.fitted.members.bags[:, 0, order[row]]
    scale, offset = model.outcome_transform.stdvs[0, 0], model.outcome_transform.means[0, 0]
    raw = model.fitted.outputs(model._to_unit_cube(X))[0][unseen, row, 0]
    assert left_out.mean[row, 0].item() == pytest.approx((offset + scale * raw.mean()).item())


@pytest.mark.parametrize("name", ["no_layer", "regularized"])
def test_no_row_is_predicted_by_members_that_saw_it(name):
    X = rand(40, 2)
    noise = torch.randn(40, 2, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    # Two members see nearly all rows between them: none is left to two that have not.
    options = TwoStageOptions(sample_fraction=0.9, num_rounds=1)
    whole = fit_rbf_ensemble(MODELS[name](X, noise, num_restarts=2), options=options).loo()
    options = replace(options, search=SearchSettings(max_honest_rows=10))
    model = fit_rbf_ensemble(MODELS[name](X, noise, num_restarts=2), options=options)
    assert model.fitted.left_out.shape[-1] == 10
    part = model.loo()
    # Targets of pure noise cannot be predicted.
    assert ((part.mean - noise).square().mean(0) > 0.8 * noise.var(0)).all()
    if name == "no_layer":
        torch.testing.assert_close(part.mean, whole.mean)


def test_known_noise_is_part_of_the_variance():
    X = rand(30, 2)
    Yvar = torch.full((30, 2), 0.01).double()
    Yvar[4, 0] = 25.0
    Yvar[5, 0] = NAN
    model = fit(MODELS["no_layer"], X, tasks(X), train_Yvar=Yvar, missing="mask")
    left_out = model.loo()
    assert 25.0 <= left_out.variance[4, 0] < 26.0
    assert math.isclose(left_out.variance[6:, 0].min().item(), 0.01, abs_tol=0.5)
    # Where it is not known it is the task's own.
    unknown = model.noise[0] * model.outcome_transform.stdvs[0, 0] ** 2
    assert unknown < left_out.variance[5, 0] < unknown + 1.0


def test_rows_that_all_members_saw_pass_through_the_layer():
    X = rand(24, 2)
    model = fit(MODELS["linear_layer"], X, tasks(X))
    fitted = model.fitted
    none = LeftOutRows(fitted.left_out_rows[:0], fitted.left_out[..., :0])
    model.hold(
        FittedEnsemble(fitted.coupling, fitted.members, fitted.layer, fitted.calibration, none)
    )
    before = model.loo().mean
    # A layer that adds one standard deviation to all that goes through it.
    model.fitted.layer.biases[-1].data += 1.0
    after = model.loo().mean
    torch.testing.assert_close(after - before, model.outcome_transform.stdvs.expand(24, 2))


def test_a_state_from_other_data_has_none():
    model = fit(MultiRBFCorrelationModel, rand(20, 2), tasks(rand(20, 2)))
    same = MultiRBFCorrelationModel(model.train_X, model.train_Y, num_restarts=6, num_centers=10)
    same.load_state_dict(model.state_dict())
    assert torch.equal(same.loo().mean, model.loo().mean)
    single = MultiRBFCorrelationModel(
        model.train_X.float(), model.train_Y.float(), num_restarts=6, num_centers=10
    )
    single.load_state_dict(model.state_dict())
    torch.testing.assert_close(single.loo().mean.double(), model.loo().mean, rtol=1e-3, atol=1e-3)
    gap = model.train_Y.clone()
    gap[3, 0] = NAN
    for X, Y in (
        (rand(9, 2), rand(9, 2)),
        (rand(20, 2, seed=1), model.train_Y),
        (model.train_X, gap),
        (model.train_X, model.train_Y + 1.0),
    ):
        other = MultiRBFCorrelationModel(X, Y, num_restarts=6, num_centers=10, missing="mask")
        other.load_state_dict(model.state_dict())
        assert torch.equal(other.posterior(rand(3, 2)).mean, model.posterior(rand(3, 2)).mean)
        with pytest.raises(ModelFittingError, match="other data"):
            other.loo()
        with pytest.raises(ModelFittingError, match="other data"):
            other.condition_on_observations(rand(1, 2), rand(1, 2))
    # Back to its own state, it knows its own rows.
    fit_rbf_ensemble(other)
    own, expected = copy.deepcopy(other.state_dict()), other.loo().mean
    other.load_state_dict(model.state_dict())
    other.load_state_dict(own)
    assert torch.equal(other.loo().mean, expected)
    # A state that does not say which rows it was fitted to may be of any.
    del own["rows_fingerprint"]
    other.load_state_dict(own)
    with pytest.raises(ModelFittingError, match="other data"):
        other.loo()

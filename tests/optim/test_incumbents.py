import pytest
import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import best_by_task, expected_best_by_task, optimize_acqf_any_task
from botorch_cll.optim.incumbents import check_model_and_incumbents, task_units

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


def test_best_by_task() -> None:
    X = torch.arange(6.0).view(3, 2)
    Y = torch.tensor([[1.0, torch.nan], [3.0, 0.0], [2.0, -1.0]])
    best = best_by_task(X, Y)
    torch.testing.assert_close(best.Y, torch.tensor([3.0, 0.0]))
    torch.testing.assert_close(best.X, X[[1, 1]])
    least = best_by_task(X, Y, maximize=False)
    assert least.row.tolist() == [0, 2]
    assert best_by_task(X, torch.full((3, 1), torch.nan)).Y.isnan().all()
    with pytest.raises(BotorchTensorDimensionError, match=r"got \(3, 2\) and \(2, 1\)"):
        best_by_task(X, Y[:2, :1])


@pytest.mark.parametrize("maximize", [True, False])
def test_expected_best_is_a_mean_where_the_task_was_observed(
    model: MultiRBFCorrelationModel, maximize: bool
) -> None:
    Y = model.train_Y.clone()
    Y[:20, 1] = torch.nan
    Y[:, 2] = torch.nan
    mean = model.posterior(model.train_X).mean
    if not maximize:
        mean = -mean
    best = expected_best_by_task(model, model.train_X, Y, maximize)
    expected = torch.stack([mean[:, 0].max(), mean[20:, 1].max()])
    torch.testing.assert_close(best[:2], expected if maximize else -expected)
    assert best[2].isnan()
    for wrong in (Y[:5], Y[:, :1]):
        with pytest.raises(BotorchTensorDimensionError, match=r"Expected Y of shape \(25, 3\)"):
            expected_best_by_task(model, model.train_X, wrong, maximize)


def test_default_incumbents_of_some_outputs_are_those_where_these_were_observed() -> None:
    generator = torch.Generator().manual_seed(5)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(20, 2, generator=generator).double()
    # The second task is worst where it was observed.
    Y = torch.stack([X[:, 1].sin(), X[:, 0] + X[:, 1]], dim=-1)
    Y[:, 1] = Y[:, 1].where(X[:, 1] < -0.5, torch.nan)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, missing="mask")).subset_output([1])
    best_f = expected_best_by_task(model, X, Y[:, 1:])
    assert best_f < model.posterior(X).mean.max() - 0.1
    expected = optimize_acqf_any_task(model, BOUNDS, 1, best_f)
    torch.testing.assert_close(optimize_acqf_any_task(model, BOUNDS, 1), expected)


def test_expected_best_is_no_lucky_observation() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(60, 2, dtype=torch.double, generator=generator)
    noise = torch.randn(60, 1, dtype=torch.double, generator=generator)
    truth = -(X - 0.5).square().sum(-1, keepdim=True)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, truth + noise))
    best = expected_best_by_task(model, X, truth + noise)
    assert best.item() == pytest.approx(0.0, abs=0.7)
    assert (truth + noise).max() > 1.5


def test_units_are_those_of_the_means_and_one_where_nothing_varies() -> None:
    generator = torch.Generator().manual_seed(3)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(15, 2, generator=generator).double()
    Y = torch.stack([100.0 * X[:, 0], torch.full((15,), 3.0).double()], dim=-1)
    units = task_units(fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y)), BOUNDS)
    assert units[0].item() == pytest.approx(100.0 / 12**0.5, rel=0.1)
    assert units[1] == 1.0


def test_incumbents_of_long_data_are_those_of_the_same_data_in_the_wide_format() -> None:
    generator = torch.Generator().manual_seed(4)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(15, 2, generator=generator).double()
    Y = torch.stack([X[:, 0].sin(), X[:, 0] - X[:, 1] ** 2], dim=-1)
    wide = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y))
    task = torch.tensor([0.0, 1.0]).double().repeat_interleave(15).unsqueeze(-1)
    long_X, long_Y = torch.cat([X.repeat(2, 1), task], dim=-1), Y.T.reshape(-1, 1)
    long = fit_rbf_ensemble(MultiRBFCorrelationModel(long_X, long_Y, task_feature=-1))
    expected = expected_best_by_task(wide, X, Y)
    torch.testing.assert_close(expected_best_by_task(long, long_X, long_Y), expected)
    torch.testing.assert_close(expected_best_by_task(long, X, Y), expected)
    one = optimize_acqf_any_task(wide, BOUNDS, 1)
    other = optimize_acqf_any_task(long, BOUNDS, 1)
    torch.testing.assert_close(one, other)


def test_bounds_and_incumbents_that_do_not_suit_a_model_are_refused(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = model.train_Y.amax(0)
    for bounds, given, error, match in (
        (BOUNDS, best_f[:2], BotorchTensorDimensionError, "one entry for each of 3 outputs"),
        (BOUNDS, best_f.tolist(), InputDataError, "best_f as a tensor, got list"),
        (BOUNDS[:, :1], best_f, BotorchTensorDimensionError, r"2 inputs, 2 x 2, got \(2, 1\)"),
        (BOUNDS.float(), best_f, InputDataError, r"dtype, torch.float64, got torch.float32"),
        (BOUNDS.long(), best_f, InputDataError, "floating-point numbers, got torch.int64"),
        (BOUNDS.tolist(), best_f, InputDataError, "floating-point numbers, got list"),
    ):
        with pytest.raises(error, match=match):
            check_model_and_incumbents(model, bounds, given, True)
    assert model.train_X.dtype == torch.float64


def test_models_that_do_not_know_their_incumbents_need_them(
    model: MultiRBFCorrelationModel,
) -> None:
    gp = SingleTaskGP(model.train_X, model.train_Y, input_transform=Normalize(2))
    with pytest.raises(UnsupportedError, match="Expected best_f for a model .*SingleTaskGP"):
        optimize_acqf_any_task(gp, BOUNDS, 1)
    conditioned = model.condition_on_observations(model.train_X[:1] + 0.1, model.train_Y[:1])
    with pytest.raises(UnsupportedError, match="got one conditioned on further observations"):
        optimize_acqf_any_task(conditioned, BOUNDS, 1)
    best_f = model.train_Y.amax(0)
    assert optimize_acqf_any_task(conditioned, BOUNDS, 1, best_f)[0].shape == (1, 2)

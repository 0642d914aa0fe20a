"""The paper's baselines: tasks on their own, and tasks with weights pulled together."""

import math

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import UnsupportedError

from botorch_cll.couplings import NormalEquations, SharedWeights
from botorch_cll.fit import GradientOptions, TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models import RegularizedMultiTaskRBFModel, SingleRBFModel

NAN = float("nan")
ALL_ROWS = TwoStageOptions(sample_fraction=1.0)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def two_tasks(X: torch.Tensor) -> torch.Tensor:
    base = torch.sin(4 * X[:, 0]) + X[:, 1] ** 2
    return torch.stack([base, base + 1.5 * X[:, 0] - 0.5], dim=-1)


def fit(model_class, X, Y, fit_options=None, **options):
    options = {"num_restarts": 6, "num_centers": 8, **options}
    return fit_rbf_ensemble(model_class(X, Y, **options), options=fit_options)


# -- Single-RBF ------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True], ids=["complete", "masked"])
def test_single_rbf_learns_nothing_from_the_other_task(masked):
    X, at = rand(30, 2), rand(5, 2, seed=3)
    Y = two_tasks(X)
    if masked:
        Y[:15, 0] = Y[15:, 1] = NAN
    first = fit(SingleRBFModel, X, Y, missing="mask").posterior(at)
    for seed in range(4):
        other = Y.clone()
        other[:, 1] = rand(30, seed=seed).where(~Y[:, 1].isnan(), NAN)
        second = fit(SingleRBFModel, X, other, missing="mask").posterior(at)
        torch.testing.assert_close(first.mean[:, 0], second.mean[:, 0])
        torch.testing.assert_close(first.variance[:, 0], second.variance[:, 0])


def test_single_rbf_has_centers_where_a_task_was_observed():
    X, Y = rand(40, 2), two_tasks(rand(40, 2))
    left = X[:, 0] < 0.5
    Y[left, 1] = Y[~left, 0] = NAN
    model = fit(SingleRBFModel, X, Y, missing="mask")
    low, high = X.amin(0), X.amax(0)
    centers = low + (high - low) * model.fitted.members.network.centers
    assert (centers[:, 0, :, 0] < 0.5).all()
    assert (centers[:, 1, :, 0] >= 0.5).all()


# -- RMLA ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True], ids=["complete", "masked"])
@pytest.mark.parametrize(("lambda_1", "lambda_2"), [(0.3, 0.05), (10.0, 1e-3), (1e-2, 2.0)])
def test_regularized_weights_minimise_the_documented_objective(lambda_1, lambda_2, masked):
    X, Y = rand(25, 2), two_tasks(rand(25, 2))
    if masked:
        Y[:10, 0] = Y[20:, 1] = NAN
    model = fit(
        RegularizedMultiTaskRBFModel,
        X,
        Y,
        ALL_ROWS,
        lambda_1=lambda_1,
        lambda_2=lambda_2,
        missing="mask",
        outcome_transform=None,
    )
    data, network = model.data, model.fitted.members.network
    assert torch.equal(network.centers[:, 0], network.centers[:, 1])
    assert torch.equal(network.log_length_scale[:, 0], network.log_length_scale[:, 1])
    for s in range(6):
        phi = network.features(data.X)[s, 0].numpy()
        weight = network.weight[s].numpy()
        # Columns of the tail that a restart does without have no weight.
        used = np.abs(weight).max(0) > 1e-6
        assert used[:9].all()
        P = int(used.sum())
        rows, targets = [], []
        for t in range(2):
            seen = data.observed[:, t].numpy()
            block = np.zeros((seen.sum(), 3 * P))
            block[:, :P] = block[:, (t + 1) * P : (t + 2) * P] = phi[seen][:, used]
            rows.append(block)
            targets.append(data.Y[seen, t].numpy())
        A, y = np.vstack(rows), np.concatenate(targets)
        penalty = np.concatenate([np.full(P, lambda_2), np.full(2 * P, lambda_1 / 2)])
        flat = np.linalg.solve(A.T @ A + np.diag(penalty), A.T @ y).reshape(3, P)
        np.testing.assert_allclose(weight[:, used], flat[0] + flat[1:], rtol=1e-3, atol=1e-4)


def test_a_heavy_own_penalty_pools_the_tasks():
    X, Y, at = rand(30, 2), two_tasks(rand(30, 2)), rand(50, 2, seed=3)
    options = {"lambda_2": 1e-2, "outcome_transform": None}
    model = fit(RegularizedMultiTaskRBFModel, X, Y, lambda_1=1e7, **options)
    mean = model.posterior(at).mean
    torch.testing.assert_close(mean[:, 0], mean[:, 1], atol=1e-4, rtol=0.0)
    # Both predict the average of the tasks, not one of them.
    average = two_tasks(at).mean(-1)
    assert (mean[:, 0] - average).square().mean().sqrt() < 0.3 * average.std()


def test_a_task_without_data_has_the_shared_weights():
    X, Y, at = rand(30, 2), two_tasks(rand(30, 2)), rand(50, 2, seed=3)
    Y[:, 1] = NAN
    options = {"lambda_1": 0.1, "lambda_2": 1e-2, "outcome_transform": None}
    model = fit(RegularizedMultiTaskRBFModel, X, Y, ALL_ROWS, missing="mask", **options)
    # The minimum has `v_2 = 0` and, from the first task alone, `v_1 = w_0 T lambda_2 / lambda_1`.
    first, second = model.posterior(at).mean.unbind(-1)
    torch.testing.assert_close(first, 1.2 * second, atol=1e-5, rtol=0.0)


def test_a_heavy_shared_penalty_separates_the_tasks():
    X, at = rand(30, 2), rand(50, 2, seed=3)
    first, second = two_tasks(X), two_tasks(X)
    second[:, 1] = rand(30, seed=5)
    options = {"lambda_1": 0.02, "outcome_transform": None}

    def weights(Y: torch.Tensor, lambda_2: float) -> torch.Tensor:
        phi = rand(20, 6, seed=6)
        equations = NormalEquations(
            gram=(phi.T @ phi).expand(2, -1, -1),
            moment=(phi.T @ Y[:20]).T.unsqueeze(-1),
            ridge=torch.ones(2, 2, dtype=torch.double),
            included=torch.ones(2, 6, dtype=torch.bool),
            num_tail=5,
        )
        return SharedWeights(lambda_1=0.02, lambda_2=lambda_2).solve(equations).weight[0]

    torch.testing.assert_close(weights(first, 1e9), weights(second, 1e9), atol=1e-6, rtol=0.0)
    assert (weights(first, 1e-2) - weights(second, 1e-2)).abs().max() > 1e-3
    mean = fit(RegularizedMultiTaskRBFModel, X, first, lambda_2=1e7, **options).posterior(at).mean
    truth = two_tasks(at)
    assert ((mean - truth).square().mean(0).sqrt() < 0.3 * truth.std(0)).all()


def test_penalties_left_open_are_chosen():
    X, at = rand(40, 2), rand(100, 2, seed=3)
    related = two_tasks(X)
    model = fit(RegularizedMultiTaskRBFModel, X, related, num_centers=20)
    error = (model.posterior(at).mean - two_tasks(at)).square().mean(0).sqrt()
    assert (error < 0.3 * two_tasks(at).std(0)).all()
    assert model.coupling == SharedWeights()


@pytest.mark.parametrize("name", ["lambda_1", "lambda_2"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, NAN])
def test_penalties_have_to_be_positive(name, value):
    with pytest.raises(UnsupportedError, match=f"{name} to be positive and finite, got"):
        RegularizedMultiTaskRBFModel(rand(5, 2), rand(5, 2), **{name: value})


def test_gradient_fit_does_not_know_the_penalties():
    model = RegularizedMultiTaskRBFModel(rand(8, 2), rand(8, 2), lambda_1=1e7, num_restarts=2)
    with pytest.raises(UnsupportedError, match="gradient"):
        fit_rbf_ensemble(model, "gradient", GradientOptions(num_steps=1))

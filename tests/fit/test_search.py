"""Settings of the hidden layer: how they are scored and chosen."""

import numpy as np
import pytest
import torch

from botorch_cll.data.blocks import TaskBlocks, noise_weights
from botorch_cll.fit.hidden_settings import HiddenSettings
from botorch_cll.fit.search import (
    sample_index,
    score_settings,
)
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.settings import NETWORK

NAN = float("nan")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.double)


def brute_force_errors(phi, y, weight, penalty, point) -> np.ndarray:
    """Weighted squared errors of refits that each lack the rows of one point.

    Rows of weight zero score zero.
    """
    errors = np.zeros(len(y))
    for i in np.flatnonzero(weight):
        w = np.where(point == point[i], 0.0, weight)
        A = phi.T @ (w[:, None] * phi) + np.diag(penalty)
        errors[i] = weight[i] * (y[i] - phi[i] @ np.linalg.solve(A, phi.T @ (w * y))) ** 2
    return errors


def features(X, centers, settings, c) -> np.ndarray:
    length_scale = settings.log_length_scale[c, 0].exp().numpy()
    difference = (X[:, None] - centers[None]) / length_scale
    if settings.additive[c]:
        # As many centers look at a dimension as the inverse of its length scale wants.
        up_to = (1 / length_scale).cumsum() / (1 / length_scale).sum()
        for k in range(len(centers)):
            dimension = np.searchsorted(up_to, (k + 0.5) / len(centers))
            difference[:, k, np.arange(len(length_scale)) != dimension] = 0.0
    tail = int(settings.tail[c])
    radial = np.exp(-0.5 * (difference**2).sum(-1))
    z = 2 * X - 1
    return np.hstack([radial, np.ones((len(X), 1)), z, z**2][: 2 + tail])


def make_problem(model_class, masked: bool, noisy: bool, d: int = 2):
    X, Y = rand(9, d), rand(9, 2, seed=1)
    if masked:
        Y[:3, 0] = NAN
        Y[-1, 1] = NAN
    Yvar = rand(9, 2, seed=2) if noisy else None
    model = model_class(X, Y, train_Yvar=Yvar, missing="mask" if masked else "raise")
    settings = HiddenSettings(
        rand(5, 1, d, seed=3) - 1.0,
        4 * rand(5, 1, model.coupling.num_ridges, seed=4) - 4,
        torch.tensor([[0], [1], [2], [0], [2]]),
        torch.tensor([[False], [True], [False], [False], [True]]),
    )
    return model, settings, rand(5, 4, d, seed=5)


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("masked", [False, True], ids=["complete", "masked"])
@pytest.mark.parametrize("model_class", [MultiRBFCorrelationModel, SingleRBFModel])
def test_scores_equal_brute_force_leave_one_out(model_class, masked, noisy):
    model, settings, centers = make_problem(model_class, masked, noisy)
    data = model.data
    blocks = TaskBlocks.from_data(data, per_task=False)
    scores = score_settings(model.coupling, data.X, blocks, settings, centers)
    per_task, weights = blocks.per_task(), noise_weights(data) * data.observed
    assert scores.shape == (5, 2, per_task.index.shape[1])
    for c, t in np.ndindex(5, 2):
        phi = features(data.X.numpy(), centers[c].numpy(), settings, c)
        penalty = np.full(phi.shape[1], NETWORK.tail_ridge)
        penalty[:4] = settings.log_ridge[c, 0].exp().item()
        y = data.Y[:, t].nan_to_num(0.0).numpy()
        expected = brute_force_errors(phi, y, weights[:, t].numpy(), penalty, np.arange(len(y)))
        found = np.zeros(len(y))
        np.add.at(found, per_task.index[t].numpy(), scores[c, t].numpy())
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("masked", [False, True], ids=["complete", "masked"])
def test_scores_of_regularized_tasks_equal_brute_force_leave_one_row_out(masked):
    model, settings, centers = make_problem(RegularizedMultiTaskRBFModel, masked, noisy=False)
    data = model.data
    n = len(data.X)
    blocks = TaskBlocks.of_rows(data, torch.arange(n))
    scores = score_settings(model.coupling, data.X, blocks, settings, centers)
    for c in range(5):
        phi = features(data.X.numpy(), centers[c].numpy(), settings, c)
        # All observations of both tasks, in the stacked features of `[w_0, v_1, v_2]`.
        zero = np.zeros_like(phi)
        stacked = np.vstack([np.hstack([phi, phi, zero]), np.hstack([phi, zero, phi])])
        lambda_1, lambda_2 = settings.log_ridge[c, 0].exp().tolist()
        P = phi.shape[1]
        penalty = np.concatenate([np.full(P, lambda_2), np.full(2 * P, lambda_1 / 2)])
        y = data.Y.nan_to_num(0.0).T.flatten().numpy()
        weight = data.observed.T.flatten().double().numpy()
        point = np.tile(np.arange(n), 2)
        expected = brute_force_errors(stacked, y, weight, penalty, point)
        np.testing.assert_allclose(scores[c].squeeze().ravel(), expected, rtol=1e-4, atol=1e-7)


def test_scores_do_not_depend_on_how_many_settings_are_held_at_a_time():
    model, settings, centers = make_problem(MultiRBFCorrelationModel, masked=True, noisy=False)
    data = model.data
    blocks = TaskBlocks.from_data(data, per_task=False)
    whole = score_settings(model.coupling, data.X, blocks, settings, centers)
    pieces = score_settings(model.coupling, data.X, blocks, settings, centers, max_elements=1)
    torch.testing.assert_close(pieces, whole)


@pytest.mark.parametrize("per_draw", [False, True], ids=["shared-weights", "weights-per-draw"])
def test_indices_are_drawn_as_often_as_their_weights_say(per_draw):
    weights = torch.tensor([[1.0, 4.0], [2.0, 0.0], [5.0, 4.0]], dtype=torch.double)
    log_weight = 3.0 + weights.log()
    if per_draw:
        log_weight = log_weight.expand(8000, -1, -1)
    index = sample_index(log_weight, 8000, generator())
    assert index.shape == (8000, 2)
    frequency = torch.stack([(index == c).double().mean(0) for c in range(3)])
    torch.testing.assert_close(frequency, weights / weights.sum(0), atol=0.02, rtol=0.0)


def test_tasks_of_equal_weights_get_equal_indices():
    log_weight = torch.randn(50, 1, generator=generator(), dtype=torch.double).expand(-1, 3)
    index = sample_index(log_weight, 20, generator(1))
    assert torch.equal(index, index[:, :1].expand(-1, 3))
    assert len(index[:, 0].unique()) > 1
    assert torch.equal(index, sample_index(log_weight, 20, generator(1)))

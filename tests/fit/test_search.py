"""Settings of the hidden layer: how they are drawn, scored and chosen."""

import math

import numpy as np
import pytest
import torch
from botorch_cll.models.blocks import TaskBlocks, noise_weights

from botorch_cll.fit.search import (
    Settings,
    draw_settings,
    log_evidence,
    move_settings,
    sample_index,
    score_settings,
)
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import TAIL_RIDGE

NAN = float("nan")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.double)


def draw(num: int = 6, dim: int = 2, num_ridges: int = 1, seed: int = 0) -> Settings:
    return draw_settings(num, dim, num_ridges, generator(seed), rand(1))


def assert_same(first: Settings, second: Settings) -> None:
    assert torch.equal(first.log_length_scale, second.log_length_scale)
    assert torch.equal(first.log_ridge, second.log_ridge)
    assert torch.equal(first.tail, second.tail)
    assert torch.equal(first.additive, second.additive)


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_ridges", [1, 2])
def test_drawn_settings(num_ridges):
    settings = draw(5000, dim=6, num_ridges=num_ridges)
    assert len(settings) == 5000
    assert settings.log_length_scale.shape == (5000, 1, 6)
    assert settings.log_ridge.shape == (5000, 1, num_ridges)
    assert settings.log_ridge.dtype == torch.double
    assert math.log(1e-4) <= settings.log_ridge.min() <= settings.log_ridge.max() <= 0.0
    assert settings.tail.unique().tolist() == [0, 1, 2]
    # Length scales lie around the typical distance in the unit cube, some far below, some above.
    scale = settings.log_length_scale.exp()
    assert 0.5 < scale.median() < 2.0
    assert (scale < 0.3).any()
    assert (scale > 3.0).any()
    # Per-dimension factors: dimensions differ within a setting.
    assert settings.log_length_scale.std(-1).min() > 0
    assert settings.additive.double().mean().item() == pytest.approx(0.5, abs=0.03)
    # One dimension alone is shorter than the diagonal of six.
    additive, full = scale[settings.additive], scale[~settings.additive]
    assert (full.median() / additive.median()).item() == pytest.approx(6**0.5, rel=0.1)


def test_one_dimension_is_not_additive():
    assert not draw(100, dim=1).additive.any()


def test_drawn_settings_follow_the_seed_and_the_dtype():
    assert_same(draw(seed=1), draw(seed=1))
    assert not torch.equal(draw(seed=1).log_ridge, draw(seed=2).log_ridge)
    single = draw_settings(6, 2, 1, generator(1), rand(1).float())
    assert single.log_length_scale.dtype == single.log_ridge.dtype == torch.float
    torch.testing.assert_close(single.log_ridge.double(), draw(seed=1).log_ridge)


def test_settings_index_and_join():
    settings = draw()
    assert_same(settings[:2].join(settings[2:]), settings)


def test_picked_settings_come_from_the_column_of_their_task():
    shared = draw()
    index = torch.tensor([[0, 5], [3, 3], [1, 2]])
    picked = shared.pick(index)
    assert torch.equal(picked.log_length_scale, shared.log_length_scale[index, 0])
    assert torch.equal(picked.tail, shared.tail[index, 0])
    own = move_settings(shared.pick(torch.arange(6).unsqueeze(-1).expand(-1, 2)), generator(1))
    picked = own.pick(index)
    for i in range(3):
        for t in range(2):
            row = index[i, t]
            assert torch.equal(picked.log_length_scale[i, t], own.log_length_scale[row, t])
            assert torch.equal(picked.log_ridge[i, t], own.log_ridge[row, t])
            assert picked.tail[i, t] == own.tail[row, t]
            assert picked.additive[i, t] == own.additive[row, t]


def test_included_columns_follow_the_degree_of_the_tail():
    tail, additive = torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.bool)
    settings = Settings(torch.zeros(3, 2), torch.zeros(3, 1), tail, additive)
    included = settings.included(num_centers=4)
    # Four centers and the constant, two linear columns, two quadratic ones.
    assert included.tolist() == [
        [True] * 5 + [False] * 4,
        [True] * 7 + [False] * 2,
        [True] * 9,
    ]


def test_moved_settings_are_near():
    settings = draw(2000, dim=3)
    moved = move_settings(settings, generator(1))
    assert torch.equal(moved.tail, settings.tail)
    assert torch.equal(moved.additive, settings.additive)
    step = moved.log_length_scale - settings.log_length_scale
    assert step.mean().abs() < 0.05
    assert 0.1 < step.std() < 1.0
    assert (moved.log_ridge != settings.log_ridge).any()
    # The ridge stays where it makes a difference, up to ten times the largest that is drawn.
    ridge = moved.log_ridge.exp()
    assert ridge.min() > 0.999e-4
    assert 1.0 < ridge.max() < 10.01
    assert_same(moved, move_settings(settings, generator(1)))


# -- scores ----------------------------------------------------------------------------------------


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
    settings = Settings(
        rand(5, 1, d, seed=3) - 1.0,
        4 * rand(5, 1, model.num_ridges, seed=4) - 4,
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
    scores = score_settings(model, data.X, blocks, settings, centers)
    per_task, weights = blocks.per_task(), noise_weights(data) * data.observed
    assert scores.shape == (5, 2, per_task.index.shape[1])
    for c, t in np.ndindex(5, 2):
        phi = features(data.X.numpy(), centers[c].numpy(), settings, c)
        penalty = np.full(phi.shape[1], TAIL_RIDGE)
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
    scores = score_settings(model, data.X, blocks, settings, centers)
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
    whole = score_settings(model, data.X, blocks, settings, centers)
    pieces = score_settings(model, data.X, blocks, settings, centers, max_elements=1)
    torch.testing.assert_close(pieces, whole)


# -- evidence and choice ---------------------------------------------------------------------------

ERRORS = torch.tensor([[1.0, 8.0], [4.0, 2.0], [2.0, 4.0]], dtype=torch.double)
COUNT = torch.tensor([10.0, 30.0], dtype=torch.double)
# Relative to each task's best: [[1, 4], [4, 1], [2, 2]]; over all 40 rows: 3.25, 1.75, 2.


def test_evidence_of_each_task_alone():
    found = log_evidence(ERRORS, COUNT, pooling_rows=0.0, half_rows=0.0)
    expected = [
        [0.0, -15 * math.log(4)],
        [-5 * math.log(4), 0.0],
        [-5 * math.log(2), -15 * math.log(2)],
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_evidence_of_all_tasks_together():
    found = log_evidence(ERRORS, COUNT, pooling_rows=math.inf, half_rows=0.0)
    expected = [[-20.0 * math.log(r)] * 2 for r in (3.25, 1.75, 2.0)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_evidence_in_between():
    found = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=0.0)
    expected = [
        [-5 * math.log((10 * own_0 + 10 * r) / 20), -15 * math.log((30 * own_1 + 10 * r) / 40)]
        for (own_0, own_1), r in zip([(1, 4), (4, 1), (2, 2)], (3.25, 1.75, 2.0), strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_errors_of_few_rows_weigh_less():
    full = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=0.0)
    found = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=30.0)
    torch.testing.assert_close(found, full * torch.tensor([0.25, 0.5]).double())


@pytest.mark.parametrize("pooling_rows", [0.0, 5.0, math.inf])
def test_evidence_does_not_depend_on_the_unit_and_survives_perfect_fits(pooling_rows):
    found = log_evidence(ERRORS, COUNT, pooling_rows, 0.5)
    unit = torch.tensor([100.0, 0.01], dtype=torch.double)
    torch.testing.assert_close(log_evidence(unit * ERRORS, COUNT, pooling_rows, 0.5), found)
    perfect = torch.zeros_like(ERRORS)
    assert torch.equal(log_evidence(perfect, COUNT, pooling_rows, 0.5), perfect)


@pytest.mark.parametrize("pooling_rows", [0.0, 5.0, math.inf])
def test_evidence_of_a_task_without_rows_is_finite(pooling_rows):
    errors, count = ERRORS.clone(), COUNT.clone()
    errors[:, 0] = count[0] = 0.0
    found = log_evidence(errors, count, pooling_rows, 0.5)
    assert found.isfinite().all()
    alone = log_evidence(errors[:, 1:], count[1:], 0.0, 0.5)
    torch.testing.assert_close(found[:, 1:], alone)


def test_evidence_is_batched():
    errors = torch.stack([ERRORS, ERRORS.flip(0)])
    count = torch.stack([COUNT, 2 * COUNT])
    found = log_evidence(errors, count, 7.0, 0.5)
    for b in range(2):
        torch.testing.assert_close(found[b], log_evidence(errors[b], count[b], 7.0, 0.5))


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

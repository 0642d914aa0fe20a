"""Training of the correlation layer on out-of-sample outputs."""

import numpy as np
import pytest
import torch

from botorch_cll.couplings.layer_training import fit_hidden_layers, fit_linear_layer, shrink_layer
from botorch_cll.nn import CorrelationLearningLayer
from botorch_cll.settings import LayerSettings

SETTINGS = LayerSettings()


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def make_layer(num_tasks: int = 2, num_restarts: int = 3, hidden: tuple[int, ...] = ()):
    generator = torch.Generator().manual_seed(0)
    return CorrelationLearningLayer(
        num_tasks, hidden, None, num_restarts, generator, torch.double
    ).requires_grad_(False)


def fit(layer, outputs, Y, weight):
    """Either fit; hidden layers take weights for every restart."""
    if layer.is_linear:
        return fit_linear_layer(layer, outputs, Y, weight, SETTINGS)
    return fit_hidden_layers(layer, outputs, Y, weight.expand(len(outputs), -1, -1), SETTINGS)


EITHER = pytest.mark.parametrize("hidden", [(), (8,)], ids=["linear", "hidden"])


@pytest.mark.parametrize("num_tasks", [1, 2, 4])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_linear_layer_is_ridge_regression_toward_the_identity(num_tasks, weighted):
    S, n = 3, 25
    outputs = randn(S, n, num_tasks)
    Y = outputs.mean(0) @ randn(num_tasks, num_tasks, seed=1) + 0.3 * randn(n, num_tasks, seed=2)
    weight = torch.ones(n, num_tasks, dtype=torch.double)
    if weighted:
        weight = randn(n, num_tasks, seed=3).abs() * (randn(n, num_tasks, seed=4) > -1)
        Y = Y.where(weight > 0, torch.nan)
    layer = make_layer(num_tasks, S)
    added = fit_linear_layer(layer, outputs, Y, weight, SETTINGS)
    for t in range(num_tasks):
        rows = (weight[:, t] > 0).numpy()
        w, y = weight[rows, t].numpy(), Y[rows, t].numpy()
        strengths = []
        for s in range(S):
            p = outputs[s].numpy()
            z = np.hstack([p, np.ones((n, 1))])
            b = np.append(layer.weights[0][s, t].numpy(), layer.biases[0][s, t].item())
            residual = y - p[rows, t]
            A = z[rows].T @ (w[:, None] * z[rows])
            right = z[rows].T @ (w * residual)
            # Ridge: what the normal equations leave over is a multiple of the coefficients.
            over = right - A @ b
            strength = over @ b / (b @ b)
            np.testing.assert_allclose(over, strength * b, atol=1e-8)
            strengths.append(strength)
            # What is returned comes from refits without the row; other rows were never seen.
            for i in range(n):
                if rows[i]:
                    without = w * (np.flatnonzero(rows) != i)
                    A_i = z[rows].T @ (without[:, None] * z[rows]) + strength * np.eye(len(b))
                    b_i = np.linalg.solve(A_i, z[rows].T @ (without * residual))
                else:
                    b_i = b
                assert added[s, i, t].item() == pytest.approx(z[i] @ b_i, abs=1e-7)
        # One strength per task, in units of `n_t T / 2`.
        np.testing.assert_allclose(strengths, strengths[0], rtol=1e-6)
        assert 1e-3 < strengths[0] / (0.5 * num_tasks * w.sum()) < 10


@EITHER
def test_layer_learns_to_use_the_other_task(hidden):
    truth = randn(60)
    # Task 1 is minus task 2, but its own outputs are noise.
    outputs = torch.stack([randn(3, 60, seed=1), truth + 0.05 * randn(3, 60, seed=2)], dim=-1)
    Y = torch.stack([-truth, truth], dim=-1)
    layer = make_layer(hidden=hidden)
    added = fit(layer, outputs, Y, torch.ones(60, 2, dtype=torch.double))
    before = (outputs - Y).square().mean((0, 1)).sqrt()
    after = (layer(outputs) - Y).square().mean((0, 1)).sqrt()
    assert before[0] > 1
    assert after[0] < 0.35
    assert after[1] < before[1] + 0.1
    # What it adds out of sample says the same.
    assert (outputs + added - Y)[..., 0].square().mean().sqrt() < 0.4


@EITHER
def test_layer_stays_near_the_identity_where_nothing_can_be_gained(hidden):
    outputs = randn(4, 200, 3)
    Y = outputs.mean(0) + 0.5 * randn(200, 3, seed=1)
    outputs = Y + 0.3 * randn(4, 200, 3, seed=2)
    layer = make_layer(3, 4, hidden)
    fit(layer, outputs, Y, torch.ones(200, 3, dtype=torch.double))
    assert layer.branch(outputs).square().mean().sqrt() < 0.15
    if not hidden:
        assert layer.weights[0].abs().max() < 0.2


def test_hidden_layers_learn_what_a_linear_layer_cannot():
    p = randn(150)
    outputs = torch.stack([p, randn(150, seed=1)], dim=-1).expand(3, -1, -1)
    Y = torch.stack([p, 2.0 * (p.abs() - p.abs().mean())], dim=-1)
    errors = {}
    for hidden in ((), (8,)):
        layer = make_layer(hidden=hidden)
        fit(layer, outputs, Y, torch.ones(150, 2, dtype=torch.double))
        errors[hidden] = (layer(outputs) - Y)[..., 1].square().mean().sqrt()
    assert errors[8,] < 0.6 * errors[()]


@EITHER
def test_rows_of_weight_zero_play_no_part(hidden):
    outputs, Y = randn(3, 30, 2), randn(30, 2, seed=1)
    weight = torch.ones(30, 2, dtype=torch.double)
    weight[:10, 0] = weight[25:, 1] = 0.0
    layers = []
    for nonsense in (0.0, 1e3, torch.nan):
        layers.append(make_layer(hidden=hidden))
        added = fit(layers[-1], outputs, Y.where(weight > 0, nonsense), weight)
        assert added.isfinite().all()
    first, *others = (torch.cat([p.flatten() for p in layer.parameters()]) for layer in layers)
    for other in others:
        assert torch.equal(first, other)


@EITHER
def test_only_the_ratios_of_weights_matter(hidden):
    outputs, Y, weight = randn(3, 30, 2), randn(30, 2, seed=1), 0.5 + randn(30, 2, seed=2).abs()
    layer, other = make_layer(hidden=hidden), make_layer(hidden=hidden)
    added = fit(layer, outputs, Y, weight)
    torch.testing.assert_close(fit(other, outputs, Y, 100.0 * weight), added)
    for first, second in zip(layer.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(second, first)


def test_a_linear_layer_is_as_strong_if_a_task_is_given_several_times():
    p = randn(3, 40, 1)
    p = p - p.mean(1, keepdim=True)
    # The constant, which is penalized too, is zero.
    Y = 2.0 * p[0]
    expected = make_layer(1)
    fit_linear_layer(expected, p, Y, torch.ones(40, 1, dtype=torch.double), SETTINGS)
    assert expected.branch(p).abs().max() > 0.1
    for num_tasks in (2, 3):
        layer, outputs = make_layer(num_tasks), p.expand(-1, -1, num_tasks)
        fit_linear_layer(
            layer,
            outputs,
            Y.expand(-1, num_tasks),
            torch.ones(40, num_tasks, dtype=torch.double),
            SETTINGS,
        )
        torch.testing.assert_close(
            layer.branch(outputs), expected.branch(p).expand(-1, -1, num_tasks)
        )


def test_hidden_layers_are_pulled_toward_the_identity_by_their_last_layer_alone():
    layer = make_layer(hidden=(8,))
    layer.weights[-1].data.fill_(1.0)
    first = layer.weights[0].clone()
    zero = torch.zeros(3, 20, 2, dtype=torch.double)
    # Outputs that are zero, as the targets are, say nothing of the weights.
    fit_hidden_layers(layer, zero, zero[0], torch.ones_like(zero), SETTINGS)
    assert layer.weights[-1].abs().max() < 0.1
    torch.testing.assert_close(layer.weights[0].data, first)


@EITHER
def test_tasks_without_rows_stay_as_they_are(hidden):
    outputs, Y = randn(3, 30, 2), randn(30, 2, seed=1)
    weight = torch.ones(30, 2, dtype=torch.double)
    weight[:, 1] = 0.0
    layer = make_layer(hidden=hidden)
    fit(layer, outputs, Y, weight)
    torch.testing.assert_close(layer(outputs)[..., 1], outputs[..., 1])


@EITHER
def test_fit_leaves_no_gradients_behind(hidden):
    layer = make_layer(hidden=hidden)
    with torch.no_grad():
        added = fit(layer, randn(3, 20, 2), randn(20, 2, seed=1), torch.ones(20, 2).double())
    assert not added.requires_grad
    for parameter in layer.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


def test_hidden_layers_return_what_they_add():
    outputs, Y = randn(3, 20, 2), randn(20, 2, seed=1)
    layer = make_layer(hidden=(8,))
    added = fit(layer, outputs, Y, torch.ones(20, 2, dtype=torch.double))
    torch.testing.assert_close(outputs + added, layer(outputs))


def test_every_restart_has_its_own_hidden_layer():
    outputs, Y = randn(3, 20, 2), randn(20, 2, seed=1)
    weight = torch.ones(3, 20, 2, dtype=torch.double)
    weight[1, :10] = 0.0
    layer = make_layer(hidden=(8,))
    fit_hidden_layers(layer, outputs, Y, weight, SETTINGS)
    elsewhere = make_layer(hidden=(8,))
    changed = Y.clone()
    changed[:10] += 5.0
    fit_hidden_layers(elsewhere, outputs, changed, weight, SETTINGS)
    for one, other in zip(layer.parameters(), elsewhere.parameters(), strict=True):
        torch.testing.assert_close(one[1], other[1])
        assert not torch.allclose(one[0], other[0])


def test_shares_are_least_squares_with_ten_rows_for_all_of_the_layer():
    residual, added = randn(40, 3, seed=1), randn(40, 3, seed=2)
    residual[:, 1] += 0.6 * added[:, 1]
    residual[:, 2] += 3.0 * added[:, 2]
    weight = randn(40, 3, seed=3).abs() * (randn(40, 3, seed=4) > -1)
    layer = make_layer(3)
    layer.weights[0].data, layer.biases[0].data = randn(3, 3, 3, seed=5), randn(3, 3, seed=6)
    before = layer.branch(randn(3, 7, 3, seed=7))
    share = shrink_layer(layer, residual.where(weight > 0, torch.nan), added, weight, SETTINGS)
    for t in range(3):
        w, r, delta = weight[:, t].numpy(), residual[:, t].numpy(), added[:, t].numpy()
        # Ten rows of mean weight and mean square, whose error is all that the layer adds.
        more = np.sqrt(10 * (w @ delta**2) / w.sum())
        A = np.append(np.sqrt(w) * delta, more)
        (best,), *_ = np.linalg.lstsq(A[:, None], np.append(np.sqrt(w) * r, more), rcond=None)
        assert share[t].item() == pytest.approx(np.clip(best, 0.0, 1.0))
    assert 0.0 < share[0] < 1.0
    assert 0.0 < share[1] < 1.0
    assert share[2] == 1.0
    torch.testing.assert_close(layer.branch(randn(3, 7, 3, seed=7)), share * before)


def test_a_layer_that_adds_nothing_stays_as_it_is():
    zero, one = torch.zeros(5, 2, dtype=torch.double), torch.ones(5, 2, dtype=torch.double)
    assert torch.isfinite(shrink_layer(make_layer(), randn(5, 2), zero, one, SETTINGS)).all()

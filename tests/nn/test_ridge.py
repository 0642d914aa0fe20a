"""Closed-form output weights and leave-one-out errors, against solvers and refits of others."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from botorch_cll.nn import gaussian_rbf
from botorch_cll.nn.ridge import EXCLUDED, cholesky, solve_ridge

from support.regression import BY_WEIGHTS, normal_equations, randn, ridge_by_stacking, row_weights


@BY_WEIGHTS
def test_ridge_weights_are_those_of_sklearn(kind):
    phi, Y, weight = randn(3, 20, 6), randn(3, 20, 2, seed=1), row_weights(kind, 3, 20)
    gram, moment = normal_equations(phi, weight, Y)
    solution = solve_ridge(gram, moment, torch.full((3, 6), 0.37, dtype=torch.double))
    assert solution.weight.shape == (3, 6, 2)
    for b in range(3):
        model = Ridge(alpha=0.37, fit_intercept=False)
        model.fit(phi[b].numpy(), Y[b].numpy(), sample_weight=weight[b].numpy())
        np.testing.assert_allclose(solution.weight[b].numpy(), model.coef_.T, atol=1e-10)


@BY_WEIGHTS
def test_ridge_takes_a_penalty_per_column(kind):
    phi, Y, weight = randn(15, 5), randn(15, 1, seed=1), row_weights(kind, 15)
    penalty = torch.tensor([1e-3, 0.1, 1.0, 10.0, 0.5], dtype=torch.double)
    solution = solve_ridge(*normal_equations(phi, weight, Y), penalty)
    expected = ridge_by_stacking(phi.numpy(), weight.numpy(), Y[:, 0].numpy(), penalty.numpy())
    np.testing.assert_allclose(solution.weight[:, 0].numpy(), expected, atol=1e-10)


@BY_WEIGHTS
@pytest.mark.parametrize("n", [4, 12], ids=["fewer-rows-than-columns", "more-rows-than-columns"])
def test_ridge_leave_one_out_equals_refits_without_the_row(kind, n):
    phi, Y, weight = randn(2, n, 7), randn(2, n, 2, seed=1), row_weights(kind, 2, n)
    penalty = torch.full((2, 7), 0.2, dtype=torch.double)
    solution = solve_ridge(*normal_equations(phi, weight, Y), penalty)
    left_out = solution.leave_one_out(phi, weight, Y)
    for b, i, m in np.ndindex(2, n, 2):
        others = np.arange(n) != i
        refit = ridge_by_stacking(
            phi[b].numpy()[others],
            weight[b].numpy()[others],
            Y[b, :, m].numpy()[others],
            penalty[b].numpy(),
        )
        assert left_out[b, i, m].item() == pytest.approx(phi[b, i].numpy() @ refit, abs=1e-9)


@pytest.mark.parametrize("ridge", [1e-4, 1e-1])
@pytest.mark.parametrize("length_scale", [0.1, 0.5, 2.0])
def test_leave_one_out_of_rbf_features_that_all_but_interpolate(ridge, length_scale):
    X, y = randn(12, 3).sigmoid(), randn(12, 1, seed=1)
    phi = gaussian_rbf(X, X, torch.full((3,), length_scale, dtype=torch.double))
    weight, penalty = torch.ones(12, dtype=torch.double), torch.full((12,), ridge).double()
    left_out = solve_ridge(*normal_equations(phi, weight, y), penalty).leave_one_out(phi, weight, y)
    for i in range(12):
        others = np.arange(12) != i
        refit = ridge_by_stacking(
            phi.numpy()[others], np.ones(11), y[:, 0].numpy()[others], penalty.numpy()
        )
        assert left_out[i, 0].item() == pytest.approx(phi[i].numpy() @ refit, rel=1e-6, abs=1e-6)


def test_a_row_of_weight_zero_does_not_need_a_target():
    phi, Y, weight = randn(6, 3), randn(6, 1, seed=1), torch.ones(6, dtype=torch.double)
    weight[2] = 0.0
    solution = solve_ridge(*normal_equations(phi, weight, Y), torch.ones(3, dtype=torch.double))
    elsewhere = Y.clone()
    elsewhere[2] = 1e6
    first = solution.leave_one_out(phi, weight, Y)
    assert torch.equal(first, solution.leave_one_out(phi, weight, elsewhere))
    torch.testing.assert_close(first[2], phi[2] @ solution.weight)


def test_ridge_excluded_columns_play_no_part():
    phi, Y, weight = randn(2, 20, 6), randn(2, 20, 1, seed=1), row_weights("weighted", 2, 20)
    included = torch.tensor([True, False, True, True, False, True])
    penalty = torch.full((6,), 0.1, dtype=torch.double).where(included, EXCLUDED)
    whole = solve_ridge(*normal_equations(phi, weight, Y), penalty.expand(2, -1))
    part_phi = phi[..., included]
    part = solve_ridge(
        *normal_equations(part_phi, weight, Y), torch.full((2, 4), 0.1, dtype=torch.double)
    )
    torch.testing.assert_close(whole.weight[:, included], part.weight, atol=1e-5, rtol=0.0)
    assert whole.weight[:, ~included].abs().max() < 1e-5
    torch.testing.assert_close(
        whole.leave_one_out(phi, weight, Y),
        part.leave_one_out(part_phi, weight, Y),
        atol=1e-5,
        rtol=0.0,
    )


def test_columns_that_are_all_but_the_same_do_no_harm_in_single_precision():
    signal = randn(10, 50, 1)
    # What sets the columns apart is less than the rounding of the normal equations.
    phi = (signal + 1e-4 * randn(10, 50, 2, seed=1)).float()
    Y = (signal + 0.1 * randn(10, 50, 1, seed=2)).float()
    weight = torch.ones(10, 50)
    solution = solve_ridge(*normal_equations(phi, weight, Y), torch.full((10, 2), 1e-8))
    for predicted in (phi @ solution.weight, solution.leave_one_out(phi, weight, Y)):
        assert (predicted - signal).abs().max() < 0.2


# -- Cholesky factors ------------------------------------------------------------------------------


def test_cholesky_of_positive_definite_matrices_has_no_jitter():
    root = randn(3, 4, 6)
    matrix = root @ root.transpose(-1, -2)
    assert torch.equal(cholesky(matrix), torch.linalg.cholesky(matrix))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_cholesky_of_a_singular_matrix_is_close(scale):
    root = scale**0.5 * randn(6, 2)
    matrix = root @ root.T - 1e-9 * scale * torch.eye(6, dtype=torch.double)
    with pytest.raises(RuntimeError, match="not positive-definite"):
        torch.linalg.cholesky(matrix)
    factor = cholesky(matrix)
    torch.testing.assert_close(factor @ factor.T, matrix, rtol=0.0, atol=1e-6 * scale)


def test_one_singular_matrix_leaves_the_rest_of_the_batch_alone():
    good, bad = torch.eye(4, dtype=torch.double), torch.eye(4, dtype=torch.double)
    bad[0, 0] = -1e-5
    factors = cholesky(torch.stack([good, bad]))
    torch.testing.assert_close(factors[0], good, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("value", [-1.0, float("nan")], ids=["indefinite", "nan"])
def test_cholesky_gives_up_with_a_reason(value):
    matrix = torch.diag(torch.tensor([1.0, value, 1.0], dtype=torch.double))
    with pytest.raises(RuntimeError, match="Expected positive definite normal equations"):
        cholesky(matrix)

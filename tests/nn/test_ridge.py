"""Closed-form output weights and leave-one-out errors, against solvers and refits of others."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from botorch_cll.nn import gaussian_rbf
from botorch_cll.nn.ridge import EXCLUDED, cholesky, solve_regularized_tasks, solve_ridge

LOG_PENALTIES = st.floats(-4, 3).map(lambda exponent: 10.0**exponent)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def normal_equations(phi, weight, Y):
    weighted = (phi * weight.unsqueeze(-1)).transpose(-1, -2)
    return weighted @ phi, weighted @ Y


def row_weights(kind: str, *shape: int) -> torch.Tensor:
    if kind == "equal":
        return torch.ones(*shape, dtype=torch.double)
    weight = 0.2 + randn(*shape, seed=7).abs()
    return weight if kind == "weighted" else weight * (randn(*shape, seed=8) > -0.4)


BY_WEIGHTS = pytest.mark.parametrize("kind", ["equal", "weighted", "zeros"])


def ridge_by_stacking(phi, weight, y, penalty) -> np.ndarray:
    """Ridge regression as ordinary least squares on rows added for the penalty."""
    root = np.sqrt(weight)
    A = np.vstack([root[:, None] * phi, np.diag(np.sqrt(penalty))])
    b = np.concatenate([root * y, np.zeros(len(penalty))])
    return np.linalg.lstsq(A, b, rcond=None)[0]


# -- independent tasks -----------------------------------------------------------------------------


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


# -- regularised multi-task learning ---------------------------------------------------------------


def tasks_problem(num_tasks: int = 3, n: int = 8, P: int = 4, kind: str = "equal"):
    """Different rows and targets for each task."""
    phi, Y = randn(num_tasks, n, P), randn(num_tasks, n, 1, seed=1)
    return phi, Y, row_weights(kind, num_tasks, n)


def solve_tasks(phi, Y, weight, lambda_1: float, lambda_2: float):
    num_tasks, _, P = phi.shape
    return solve_regularized_tasks(
        *normal_equations(phi, weight, Y),
        shared_penalty=torch.full((P,), lambda_2, dtype=torch.double),
        own_penalty=torch.full((P,), lambda_1 / num_tasks, dtype=torch.double),
    )


def stacked_weights(phi, Y, weight, lambda_1: float, lambda_2: float) -> np.ndarray:
    """`w_t = w_0 + v_t` from one least-squares problem in `[w_0; v_1 .. v_T]`."""
    num_tasks, n, P = phi.shape
    design = np.zeros((num_tasks * n, (num_tasks + 1) * P))
    for t in range(num_tasks):
        rows = slice(t * n, (t + 1) * n)
        design[rows, :P] = phi[t]
        design[rows, (t + 1) * P : (t + 2) * P] = phi[t]
    penalty = np.concatenate([np.full(P, lambda_2), np.full(num_tasks * P, lambda_1 / num_tasks)])
    flat = ridge_by_stacking(design, weight.numpy().ravel(), Y.numpy().ravel(), penalty)
    parts = flat.reshape(num_tasks + 1, P)
    return parts[0] + parts[1:]


@given(lambda_1=LOG_PENALTIES, lambda_2=LOG_PENALTIES, num_tasks=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_regularized_tasks_three_forms_agree(lambda_1, lambda_2, num_tasks):
    phi, Y, weight = tasks_problem(num_tasks)
    solution = solve_tasks(phi, Y, weight, lambda_1, lambda_2)
    stacked = stacked_weights(phi, Y, weight, lambda_1, lambda_2)
    np.testing.assert_allclose(solution.weight[..., 0].numpy(), stacked, rtol=1e-5, atol=1e-6)
    # Kernel ridge regression with K_st(x, z) = (1 / mu + delta_st) phi(x)^T phi(z).
    mu = num_tasks * lambda_2 / lambda_1
    features, task = phi.flatten(0, 1).numpy(), np.repeat(np.arange(num_tasks), phi.shape[1])
    same = task[:, None] == task[None, :]
    K = (1 / mu + same) * (features @ features.T)
    ridge = lambda_1 / num_tasks
    alpha = np.linalg.solve(K + ridge * np.eye(len(K)), Y.flatten().numpy())
    fitted = (phi @ solution.weight).flatten().numpy()
    np.testing.assert_allclose(fitted, K @ alpha, rtol=1e-5, atol=1e-5)


@BY_WEIGHTS
def test_regularized_tasks_with_row_weights(kind):
    phi, Y, weight = tasks_problem(kind=kind)
    solution = solve_tasks(phi, Y, weight, 0.7, 0.2)
    stacked = stacked_weights(phi, Y, weight, 0.7, 0.2)
    np.testing.assert_allclose(solution.weight[..., 0].numpy(), stacked, atol=1e-9)


@BY_WEIGHTS
def test_regularized_tasks_leave_one_out_equals_refits_without_the_row_of_any_task(kind):
    phi, Y, weight = tasks_problem(kind=kind)
    left_out = solve_tasks(phi, Y, weight, 0.7, 0.2).leave_one_out(phi, weight, Y)
    for i in range(8):
        without = weight.clone()
        without[:, i] = 0.0
        refit = stacked_weights(phi, Y, without, 0.7, 0.2)
        for t in range(3):
            assert left_out[t, i, 0].item() == pytest.approx(phi[t, i].numpy() @ refit[t], abs=1e-9)


def test_regularized_tasks_are_batched():
    problems = [tasks_problem(n=8), tuple(2.0 * part for part in tasks_problem(n=8))]
    phi, Y, weight = (torch.stack(parts) for parts in zip(*problems, strict=True))
    penalties = torch.tensor([[0.3] * 4, [5.0] * 4], dtype=torch.double)
    batch = solve_regularized_tasks(*normal_equations(phi, weight, Y), penalties, 2 * penalties)
    left_out = batch.leave_one_out(phi, weight, Y)
    for b, problem in enumerate(problems):
        one = solve_regularized_tasks(
            *normal_equations(problem[0], problem[2], problem[1]), penalties[b], 2 * penalties[b]
        )
        torch.testing.assert_close(batch.weight[b], one.weight)
        torch.testing.assert_close(
            left_out[b], one.leave_one_out(problem[0], problem[2], problem[1])
        )


def test_heavy_own_penalty_pools_the_tasks():
    phi, Y, weight = tasks_problem()
    solution = solve_tasks(phi, Y, weight, lambda_1=1e8, lambda_2=0.5)
    pooled = Ridge(alpha=0.5, fit_intercept=False)
    pooled.fit(phi.flatten(0, 1).numpy(), Y.flatten().numpy())
    for t in range(3):
        np.testing.assert_allclose(solution.weight[t, :, 0].numpy(), pooled.coef_, atol=1e-5)


def test_heavy_shared_penalty_separates_the_tasks():
    phi, Y, weight = tasks_problem()
    solution = solve_tasks(phi, Y, weight, lambda_1=0.6, lambda_2=1e8)
    for t in range(3):
        alone = Ridge(alpha=0.6 / 3, fit_intercept=False)
        alone.fit(phi[t].numpy(), Y[t, :, 0].numpy())
        np.testing.assert_allclose(solution.weight[t, :, 0].numpy(), alone.coef_, atol=1e-5)


def test_regularized_tasks_excluded_columns_play_no_part():
    phi, Y, weight = tasks_problem(P=5)
    included = torch.tensor([True, True, False, True, False])

    def penalty(value: float) -> torch.Tensor:
        return torch.full((5,), value, dtype=torch.double).where(included, EXCLUDED)

    whole = solve_regularized_tasks(*normal_equations(phi, weight, Y), penalty(0.2), penalty(0.3))
    part_phi = phi[..., included]
    part = solve_tasks(part_phi, Y, weight, lambda_1=0.9, lambda_2=0.2)
    torch.testing.assert_close(whole.weight[:, included], part.weight, atol=1e-5, rtol=0.0)
    assert whole.weight[:, ~included].abs().max() < 1e-5
    torch.testing.assert_close(
        whole.leave_one_out(phi, weight, Y),
        part.leave_one_out(part_phi, weight, Y),
        atol=1e-5,
        rtol=0.0,
    )


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


@pytest.mark.parametrize(
    ("dtype", "shared_penalty"),
    [(torch.double, 0.3), (torch.float, 1e-9)],
    ids=["double", "single, below rounding"],
)
def test_tasks_in_one_group_are_solved_as_they_are_in_groups_of_their_own(dtype, shared_penalty):
    phi, weight, Y = randn(4, 1, 9, 5), randn(1, 9, seed=1).abs(), randn(1, 9, 3, seed=2)
    weight[:, 2] = 0.0
    phi, weight, Y = phi.to(dtype), weight.to(dtype), Y.to(dtype)
    penalties = [torch.full((4, 5), penalty, dtype=dtype) for penalty in (shared_penalty, 0.6)]
    group = solve_regularized_tasks(*normal_equations(phi, weight, Y), *penalties)
    phi_t, weight_t, Y_t = phi.expand(-1, 3, -1, -1), weight.expand(3, -1), Y.permute(2, 1, 0)
    own = solve_regularized_tasks(*normal_equations(phi_t, weight_t, Y_t), *penalties)
    assert group.factor.shape[1] == 1
    torch.testing.assert_close(group.weight, own.weight)
    torch.testing.assert_close(
        group.leave_one_out(phi, weight, Y),
        own.leave_one_out(phi_t, weight_t, Y_t).movedim(1, -1).squeeze(-2).unsqueeze(1),
    )

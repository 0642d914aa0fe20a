"""Regularised multi-task learning, against one stacked least-squares problem."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from botorch_cll.couplings.shared_weights import solve_regularized_tasks
from botorch_cll.nn.ridge import EXCLUDED

from support.regression import BY_WEIGHTS, normal_equations, randn, ridge_by_stacking, row_weights

LOG_PENALTIES = st.floats(-4, 3).map(lambda exponent: 10.0**exponent)


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

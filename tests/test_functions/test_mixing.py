"""Task directions and the sine link."""

import pytest
import torch
from botorch.exceptions.errors import InputDataError
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.test_functions.mixing import (
    correlation_factor,
    link_lipschitz,
    minimize_sine_link,
    random_orthonormal,
    shape_parameters,
    sine_link,
)


@pytest.mark.parametrize("p", [0.9, 0.5, 0.0, -0.5, -0.99])
def test_two_tasks_follow_the_source(p):
    expected = torch.tensor([[1.0, 0.0], [p, (1 - p**2) ** 0.5]], dtype=torch.double)
    assert torch.allclose(correlation_factor(p, 2), expected)


@pytest.mark.parametrize("p", [1.0, -1.0])
def test_identical_and_opposite_tasks_have_rank_one(p):
    factor = correlation_factor(p, 2)
    assert torch.equal(factor, torch.tensor([[1.0], [p]], dtype=torch.double))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), num_tasks=st.integers(1, 6), rank=st.integers(1, 6))
def test_factor_reproduces_any_correlation_matrix(seed, num_tasks, rank):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(num_tasks, rank, generator=generator, dtype=torch.double)
    rows = rows / rows.norm(dim=-1, keepdim=True)
    matrix = rows @ rows.T
    factor = correlation_factor(matrix, num_tasks)
    assert factor.shape[-1] <= min(num_tasks, rank)
    assert torch.allclose(factor @ factor.T, matrix, atol=1e-6)


@pytest.mark.parametrize(
    ("correlation", "num_tasks", "match"),
    [
        (1.1, 2, r"\[-1/\(T-1\), 1\]\), got 1.1"),
        (-0.6, 3, "positive semidefinite .* smallest eigenvalue is -0.2"),
        (float("nan"), 2, "finite correlations, got nan"),
        (torch.eye(2), 3, r"3 x 3 correlation matrix, got shape \(2, 2\)"),
        (torch.tensor([[1.0, 0.2], [0.3, 1.0]]), 2, "symmetric correlation matrix"),
        (2 * torch.eye(2), 2, "ones on its diagonal"),
        (
            torch.tensor([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]),
            3,
            "positive semidefinite",
        ),
    ],
)
def test_impossible_correlations_are_refused(correlation, num_tasks, match):
    with pytest.raises(InputDataError, match=match):
        correlation_factor(correlation, num_tasks)


def test_orthonormal_columns_are_haar_distributed():
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([random_orthonormal(3, 2, generator) for _ in range(500)])
    gram = draws.transpose(-1, -2) @ draws
    assert torch.allclose(gram, torch.eye(2, dtype=torch.double).expand_as(gram))
    # Uniform on the sphere: mean 0 and covariance I / 3 for each column.
    first = draws[:, :, 0]
    assert first.mean(dim=0).abs().max() < 4 / (3 * 500) ** 0.5
    assert torch.allclose(first.T.cov(), torch.eye(3, dtype=torch.double) / 3, atol=0.07)


def test_sine_link_follows_its_formula():
    s = torch.tensor([0.3, -1.2], dtype=torch.double)
    alphas, betas = shape_parameters([1.0, 2.0], [0.5, -0.1])
    expected = s + torch.sin(s + 0.5) + torch.sin(2 * s - 0.1)
    assert torch.allclose(sine_link(s, alphas, betas), expected)
    assert link_lipschitz(torch.tensor([1.0, -2.0])) == 4.0


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    num_sines=st.integers(0, 8),
    lower=st.floats(-500, 500),
    width=st.floats(0, 300),
)
def test_link_minimum_agrees_with_a_dense_grid(seed, num_sines, lower, width):
    generator = torch.Generator().manual_seed(seed)
    alphas, betas = torch.randn(2, num_sines, generator=generator, dtype=torch.double)
    minimum = minimize_sine_link(lower, lower + width, alphas, betas)
    grid = torch.linspace(0, 1, 30_001, dtype=torch.double) * width + lower
    lowest = sine_link(grid, alphas, betas).min().item()
    at = sine_link(torch.tensor(minimum.x, dtype=torch.double), alphas, betas).item()
    assert abs(at - minimum.value) < 1e-9
    assert minimum.value <= lowest + minimum.gap
    assert minimum.value >= lowest - link_lipschitz(alphas) * width / 60_000 - 1e-9


def test_shape_parameters_are_checked():
    with pytest.raises(InputDataError, match=r"one length, got shapes \(2,\) and \(3,\)"):
        shape_parameters([1.0, 2.0], [0.0] * 3)
    with pytest.raises(InputDataError, match="finite `alphas` and `betas`"):
        shape_parameters([float("nan")], [0.0])

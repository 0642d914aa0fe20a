"""The MMoE data: directions, formula, sampling, exact optima."""

import pytest
import torch
from botorch.exceptions.errors import InputDataError

from botorch_cll.test_functions import CorrelatedTasks


def cosines(weights: torch.Tensor) -> torch.Tensor:
    unit = weights / weights.norm(dim=-1, keepdim=True)
    return unit @ unit.T


@pytest.mark.parametrize("p", [1.0, 0.9, 0.5, 0.0, -0.5, -1.0])
def test_directions_of_two_tasks_have_cosine_p(p):
    problem = CorrelatedTasks(dim=5, correlation=p, c=2.5)
    assert torch.allclose(problem.weights.norm(dim=-1), torch.full((2,), 2.5, dtype=torch.double))
    assert cosines(problem.weights)[0, 1].item() == pytest.approx(p, abs=1e-12)


def test_directions_follow_a_full_correlation_matrix():
    R = torch.tensor([[1.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 1.0]], dtype=torch.double)
    problem = CorrelatedTasks(dim=4, num_tasks=3, correlation=R)
    assert torch.allclose(cosines(problem.weights), R)
    X, _ = problem.sample(200_000, seed=0)
    assert torch.allclose(torch.corrcoef((X @ problem.weights.T).T), R, atol=0.02)


def test_the_first_task_is_the_same_at_every_correlation():
    first, *others = (CorrelatedTasks(4, 2, p, seed=3) for p in (0.5, -0.9, 0.0, 1.0, -1.0))
    X = torch.rand(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    for other in others:
        torch.testing.assert_close(other.evaluate_true(X)[:, 0], first.evaluate_true(X)[:, 0])


def test_values_follow_the_formula():
    problem = CorrelatedTasks(dim=3, num_tasks=2, alphas=[0.5, -1.5], betas=[0.1, 0.7])
    X = torch.rand(7, 3, dtype=torch.double)
    s = torch.stack([(X * w).sum(-1) for w in problem.weights], dim=-1)
    expected = s + torch.sin(0.5 * s + 0.1) + torch.sin(-1.5 * s + 0.7)
    assert torch.allclose(problem.evaluate_true(X), expected)


@pytest.mark.parametrize("p", [0.9, 0.5, -0.5, -1.0])
def test_label_correlation_does_not_exceed_p(p):
    _, Y = CorrelatedTasks(dim=3, correlation=p, c=2.0, seed=2).sample(100_000, seed=1)
    measured = torch.corrcoef(Y.T)[0, 1].item()
    assert abs(measured) <= abs(p) + 0.01
    assert abs(measured) < 0.98 * abs(p)


def test_identical_tasks_have_identical_labels_up_to_noise():
    problem = CorrelatedTasks(correlation=1.0, noise_std=None)
    _, Y = problem.sample(10, seed=0)
    assert torch.allclose(Y[:, 0], Y[:, 1])


def test_sample_is_standard_normal_and_noisy():
    problem = CorrelatedTasks(dim=4, noise_std=0.01)
    X, Y = problem.sample(50_000, seed=3)
    assert X.mean(dim=0).abs().max() < 0.02
    assert torch.allclose(X.T.cov(), torch.eye(4, dtype=torch.double), atol=0.03)
    residuals = Y - problem._evaluate_true(X)
    assert torch.allclose(residuals.std(dim=0), torch.full((2,), 0.01).double(), rtol=0.02)


def test_sample_takes_a_seed_a_generator_or_its_own():
    problem = CorrelatedTasks(dim=3)
    X, Y = problem.sample(5, seed=7)
    again = problem.sample(5, seed=torch.Generator().manual_seed(7))
    assert torch.equal(X, again[0])
    assert torch.equal(Y, again[1])
    first, second = problem.sample(5), problem.sample(5)
    assert not torch.equal(first[0], second[0])
    negated = CorrelatedTasks(dim=3, negate=True).sample(5, seed=7)
    assert torch.equal(negated[1], -Y)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("p", [0.9, -0.5])
def test_optima_are_global_and_attained(p, seed):
    # 2-d, so that a dense grid of the box settles the matter.
    bounds = [(-3.0, 2.0), (-1.0, 4.0)]
    problem = CorrelatedTasks(dim=2, correlation=p, c=1.5, num_sines=6, bounds=bounds, seed=seed)
    attained = problem.evaluate_true(problem.optimizers).diagonal()
    assert torch.allclose(attained, problem.optimal_value, atol=1e-9)
    x, y = (torch.linspace(low, high, 601, dtype=torch.double) for low, high in bounds)
    lowest = problem.evaluate_true(torch.cartesian_prod(x, y)).amin(dim=0)
    # Half a grid step in either input moves a projection by at most this much.
    reach = problem.weights.abs().sum(dim=-1) * 5 / 1200
    slope = 1 + problem.alphas.abs().sum()
    assert (lowest >= problem.optimal_value - problem.optimality_gap - 1e-12).all()
    assert (lowest <= problem.optimal_value + slope * reach).all()


def test_optima_in_many_dimensions_resist_gradient_descent():
    problem = CorrelatedTasks(dim=8, num_tasks=3, correlation=-0.4, num_sines=8, c=2.0, seed=1)
    generator = torch.Generator().manual_seed(0)
    X = (6 * torch.rand(50, 8, generator=generator, dtype=torch.double) - 3).requires_grad_(True)
    optimizer = torch.optim.Adam([X], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        problem.evaluate_true(X).sum().backward()
        optimizer.step()
        with torch.no_grad():
            X.clamp_(-3, 3)
    assert (problem.evaluate_true(X) >= problem.optimal_value - 1e-9).all()
    attained = problem.evaluate_true(problem.optimizers).diagonal()
    assert torch.allclose(attained, problem.optimal_value, atol=1e-9)


def test_number_of_sines():
    assert CorrelatedTasks().alphas.shape == (5,)
    assert CorrelatedTasks(num_sines=9).betas.shape == (9,)
    given = CorrelatedTasks(alphas=[1.0, 2.0])
    assert given.alphas.tolist() == [1.0, 2.0]
    assert given.betas.shape == (2,)
    linear = CorrelatedTasks(dim=2, num_sines=0)
    expected = -3 * linear.weights.abs().sum(dim=-1)
    assert torch.allclose(linear.optimal_value, expected)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"num_sines": 3, "alphas": [1.0]}, r"agree on one number of sines, got num_sines=3"),
        ({"alphas": [1.0], "betas": [1.0, 2.0]}, "agree on one number of sines"),
        ({"num_sines": -1}, "agree on one number of sines"),
        ({"c": 0.0}, "positive scale `c`, got 0.0"),
        ({"dim": 2, "num_tasks": 3}, "rank of the correlation matrix, 3, got dim=2"),
        ({"correlation": 1.5}, "positive semidefinite"),
    ],
)
def test_contradictions_are_refused(kwargs, match):
    with pytest.raises(InputDataError, match=match):
        CorrelatedTasks(**kwargs)

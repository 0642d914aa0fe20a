"""The paper's pairs: formula, scales, exact optima."""

import math

import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions.synthetic import Ackley, Griewank, Rastrigin
from scipy.optimize import differential_evolution

from botorch_cll.test_functions import CompositeTasks, Schwefel
from botorch_cll.test_functions.composite import PAIRS

FUNCTIONS = {"Ackley": Ackley, "Griewank": Griewank, "Rastrigin": Rastrigin, "Schwefel": Schwefel}


def unit_points(n: int, dim: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, dim, generator=generator, dtype=torch.double)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("block_dim", [1, 2, 3])
def test_components_are_botorchs_functions_on_their_boxes(name, block_dim):
    problem = CompositeTasks(name, block_dim=block_dim)
    X = unit_points(20, 2 * block_dim)
    expected = []
    for part, block in zip(name.split("+"), X.split(block_dim, dim=-1), strict=True):
        function = FUNCTIONS[part](dim=block_dim)
        low, high = function.bounds
        expected.append(function.evaluate_true(low + block * (high - low)))
    assert torch.allclose(problem.components(X), torch.stack(expected, dim=-1))


def test_values_follow_the_formula():
    problem = CompositeTasks(
        "Rastrigin+Schwefel", correlation=0.5, angle=0.4, c=2.0, alphas=[1.5, 0.2], betas=[0.3, 2.0]
    )
    u1, u2 = (
        torch.tensor(u, dtype=torch.double)
        for u in ([math.cos(0.4), math.sin(0.4)], [-math.sin(0.4), math.cos(0.4)])
    )
    X = unit_points(10, 4)
    f = problem.components(X)
    weights = [2 * u1, 2 * (0.5 * u1 + math.sqrt(0.75) * u2)]
    for task, w in enumerate(weights):
        s = f @ w
        expected = s + torch.sin(1.5 * s + 0.3) + torch.sin(0.2 * s + 2.0)
        assert torch.allclose(problem.evaluate_true(X)[:, task], expected)


@pytest.mark.parametrize("p", [1.0, 0.9, 0.5, -0.5, -1.0])
def test_directions_have_cosine_p(p):
    w1, w2 = CompositeTasks(correlation=p, seed=3).weights
    assert torch.dot(w1, w2).item() == pytest.approx(p, abs=1e-12)


def test_three_tasks_in_the_plane():
    directions = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.8, 0.6]], dtype=torch.double)
    R = directions @ directions.T
    problem = CompositeTasks(num_tasks=3, correlation=R)
    assert torch.allclose(problem.weights @ problem.weights.T, R)
    assert problem(unit_points(5, 4)).shape == (5, 3)


@pytest.mark.parametrize("name", PAIRS)
def test_normalized_components_fill_the_unit_range(name):
    problem = CompositeTasks(name, scale="normalized")
    f = problem.components(unit_points(50_000, 4))
    assert (f.abs() <= 1).all()
    assert f.amax() > 0.5
    assert f.amin() < -0.5
    raw = CompositeTasks(name).components(unit_points(50, 4))
    scaled = problem.components(unit_points(50, 4))
    for j in (0, 1):  # an affine map keeps the correlation at 1
        stacked = torch.stack([raw[:, j], scaled[:, j]])
        assert torch.corrcoef(stacked)[0, 1].item() == pytest.approx(1.0)


def refined(problem: CompositeTasks, task: int, starts: torch.Tensor) -> float:
    """Return the lowest value that a random local search from the starts arrives at."""
    generator = torch.Generator().manual_seed(8)
    points = starts
    for radius in 0.1 * 0.6 ** torch.arange(30):
        shape = (50, *points.shape)
        steps = radius * torch.randn(shape, generator=generator, dtype=torch.double)
        near = (points + steps).clamp(0, 1).reshape(-1, problem.dim)
        points = torch.cat([points, near])
        Y = problem.evaluate_true(points)[:, task]
        points = points[Y.topk(len(starts), largest=False).indices]
    return Y.min().item()


@pytest.mark.parametrize("scale", ["raw", "normalized"])
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("p", "angle"), [(0.9, 0.7), (-0.5, 2.5)], ids=["both+", "mixed"])
def test_optima_are_global_and_attained(name, scale, p, angle):
    problem = CompositeTasks(name, correlation=p, scale=scale, angle=angle, seed=1)
    attained = problem.evaluate_true(problem.optimizers).diagonal()
    assert torch.allclose(attained, problem.optimal_value, atol=1e-7)
    floor = problem.optimal_value - problem.optimality_gap - 1e-9
    X = unit_points(50_000, 4, seed=2)
    Y = problem.evaluate_true(X)
    assert (floor <= Y).all()
    for task in (0, 1):
        starts = X[Y[:, task].topk(10, largest=False).indices]
        assert refined(problem, task, starts) >= floor[task]
        assert refined(problem, task, problem.optimizers[[task]]) >= floor[task]


def test_a_global_optimizer_reaches_the_optima():
    problem = CompositeTasks("Ackley+Rastrigin", scale="normalized", angle=0.7, block_dim=1)
    for task, best in enumerate(problem.optimal_value.tolist()):
        found = differential_evolution(
            lambda x, task=task: problem.evaluate_true(torch.tensor(x.T))[..., task].numpy(),
            [(0.0, 1.0)] * 2,
            seed=0,
            vectorized=True,
            updating="deferred",
            maxiter=150,
            tol=1e-10,
        )
        assert found.fun == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("block_dim", [1, 3])
def test_optima_for_other_block_sizes(block_dim):
    for name in PAIRS:
        problem = CompositeTasks(name, block_dim=block_dim, angle=4.0)
        attained = problem.evaluate_true(problem.optimizers).diagonal()
        assert torch.allclose(attained, problem.optimal_value, atol=1e-7)
        values = problem.evaluate_true(unit_points(20_000, problem.dim))
        assert (values >= problem.optimal_value - problem.optimality_gap - 1e-9).all()


def test_defaults_come_from_the_seed():
    first, second = CompositeTasks(seed=1), CompositeTasks(seed=2)
    assert first.angle != second.angle
    assert not torch.equal(first.betas, second.betas)
    assert first.alphas.tolist() == [1.0, 2.0]
    assert first.noise_std == 0.1
    assert ((first.betas >= 0) & (first.betas < 2 * math.pi)).all()


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"name": "Ackley+Levy"}, UnsupportedError, r"a pair out of \[.*\], got 'Ackley\+Levy'"),
        ({"scale": "log"}, UnsupportedError, "'raw' or 'normalized', got 'log'"),
        ({"num_tasks": 3, "correlation": 0.5}, UnsupportedError, "rank at most 2.* got rank 3"),
        ({"correlation": -1.2}, InputDataError, "positive semidefinite"),
        ({"block_dim": 0}, InputDataError, "block_dim >= 1 .* got block_dim=0"),
        ({"c": -1.0}, InputDataError, "c > 0, got .*c=-1.0"),
        ({"betas": [0.0]}, InputDataError, r"one length, got shapes \(2,\) and \(1,\)"),
    ],
)
def test_bad_settings_are_refused(kwargs, error, match):
    with pytest.raises(error, match=match):
        CompositeTasks(**kwargs)

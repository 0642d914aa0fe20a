"""Families of related functions: definitions, draws, optima."""

import math

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.test_functions import Branin, Hartmann
from scipy.optimize import minimize

from botorch_cll.test_functions import AlpineTasks, BraninTasks, ForresterTasks, HartmannTasks
from botorch_cll.test_functions.univariate import minimize_univariate

A3 = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
P3 = np.array(
    [
        [0.3689, 0.1170, 0.2673],
        [0.4699, 0.4387, 0.7470],
        [0.1091, 0.8732, 0.5547],
        [0.0381, 0.5743, 0.8828],
    ]
)


def forrester(x, a, b, c):
    return a * (6 * x[0] - 2) ** 2 * np.sin(12 * x[0] - 4) + b * (x[0] - 0.5) - c


def alpine(x, s):
    return x[0] * np.sin(x[0] + np.pi + s) + x[0] / 10


def branin(x, a, b, c, r, s, t):
    return a * (x[1] - b * x[0] ** 2 + c * x[0] - r) ** 2 + s * (1 - t) * np.cos(x[0]) + s


def hartmann(x, *alphas):
    return -sum(alphas[i] * np.exp(-(A3[i] @ (x - P3[i]) ** 2)) for i in range(4))


FAMILIES = {
    "forrester": (ForresterTasks, forrester),
    "alpine": (AlpineTasks, alpine),
    "branin": (BraninTasks, branin),
    "hartmann": (lambda *args, **kwargs: HartmannTasks(3, *args, **kwargs), hartmann),
}
RANGES = {
    "forrester": [(0.2, 3), (-5, 15), (-5, 5)],
    "alpine": [(0, math.pi / 2)],
    "branin": [(0.5, 1.5), (0.1, 0.15), (1, 2), (5, 7), (8, 12), (0.03, 0.05)],
    "hartmann": [(1, 1.02), (1.18, 1.2), (2.8, 3.0), (3.2, 3.4)],
}
BY_NAME = pytest.mark.parametrize("name", FAMILIES)


def grid(problem, points):
    low, high = problem.bounds
    axes = [
        torch.linspace(a, b, points, dtype=torch.double) for a, b in zip(low, high, strict=True)
    ]
    return torch.cartesian_prod(*axes).reshape(-1, problem.dim)


@BY_NAME
@pytest.mark.parametrize("shape", [(), (5,), (2, 3)], ids=str)
def test_tasks_follow_their_definitions(name, shape):
    make, function = FAMILIES[name]
    problem = make(num_tasks=5, seed=2)
    low, high = problem.bounds
    unit = torch.rand(*shape, problem.dim, generator=torch.Generator().manual_seed(1)).double()
    X = low + unit * (high - low)
    parameters = problem.task_parameters.tolist()
    expected = [
        [function(x, *row) for row in parameters] for x in X.reshape(-1, problem.dim).numpy()
    ]
    expected = torch.tensor(expected, dtype=torch.double).reshape(*shape, 5)
    torch.testing.assert_close(problem.evaluate_true(X), expected, rtol=1e-10, atol=1e-10)


@BY_NAME
def test_parameters_are_uniform_in_their_ranges(name):
    make, _ = FAMILIES[name]
    parameters = torch.cat([make(num_tasks=20, seed=seed).task_parameters for seed in range(15)])
    low, high = torch.tensor(RANGES[name], dtype=torch.double).T
    share = ((parameters - low) / (high - low)).sort(dim=0).values
    assert share.shape == (300, len(RANGES[name]))
    assert ((share >= 0) & (share <= 1)).all()
    # Kolmogorov-Smirnov: one uniform sample in a hundred is further away than 1.63 / √n.
    steps = torch.arange(300, dtype=torch.double).unsqueeze(-1) / 300
    assert (share - steps).abs().max() < 1.63 / math.sqrt(300)
    if share.shape[1] > 1:
        correlations = torch.corrcoef(parameters.T).fill_diagonal_(0)
        assert correlations.abs().max() < 0.2


@BY_NAME
def test_tasks_come_from_the_seed_and_more_of_them_leave_the_first_ones(name):
    make, _ = FAMILIES[name]
    few, many, other = make(3, seed=7), make(20, seed=7), make(3, seed=8)
    assert make().num_tasks == 8
    assert torch.equal(few.task_parameters, many.task_parameters[:3])
    assert not torch.equal(few.task_parameters, other.task_parameters)
    assert torch.equal(few.optimal_value, many.optimal_value[:3])


@BY_NAME
@pytest.mark.parametrize("seed", range(3))
def test_optima_are_attained_and_nothing_is_below(name, seed):
    make, _ = FAMILIES[name]
    problem = make(seed=seed)
    attained = problem.evaluate_true(problem.optimizers).diagonal()
    torch.testing.assert_close(attained, problem.optimal_value, rtol=0, atol=1e-12)
    X = grid(problem, {1: 200_001, 2: 801, 3: 61}[problem.dim])
    values, indices = problem.evaluate_true(X).min(dim=0)
    assert (values >= problem.optimal_value - problem.optimality_gap - 1e-12).all()
    # A local search from the best point of the grid ends where the certificate is.
    _, function = FAMILIES[name]
    for task, row in enumerate(problem.task_parameters.tolist()):
        bounds = problem.bounds.T.tolist()
        start = X[indices[task]].numpy()
        run = minimize(function, start, tuple(row), "L-BFGS-B", bounds=bounds, tol=1e-12)
        assert run.fun == pytest.approx(problem.optimal_value[task].item(), abs=1e-6)
        assert run.fun >= problem.optimal_value[task] - problem.optimality_gap[task] - 1e-12


@BY_NAME
def test_gaps_are_what_is_said(name):
    problem = FAMILIES[name][0](num_tasks=2)
    expected = {"forrester": 1e-9, "alpine": 1e-9, "branin": 0.0, "hartmann": 1e-6}[name]
    assert problem.optimality_gap.tolist() == [expected] * 2


@pytest.mark.parametrize("name", ["forrester", "alpine"])
def test_certificates_rest_on_true_derivatives_and_curvatures(name, monkeypatch):
    calls = []

    def record(function, derivative, curvature, lower, upper):
        calls.append((function, derivative, curvature, lower, upper))
        return minimize_univariate(function, derivative, curvature, lower, upper)

    monkeypatch.setattr("botorch_cll.test_functions.families.minimize_univariate", record)
    make, definition = FAMILIES[name]
    problem = make()
    for row, (function, derivative, curvature, lower, upper) in zip(
        problem.task_parameters.tolist(), calls, strict=True
    ):
        assert [lower, upper] == problem.bounds.flatten().tolist()
        x, h = np.linspace(lower, upper, 20_001), (upper - lower) / 20_000
        values, slopes = definition(x[None], *row), derivative(x)
        np.testing.assert_allclose(function(x), values, atol=1e-12)
        np.testing.assert_allclose(
            np.gradient(values, h)[1:-1], slopes[1:-1], atol=1e-3 * curvature
        )
        # Bounds that are too large would only cost time, but these are near the truth.
        largest = np.abs(np.diff(slopes) / h).max()
        assert 0.8 * curvature <= largest <= curvature


def test_branin_at_its_usual_parameters_is_botorch_s():
    problem = BraninTasks(num_tasks=2)
    usual = [1, 5.1 / (4 * math.pi**2), 5 / math.pi, 6, 10, 1 / (8 * math.pi)]
    problem.task_parameters[1] = torch.tensor(usual)
    X = grid(problem, 20)
    torch.testing.assert_close(problem(X)[:, 1], Branin()(X), rtol=1e-5, atol=1e-5)
    x, value, _ = problem._minimize(*usual)
    assert value == pytest.approx(Branin._optimal_value, abs=1e-6)
    assert x == pytest.approx(Branin._optimizers[0], abs=1e-3)


@pytest.mark.parametrize("dim", [3, 6])
def test_hartmann_at_its_usual_weights_is_botorch_s(dim):
    problem, botorch_s = HartmannTasks(dim, num_tasks=2), Hartmann(dim)
    usual = [1.0, 1.2, 3.0, 3.2]
    problem.task_parameters[1] = torch.tensor(usual)
    X = torch.rand(100, dim, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(problem(X)[:, 1], botorch_s(X), rtol=1e-6, atol=1e-6)
    x, value, _ = problem._minimize(*usual)
    assert value == pytest.approx(botorch_s._optimal_value, abs=1e-5)
    assert x == pytest.approx(botorch_s.optimizers[0].tolist(), abs=1e-4)


def test_six_inputs_have_their_minimum_in_either_of_two_basins():
    problem = HartmannTasks(6, seed=8)
    in_third, in_fourth = ((problem.optimizers[:, 1] - x).abs() < 0.01 for x in (0.150, 0.882))
    assert in_third.any()
    assert in_fourth.any()
    assert (in_third | in_fourth).all()
    X = torch.rand(50_000, 6, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    lowest = problem.optimal_value - problem.optimality_gap
    assert (problem(X) >= lowest).all()
    A, P = problem.A.numpy(), problem.P.numpy()
    for task, alphas in enumerate(problem.task_parameters.numpy()):
        runs = [
            minimize(
                lambda x, alphas=alphas: -alphas @ np.exp(-(A * (x - P) ** 2).sum(-1)),
                start,
                method="L-BFGS-B",
                bounds=[(0.0, 1.0)] * 6,
                tol=1e-12,
            ).fun
            for start in P
        ]
        assert min(runs) == pytest.approx(problem.optimal_value[task].item(), abs=1e-6)


def test_hartmann_is_the_same_at_every_default_dtype():
    expected = HartmannTasks(3, num_tasks=2)
    torch.set_default_dtype(torch.double)
    try:
        problem = HartmannTasks(3, num_tasks=2)
    finally:
        torch.set_default_dtype(torch.float)
    for name, buffer in expected.named_buffers():
        assert torch.equal(buffer, problem.get_buffer(name)), name
    assert problem.A.tolist() == A3.tolist()
    assert problem.P.tolist() == P3.tolist()


@pytest.mark.parametrize("dim", [2, 4])
def test_other_numbers_of_inputs_are_refused(dim):
    with pytest.raises(UnsupportedError, match=f"Expected `dim` 3 or 6, got {dim}"):
        HartmannTasks(dim)

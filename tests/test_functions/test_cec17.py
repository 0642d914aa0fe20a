"""The CEC'17 pairs: functions, intersections, exact optima."""

import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions.synthetic import Ackley, Griewank, Rastrigin, Rosenbrock
from scipy.optimize import minimize

from botorch_cll.test_functions import CEC17Tasks, Schwefel, Sphere, Weierstrass

NAMES = ["CI+HS", "CI+MS", "CI+LS", "PI+HS", "PI+MS", "PI+LS", "NI+HS", "NI+MS", "NI+LS"]
BY_NAME = pytest.mark.parametrize("name", NAMES)

# Function, half width of the box and shift of either task, for four inputs.
DEFINITIONS = {
    "CI+HS": ((Griewank, 100, [0] * 4), (Rastrigin, 50, [0] * 4)),
    "CI+MS": ((Ackley, 50, [0] * 4), (Rastrigin, 50, [0] * 4)),
    "CI+LS": ((Ackley, 50, [42.0968746] * 4), (Schwefel, 500, [0] * 4)),
    "PI+HS": ((Rastrigin, 50, [0] * 4), (Sphere, 100, [0, 0, 20, 20])),
    "PI+MS": ((Ackley, 50, [0, 0, 1, 1]), (Rosenbrock, 50, [0] * 4)),
    "PI+LS": ((Ackley, 50, [0] * 4), (Weierstrass, 0.5, [0] * 2)),
    "NI+HS": ((Rosenbrock, 50, [0] * 4), (Rastrigin, 50, [0] * 4)),
    "NI+MS": ((Griewank, 100, [10] * 4), (Weierstrass, 0.5, [0] * 4)),
    "NI+LS": ((Rastrigin, 50, [0] * 4), (Schwefel, 500, [0] * 4)),
}
NOT_ROTATED = (Rosenbrock, Schwefel, Sphere)


@BY_NAME
def test_tasks_follow_their_definitions(name):
    problem = CEC17Tasks(name, dim=4, seed=2)
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(10, 4, generator=generator, dtype=torch.double)
    Y = problem.evaluate_true(X)
    for task, (function, half_width, shift) in enumerate(DEFINITIONS[name]):
        dim = len(shift)
        rotation = problem.get_buffer(f"rotation_{task + 1}")
        identity = torch.eye(dim, dtype=torch.double)
        assert torch.allclose(rotation @ rotation.T, identity)
        assert torch.equal(rotation, identity) == (function in NOT_ROTATED)
        x = -half_width + 2 * half_width * X[:, :dim]
        z = (x - torch.tensor(shift, dtype=torch.double)) @ rotation.T
        bounds = [(-1e4, 1e4)] * dim
        expected = function(dim=dim, bounds=bounds).evaluate_true(z)
        # The shift of CI+LS is rounded above, and Weierstrass is rough.
        assert torch.allclose(Y[:, task], expected, rtol=1e-5)


@BY_NAME
@pytest.mark.parametrize("dim", [2, 5, 10, 50])
def test_optima_are_attained_and_nothing_is_below(name, dim):
    problem = CEC17Tasks(name, dim=dim)
    assert problem.optimal_value.tolist() == [0.0, 0.0]
    attained = problem.evaluate_true(problem.optimizers).diagonal()
    assert torch.allclose(attained, torch.zeros(2, dtype=torch.double), atol=1e-6)
    generator = torch.Generator().manual_seed(1)
    X = torch.rand(2000, dim, generator=generator, dtype=torch.double)
    assert (problem.evaluate_true(X) > 0).all()
    near = (problem.optimizers.unsqueeze(1) + 1e-3 * (X[:500] - 0.5)).clamp(0, 1)
    assert (problem.evaluate_true(near) >= -1e-9).all()


@BY_NAME
def test_local_refinement_does_not_undercut_the_optima(name):
    problem = CEC17Tasks(name, dim=3)
    generator = torch.Generator().manual_seed(3)
    for task in (0, 1):
        start = problem.optimizers[task]
        start = start + 0.02 * (torch.rand(3, generator=generator, dtype=torch.double) - 0.5)
        run = minimize(
            lambda x, task=task: problem.evaluate_true(torch.tensor(x).clamp(0, 1))[task].item(),
            start.clamp(0, 1).numpy(),
            method="Nelder-Mead",
            options={"maxfev": 400},
        )
        assert run.fun >= -1e-9


@BY_NAME
def test_optima_intersect_as_the_name_says(name):
    problem = CEC17Tasks(name, dim=8)
    first, second = problem.optimizers
    agree = torch.isclose(first, second, atol=1e-9)
    # Weierstrass in PI+LS leaves the second half open; its optimizer is completed by 0.5.
    expected = {"CI": 8, "PI": 8 if name == "PI+LS" else 4, "NI": 0}[name[:2]]
    assert agree.sum() == expected


def test_half_of_the_inputs_are_ignored_by_weierstrass():
    problem = CEC17Tasks("PI+LS", dim=5)
    X = torch.rand(2, 5, dtype=torch.double)
    X[1, :2] = X[0, :2]
    Y = problem.evaluate_true(X)
    assert Y[0, 1] == Y[1, 1]
    assert Y[0, 0] != Y[1, 0]


def test_rotations_come_from_the_seed():
    first, second = CEC17Tasks("CI+HS", seed=1), CEC17Tasks("CI+HS", seed=2)
    assert not torch.allclose(first.rotation_1, second.rotation_1)
    assert not torch.allclose(first.rotation_1, first.rotation_2)


def test_bad_settings_are_refused():
    with pytest.raises(UnsupportedError, match=r"out of \['CI\+HS', .*\], got 'XI\+HS'"):
        CEC17Tasks("XI+HS")
    with pytest.raises(InputDataError, match="`dim` to be at least 2, got 1"):
        CEC17Tasks("CI+HS", dim=1)

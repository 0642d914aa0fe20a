import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions import Levy

from botorch_cll.test_functions import ShiftedTasks
from botorch_cll.test_functions.shifted import SHIFTED_FUNCTIONS


@pytest.mark.parametrize("name", SHIFTED_FUNCTIONS)
def test_corners_of_the_cube_stay_within_the_function_s_box(name: str) -> None:
    problem = ShiftedTasks(name, max_shift=0.125, seed=3)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * problem.dim)
    values = problem(corners)
    assert values.shape == (2**problem.dim, 2)
    assert values.isfinite().all()


def test_first_task_is_botorch_s_function_and_second_its_shift() -> None:
    problem = ShiftedTasks("Levy", seed=1)
    X = torch.rand(7, 4, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    levy = Levy(dim=4)
    z = 0.1 + 0.8 * X
    for task in (0, 1):
        inside = levy.bounds[0] + (levy.bounds[1] - levy.bounds[0]) * (z + problem.shift[task])
        torch.testing.assert_close(problem(X)[:, task], levy(inside))
    assert problem.shift[0].abs().max() == 0.0
    assert 0.0 < problem.shift[1].abs().max() <= 0.8 * 0.12


def test_rosenbrock_is_on_a_log_scale() -> None:
    X = torch.zeros(1, 4, dtype=torch.double)
    assert ShiftedTasks("Rosenbrock")(X).max() < 10.0


def test_refusals() -> None:
    with pytest.raises(UnsupportedError, match="Expected a function out of .*got 'Sphere'"):
        ShiftedTasks("Sphere")
    with pytest.raises(InputDataError, match=r"max_shift in \[0, 0.125\], got 0.5"):
        ShiftedTasks("Levy", max_shift=0.5)
    with pytest.raises(NotImplementedError, match="ShiftedTasks does not specify an optimal"):
        _ = ShiftedTasks("Levy").optimal_value

"""The two-task problems of the CEC 2017 competition on evolutionary multitasking."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions import Ackley, Griewank, Rastrigin, Rosenbrock
from botorch.test_functions.synthetic import SyntheticTestFunction
from torch import Tensor

from botorch_cll.test_functions.base import MultiTaskTestProblem
from botorch_cll.test_functions.mixing import random_orthonormal
from botorch_cll.test_functions.synthetic import SCHWEFEL_OPTIMIZER, Schwefel, Sphere, Weierstrass


class _Task(NamedTuple):
    """One task: a function of `z = M (x - o)` for `x` in the cube `[-half_width, half_width]^d`.

    `shift` holds the entries of `o` in the first and in the second half of the coordinates.
    `optimizer` is the minimizer of the function itself. `half_dim` tasks read only the first half
    of the coordinates.
    """

    function: type[SyntheticTestFunction]
    half_width: float
    shift: tuple[float, float] = (0.0, 0.0)
    rotated: bool = True
    optimizer: float = 0.0
    half_dim: bool = False


_ROSENBROCK = _Task(Rosenbrock, 50.0, rotated=False, optimizer=1.0)
_SCHWEFEL = _Task(Schwefel, 500.0, rotated=False, optimizer=SCHWEFEL_OPTIMIZER)
# Ackley's box is a tenth of Schwefel's, so that these optima coincide in the unit cube.
_ON_SCHWEFEL = (SCHWEFEL_OPTIMIZER / 10.0, SCHWEFEL_OPTIMIZER / 10.0)

_PROBLEMS = {
    "CI+HS": (_Task(Griewank, 100.0), _Task(Rastrigin, 50.0)),
    "CI+MS": (_Task(Ackley, 50.0), _Task(Rastrigin, 50.0)),
    "CI+LS": (_Task(Ackley, 50.0, shift=_ON_SCHWEFEL), _SCHWEFEL),
    "PI+HS": (_Task(Rastrigin, 50.0), _Task(Sphere, 100.0, shift=(0.0, 20.0), rotated=False)),
    "PI+MS": (_Task(Ackley, 50.0, shift=(0.0, 1.0)), _ROSENBROCK),
    "PI+LS": (_Task(Ackley, 50.0), _Task(Weierstrass, 0.5, half_dim=True)),
    "NI+HS": (_ROSENBROCK, _Task(Rastrigin, 50.0)),
    "NI+MS": (_Task(Griewank, 100.0, shift=(10.0, 10.0)), _Task(Weierstrass, 0.5)),
    "NI+LS": (_Task(Rastrigin, 50.0), _SCHWEFEL),
}


class CEC17Tasks(MultiTaskTestProblem):
    r"""Nine pairs of classic functions with more or less in common.

    .. math:: y_t(x) = f_t(M_t (\ell_t + x (h_t - \ell_t) - o_t)), \qquad x \in [0, 1]^d

    with the task's box `[ℓ_t, h_t]`, shift `o_t` and orthogonal `M_t`. The first part of a name
    says how far the optima agree in the unit cube, the second how similar the landscapes are:

    ===== ============================== ==============================
    Name  Task 1 (half width of the box) Task 2
    ===== ============================== ==============================
    CI+HS Griewank (100)                 Rastrigin (50)
    CI+MS Ackley (50)                    Rastrigin (50)
    CI+LS Ackley (50)                    Schwefel (500), not rotated
    PI+HS Rastrigin (50)                 Sphere (100), not rotated
    PI+MS Ackley (50)                    Rosenbrock (50), not rotated
    PI+LS Ackley (50)                    Weierstrass (0.5), half of the inputs
    NI+HS Rosenbrock (50), not rotated   Rastrigin (50)
    NI+MS Griewank (100)                 Weierstrass (0.5)
    NI+LS Rastrigin (50)                 Schwefel (500), not rotated
    ===== ============================== ==============================

    Complete intersection (CI): the same optimum; partial (PI): half of its coordinates agree;
    none (NI): it differs in every coordinate. In PI+LS the second task ignores the second half of
    the inputs (25 of 50 in the original), so that its optimum constrains only the first half.

    Source: B. Da et al., Evolutionary multitasking for single-objective continuous optimization:
    benchmark problems, performance metric and baseline results, arXiv:1706.03470, 2017. Boxes and
    shifts are those of the published data files; their rotations, for 50 inputs, are replaced by
    Haar-random ones from the seed, so that values do not compare with published tables. As in the
    original, many optima lie in the center of the cube, which flatters methods that start there.

    Optima are exact: no function is negative and each is zero at its shifted minimizer, which
    lies in the box (a rotation leaves the minimizer in place).

    Args:
        name: The problem, as in the table.
        dim: The number `d` of inputs, at least 2 (the original has 50).
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        InputDataError: If there are fewer than two inputs.
        UnsupportedError: If the name is unknown.

    Example:
        >>> problem = CEC17Tasks("PI+MS", dim=6)
        >>> problem.optimal_value
        tensor([0., 0.], dtype=torch.float64)
    """

    _functions: Any  # a ModuleList of BoTorch functions

    def __init__(
        self,
        name: Literal[
            "CI+HS", "CI+MS", "CI+LS", "PI+HS", "PI+MS", "PI+LS", "NI+HS", "NI+MS", "NI+LS"
        ] = "CI+HS",
        dim: int = 10,
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if name not in _PROBLEMS:
            raise UnsupportedError(f"Expected a problem out of {list(_PROBLEMS)}, got {name!r}.")
        if dim < 2:
            raise InputDataError(f"Expected `dim` to be at least 2, got {dim}.")
        super().__init__(dim, 2, [(0.0, 1.0)] * dim, noise_std, negate, seed, dtype)
        self.name = name
        self._tasks = _PROBLEMS[name]
        self._functions = torch.nn.ModuleList()
        optimizers = torch.full((2, dim), 0.5, dtype=torch.double)
        for t, task in enumerate(self._tasks):
            task_dim = dim // 2 if task.half_dim else dim
            box = [(-task.half_width, task.half_width)] * task_dim
            self._functions.append(task.function(dim=task_dim, bounds=box, dtype=dtype))
            rotation = torch.eye(task_dim, dtype=torch.double)
            if task.rotated:
                rotation = random_orthonormal(task_dim, task_dim, self._parameter_generator)
            shift = torch.full((task_dim,), task.shift[0], dtype=torch.double)
            shift[dim // 2 :] = task.shift[1]
            self.register_buffer(f"rotation_{t + 1}", rotation.to(dtype))
            self.register_buffer(f"shift_{t + 1}", shift.to(dtype))
            optimizers[t, :task_dim] = 0.5 + (shift + task.optimizer) / (2.0 * task.half_width)
        zeros = torch.zeros(2, dtype=torch.double)
        self._set_optima(zeros, optimizers, zeros)

    def _evaluate_true(self, X: Tensor) -> Tensor:
        values = []
        for t, (task, function) in enumerate(zip(self._tasks, self._functions, strict=True)):
            shift = self.get_buffer(f"shift_{t + 1}").to(X)
            rotation = self.get_buffer(f"rotation_{t + 1}").to(X)
            x = (2.0 * X[..., : function.dim] - 1.0) * task.half_width
            # Not `evaluate_true`: rotated points may leave the box, where the functions live on.
            values.append(function._evaluate_true((x - shift) @ rotation.T))
        return torch.stack(values, dim=-1)

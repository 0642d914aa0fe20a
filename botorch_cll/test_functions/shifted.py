"""Pairs of one function and a shifted copy of it."""

from collections.abc import Sequence

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions import Ackley, Griewank, Hartmann, Levy, Rosenbrock, StyblinskiTang
from botorch.test_functions.synthetic import SyntheticTestFunction
from torch import Tensor

from botorch_cll.test_functions.base import MultiTaskTestProblem

SHIFTED_FUNCTIONS: dict[str, tuple[type[SyntheticTestFunction], int]] = {
    "Levy": (Levy, 4),
    "Rosenbrock": (Rosenbrock, 4),
    "StyblinskiTang": (StyblinskiTang, 4),
    "Hartmann": (Hartmann, 6),
    "Ackley": (Ackley, 5),
    "Griewank": (Griewank, 4),
}
_MIDDLE = 0.8


class ShiftedTasks(MultiTaskTestProblem):
    r"""One of BoTorch's functions and a copy of it that is shifted by a little.

    .. math:: y_1(x) = f(z(x)), \qquad y_2(x) = f(z(x) + \delta), \qquad
        z(x) = 0.1 + 0.8\, x, \quad x \in [0, 1]^d

    with `f` on its usual box scaled to the unit cube and `δ` uniform on `[-0.8 s, 0.8 s]^d` for a
    `max_shift` of `s`, so that no task leaves the box. Rosenbrock's values enter as `log10(1 + y)`.

    Args:
        name: A key of `SHIFTED_FUNCTIONS`.
        max_shift: The largest shift per input, as a share of the unit cube, at most 0.125.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        UnsupportedError: If the function is unknown.
        InputDataError: If the shift is out of range.

    Example:
        >>> problem = ShiftedTasks("Levy", seed=1)
        >>> problem(torch.rand(20, 4, dtype=torch.double)).shape
        torch.Size([20, 2])
    """

    def __init__(
        self,
        name: str = "Levy",
        max_shift: float = 0.12,
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if name not in SHIFTED_FUNCTIONS:
            known = list(SHIFTED_FUNCTIONS)
            raise UnsupportedError(f"Expected a function out of {known}, got {name!r}.")
        if not 0.0 <= max_shift <= 0.125:
            raise InputDataError(f"Expected max_shift in [0, 0.125], got {max_shift}.")
        function_class, dim = SHIFTED_FUNCTIONS[name]
        super().__init__(dim, 2, [(0.0, 1.0)] * dim, noise_std, negate, seed, dtype)
        self.name = name
        self._function = function_class(dim=dim, dtype=dtype)
        drawn = torch.rand(dim, generator=self._parameter_generator, dtype=torch.double)
        shift = _MIDDLE * max_shift * (2.0 * drawn - 1.0)
        self.register_buffer("shift", torch.stack([torch.zeros_like(shift), shift]).to(dtype))

    def _evaluate_true(self, X: Tensor) -> Tensor:
        low, high = self._function.bounds.to(X)
        z = 0.5 * (1.0 - _MIDDLE) + _MIDDLE * X.unsqueeze(-2) + self.shift.to(X)
        values = self._function._evaluate_true(low + (high - low) * z)
        return torch.log10(1.0 + values) if self.name == "Rosenbrock" else values

"""Families of related functions, of which every task is a random member."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.test_functions import Hartmann
from torch import Tensor

from botorch_cll.test_functions.base import MultiTaskTestProblem
from botorch_cll.test_functions.gaussians import minimize_gaussians
from botorch_cll.test_functions.univariate import minimize_univariate


class _FamilyTasks(MultiTaskTestProblem):
    """Tasks that are independent draws from a family of functions.

    Subclasses name the box and the ranges of the parameters, each uniform, and find the minimum of
    a task. The `T x k`-dim buffer `task_parameters` has a row per task. A row depends on the seed
    and on its number, not on how many follow: further tasks leave the first ones as they are.
    """

    task_parameters: Tensor
    _box: tuple[tuple[float, float], ...]
    _ranges: ClassVar[tuple[tuple[float, float], ...]]

    def __init__(
        self,
        num_tasks: int = 8,
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        super().__init__(len(self._box), num_tasks, self._box, noise_std, negate, seed, dtype)
        low, high = torch.tensor(self._ranges, dtype=torch.double).T
        shape, generator = (num_tasks, len(low)), self._parameter_generator
        drawn = torch.rand(shape, generator=generator, dtype=torch.double)
        self.register_buffer("task_parameters", (low + (high - low) * drawn).to(dtype))
        # In double, but of the parameters as they are kept.
        optima = [self._minimize(*row) for row in self.task_parameters.double().tolist()]
        optimizers, values, gaps = (
            torch.tensor(column, dtype=torch.double) for column in zip(*optima, strict=True)
        )
        self._set_optima(values, optimizers, gaps)

    @abstractmethod
    def _minimize(self, *parameters: float) -> tuple[list[float], float, float]:
        """The minimizer of the task with these parameters, its value, and the gap below it."""


class ForresterTasks(_FamilyTasks):
    r"""Forrester's function, scaled, tilted and shifted at random.

    .. math:: y_t(x) = a_t (6x - 2)^2 \sin(12x - 4) + b_t (x - 0.5) - c_t, \qquad x \in [0, 1],

    with `a ~ U(0.2, 3)`, `b ~ U(-5, 15)` and `c ~ U(-5, 5)`, the columns of `task_parameters`.

    Source of the function: Forrester, Sóbester and Keane, Engineering Design via Surrogate
    Modelling, Wiley, 2008; of the family: the same, Multi-fidelity optimization via surrogate
    modelling, Proceedings of the Royal Society A 463, 2007; of the ranges: Tighineanu et al.,
    Transfer Learning with Gaussian Processes for Bayesian Optimization, AISTATS 2022, supplement.

    Optima are certified to 1e-9. With `u = 6x - 2` in [-2, 4] the second derivative is
    `36 a ((2 - 4u²) sin 2u + 8u cos 2u)`, at most `36 a √(16u⁴ + 48u² + 4) < 2520 a` in absolute
    value.

    Args:
        num_tasks: The number `T` of tasks.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Example:
        >>> problem = ForresterTasks(num_tasks=4, seed=1)
        >>> problem(torch.rand(20, 1, dtype=torch.double)).shape
        torch.Size([20, 4])
    """

    _box = ((0.0, 1.0),)
    _ranges = ((0.2, 3.0), (-5.0, 15.0), (-5.0, 5.0))

    def _evaluate_true(self, X: Tensor) -> Tensor:
        a, b, c = self.task_parameters.to(X).T
        u = 6.0 * X - 2.0
        return a * u.square() * torch.sin(2.0 * u) + b * (X - 0.5) - c

    def _minimize(self, *parameters: float) -> tuple[list[float], float, float]:
        a, b, c = parameters
        x, value, gap = minimize_univariate(
            lambda x: a * (6 * x - 2) ** 2 * np.sin(12 * x - 4) + b * (x - 0.5) - c,
            lambda x: (
                12 * a * (6 * x - 2) * (np.sin(12 * x - 4) + (6 * x - 2) * np.cos(12 * x - 4)) + b
            ),
            curvature=2520.0 * a,
            lower=0.0,
            upper=1.0,
        )
        return [x], value, gap


class AlpineTasks(_FamilyTasks):
    r"""Alpine's function without its absolute value, its phase shifted at random.

    .. math:: y_t(x) = x \sin(x + \pi + s_t) + x / 10, \qquad x \in [-10, 10],

    with `s ~ U(0, π/2)`, the column of `task_parameters`.

    Source of the function: Jamil and Yang, A literature survey of benchmark functions for global
    optimization problems, International Journal of Mathematical Modelling and Numerical
    Optimisation 4, 2013 (Alpine 1); of the family: Tighineanu et al., Transfer Learning with
    Gaussian Processes for Bayesian Optimization, AISTATS 2022, supplement.

    Optima are certified to 1e-9. With `v = x + π + s` the second derivative is `2 cos v - x sin v`,
    at most `√(4 + x²) <= √104` in absolute value.

    Args:
        num_tasks: The number `T` of tasks.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Example:
        >>> problem = AlpineTasks(num_tasks=4, seed=1)
        >>> problem(torch.zeros(20, 1, dtype=torch.double)).shape
        torch.Size([20, 4])
    """

    _box = ((-10.0, 10.0),)
    _ranges = ((0.0, math.pi / 2),)

    def _evaluate_true(self, X: Tensor) -> Tensor:
        return X * torch.sin(X + math.pi + self.task_parameters.to(X).T[0]) + X / 10.0

    def _minimize(self, *parameters: float) -> tuple[list[float], float, float]:
        phase = math.pi + parameters[0]
        x, value, gap = minimize_univariate(
            lambda x: x * np.sin(x + phase) + x / 10,
            lambda x: np.sin(x + phase) + x * np.cos(x + phase) + 0.1,
            curvature=math.sqrt(104.0),
            lower=-10.0,
            upper=10.0,
        )
        return [x], value, gap


class BraninTasks(_FamilyTasks):
    r"""Branin's function with its six parameters drawn at random.

    .. math:: y_t(x) = a (x_2 - b x_1^2 + c x_1 - r)^2 + s (1 - t) \cos(x_1) + s, \qquad
        x_1 \in [-5, 10], \; x_2 \in [0, 15],

    with `a ~ U(0.5, 1.5)`, `b ~ U(0.1, 0.15)`, `c ~ U(1, 2)`, `r ~ U(5, 7)`, `s ~ U(8, 12)` and
    `t ~ U(0.03, 0.05)` for each task, the columns of `task_parameters`.

    Source of the function: Dixon and Szegö, The global optimization problem: an introduction,
    Towards Global Optimization 2, North-Holland, 1978; of the ranges: Tighineanu et al., Transfer
    Learning with Gaussian Processes for Bayesian Optimization, AISTATS 2022, supplement.

    Optima are exact: no square is negative and no cosine below -1, so no value is below `s t`,
    which is attained at `x_1 = -π`, `x_2 = b π² + c π + r` for all parameters, as that `x_2` lies
    between 9.1 and 14.8. That is one minimizer for each task and the same `x_1` for all; those
    near `x_1 = π` and `x_1 = 3π` are minimizers too where the `x_2` that they need is in the box.

    Args:
        num_tasks: The number `T` of tasks.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Example:
        >>> problem = BraninTasks(num_tasks=4, seed=1)
        >>> problem.optimizers[:, 0]
        tensor([-3.1416, -3.1416, -3.1416, -3.1416], dtype=torch.float64)
    """

    _box = ((-5.0, 10.0), (0.0, 15.0))
    _ranges = ((0.5, 1.5), (0.1, 0.15), (1.0, 2.0), (5.0, 7.0), (8.0, 12.0), (0.03, 0.05))

    def _evaluate_true(self, X: Tensor) -> Tensor:
        a, b, c, r, s, t = self.task_parameters.to(X).T
        x1, x2 = X.unsqueeze(-2).unbind(dim=-1)
        valley = x2 - b * x1.square() + c * x1 - r
        return a * valley.square() + s * (1.0 - t) * torch.cos(x1) + s

    def _minimize(self, *parameters: float) -> tuple[list[float], float, float]:
        _, b, c, r, s, t = parameters
        return [-math.pi, b * math.pi**2 + c * math.pi + r], s * t, 0.0


class HartmannTasks(_FamilyTasks):
    r"""Hartmann's function with the weights of its four Gaussians drawn at random.

    .. math:: y_t(x) = -\sum_{i=1}^4 \alpha_{ti}
        \exp\Bigl(-\sum_j A_{ij} (x_j - P_{ij})^2\Bigr), \qquad x \in [0, 1]^d,

    with `A` and `P` of BoTorch's `Hartmann` and `α_1 ~ U(1, 1.02)`, `α_2 ~ U(1.18, 1.2)`,
    `α_3 ~ U(2.8, 3)` and `α_4 ~ U(3.2, 3.4)`, the columns of `task_parameters`.

    Source of the function: Dixon and Szegö, The global optimization problem: an introduction,
    Towards Global Optimization 2, North-Holland, 1978; of the ranges: Tighineanu et al., Transfer
    Learning with Gaussian Processes for Bayesian Optimization, AISTATS 2022, supplement.

    Optima are certified to 1e-6, by branch and bound. With three inputs they lie close together.
    With six there are two basins of nearly equal depth: most tasks have their minimum at
    `x_2 = 0.88`, about one in five at `x_2 = 0.15`.

    Args:
        dim: The number `d` of inputs, 3 or 6.
        num_tasks: The number `T` of tasks.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        UnsupportedError: If `dim` is neither 3 nor 6.

    Example:
        >>> problem = HartmannTasks(dim=3, num_tasks=4, seed=1)
        >>> problem(torch.rand(20, 3, dtype=torch.double)).shape
        torch.Size([20, 4])
    """

    A: Tensor
    P: Tensor
    _ranges = ((1.0, 1.02), (1.18, 1.2), (2.8, 3.0), (3.2, 3.4))

    def __init__(
        self,
        dim: Literal[3, 6] = 6,
        num_tasks: int = 8,
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if dim not in (3, 6):
            raise UnsupportedError(f"Expected `dim` 3 or 6, got {dim}.")
        self._box = ((0.0, 1.0),) * dim  # read by the base class
        super().__init__(num_tasks, noise_std, negate, seed, dtype)
        for name, values in zip("AP", _widths_and_centers(dim), strict=True):
            self.register_buffer(name, values.to(dtype))

    def _evaluate_true(self, X: Tensor) -> Tensor:
        squares = (X.unsqueeze(-2) - self.P.to(X)).square()
        return -torch.exp(-(self.A.to(X) * squares).sum(dim=-1)) @ self.task_parameters.to(X).T

    def _minimize(self, *parameters: float) -> tuple[list[float], float, float]:
        A, P = (values.numpy() for values in _widths_and_centers(self.dim))
        x, value, gap = minimize_gaussians(np.array(parameters), A, P)
        return x.tolist(), value, gap


def _widths_and_centers(dim: int) -> tuple[Tensor, Tensor]:
    """The `4 x d`-dim `A` and `P` of BoTorch's function in double precision.

    BoTorch keeps `A` in the default dtype; it has two decimals, which single precision rounds.
    """
    function = Hartmann(dim=dim)
    return function.A.double().round(decimals=2), function.P.double() / 1e4

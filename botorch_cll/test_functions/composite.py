"""Pairs of classic functions mixed into correlated tasks: the problems of the CLL paper."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.test_functions.synthetic import Ackley, Griewank, Rastrigin, SyntheticTestFunction
from torch import Tensor

from botorch_cll.test_functions.mixing import SineLinkTasks, correlation_factor
from botorch_cll.test_functions.ranges import (
    FunctionRange,
    ackley_range,
    griewank_range,
    rastrigin_range,
    schwefel_range,
)
from botorch_cll.test_functions.synthetic import Schwefel

_COMPONENTS: dict[str, tuple[type[SyntheticTestFunction], Callable[[int], FunctionRange]]] = {
    "Ackley": (Ackley, ackley_range),
    "Griewank": (Griewank, griewank_range),
    "Rastrigin": (Rastrigin, rastrigin_range),
    "Schwefel": (Schwefel, schwefel_range),
}

PAIRS = (
    "Ackley+Rastrigin",
    "Rastrigin+Griewank",
    "Rastrigin+Schwefel",
    "Ackley+Griewank",
    "Ackley+Schwefel",
)


class CompositeTasks(SineLinkTasks):
    r"""Correlated mixtures of two classic functions, each on its own block of the input.

    .. math::
        f(x) = (f_a(x^{(1)}), f_b(x^{(2)})), \qquad
        y_t(x) = w_t^\top f(x) + \sum_i \sin(\alpha_i w_t^\top f(x) + \beta_i) + \epsilon_t,

    with `w_1 = c u_1`, `w_2 = c (p u_1 + √(1 - p²) u_2)`, orthogonal unit vectors `u_1`, `u_2`
    in the plane and `ε_t ~ N(0, noise_std²)`. The input is the unit cube; each block is mapped to
    the usual box of its function.

    Source: Xu, Luo, Li and Cao, Correlation learning based multi-task model and its application,
    Journal of Shenzhen University (Science and Engineering), 2023, Table 2, which builds on Ma et
    al., KDD 2018, §4.2. It has noise of standard deviation 0.1, the default here. It does not
    give the directions, `c`, or the number and the values of `α` and `β`: absolute values cannot
    be compared with its table, only ranks and normalized regret. A component of `w_t` may be
    negative, in which case a task seeks large values of that function. On the raw scale the
    linear part dominates; with `scale="normalized"` the sines shape the landscape.

    Optima: the blocks vary independently and the functions are continuous, so `w_tᵀ f` takes every
    value between its ends. The ends follow from the ranges of the functions, and a certified
    search over one variable finds the optimum. `optimality_gap` adds up what is not exact: some
    1e-9 of the problem's scale, and, where a task seeks the maximum of Griewank's function, the
    accuracy to which that is certified (some 1e-5 of it).

    Args:
        name: The pair, one of `PAIRS`.
        correlation: The correlation of the directions: one number `p` for all pairs of tasks, or
            a `T x T`-dim tensor of rank at most 2.
        num_tasks: The number `T` of tasks. More than two fit into the plane only with a
            correlation matrix of rank 2 or less.
        block_dim: The inputs of each function; the problem has `d = 2 * block_dim`.
        scale: `"raw"` for the functions as they are, `"normalized"` to map the range of each to
            [-1, 1].
        c: The length of every `w_t`.
        alphas: The frequencies.
        betas: The phases, by default drawn uniformly from [0, 2π).
        angle: The angle of `u_1` in radians, by default drawn uniformly from [0, 2π).
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        InputDataError: If the parameters contradict each other or are out of range.
        UnsupportedError: If the pair or the scale is unknown, or the rank exceeds 2.

    Example:
        >>> problem = CompositeTasks("Ackley+Schwefel", correlation=0.5, seed=3)
        >>> problem(torch.rand(20, 4, dtype=torch.double)).shape
        torch.Size([20, 2])
    """

    _functions: Any  # a ModuleList of BoTorch functions

    def __init__(
        self,
        name: str = "Ackley+Rastrigin",
        correlation: float | Tensor = 0.9,
        num_tasks: int = 2,
        block_dim: int = 2,
        scale: Literal["raw", "normalized"] = "raw",
        c: float = 1.0,
        alphas: Sequence[float] | Tensor = (1.0, 2.0),
        betas: Sequence[float] | Tensor | None = None,
        angle: float | None = None,
        noise_std: float | Sequence[float] | None = 0.1,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if name not in PAIRS:
            raise UnsupportedError(f"Expected a pair out of {list(PAIRS)}, got {name!r}.")
        if scale not in ("raw", "normalized"):
            raise UnsupportedError(f"Expected `scale` 'raw' or 'normalized', got {scale!r}.")
        if block_dim < 1 or not c > 0:
            raise InputDataError(f"Expected block_dim >= 1 and c > 0, got {block_dim=} and {c=}.")
        dim = 2 * block_dim
        super().__init__(dim, num_tasks, [(0.0, 1.0)] * dim, noise_std, negate, seed, dtype)
        factor = correlation_factor(correlation, num_tasks)
        if factor.shape[-1] > 2:
            raise UnsupportedError(
                "Expected a correlation matrix of rank at most 2, as two functions span a plane, "
                f"got rank {factor.shape[-1]} for {num_tasks} tasks."
            )
        self.name, self.block_dim, self.scale, self.c = name, block_dim, scale, c
        generator = self._parameter_generator
        drawn = torch.rand(1 + len(alphas), generator=generator, dtype=torch.double)
        drawn = 2.0 * math.pi * drawn
        self.angle = drawn[0].item() if angle is None else float(angle)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        axes = torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.double)

        functions, ranges = zip(*[_COMPONENTS[part] for part in name.split("+")], strict=True)
        self._functions = torch.nn.ModuleList(f(dim=block_dim, dtype=dtype) for f in functions)
        self._ranges = [known(block_dim) for known in ranges]
        weights = c * factor @ axes[: factor.shape[-1]]
        self._set_link(weights, alphas, drawn[1:] if betas is None else betas)
        self._find_optima()

    def components(self, X: Tensor) -> Tensor:
        """The two functions on the problem's scale, `batch_shape x d` to `batch_shape x 2`-dim."""
        blocks = X.split(self.block_dim, dim=-1)
        values = []
        for block, function, known in zip(blocks, self._functions, self._ranges, strict=True):
            low, high = function.bounds.to(X)
            # Not `evaluate_true`: rounding in this map may step over the box by one digit.
            value = function._evaluate_true((1.0 - block) * low + block * high)
            if self.scale == "normalized":
                value = 2.0 * (value - known.low) / (known.high - known.low) - 1.0
            values.append(value)
        return torch.stack(values, dim=-1)

    def _features(self, X: Tensor) -> Tensor:
        return self.components(X)

    def _find_optima(self) -> None:
        """Search the attainable projections of each task for its minimum."""
        weights = self.weights.double()
        at_low = torch.cat([self._extremizer(weights, j, lowest=True) for j in (0, 1)], dim=-1)
        at_high = torch.cat([self._extremizer(weights, j, lowest=False) for j in (0, 1)], dim=-1)
        lower, upper = self._project(at_low, weights), self._project(at_high, weights)
        # How far below the attained lower end of a projection it can go.
        known = torch.tensor([r.gap for r in self._ranges], dtype=torch.double)
        if self.scale == "normalized":
            known /= torch.tensor([(r.high - r.low) / 2 for r in self._ranges], dtype=torch.double)
        end_gaps = (-weights).clamp_min(0.0) @ known
        s, values, gaps = self._minimize_links(lower, upper, end_gaps)
        self._set_optima(values, self._attain(s, at_low, at_high, weights), gaps)

    def _extremizer(self, weights: Tensor, component: int, lowest: bool) -> Tensor:
        """Return the `T x block_dim`-dim points where the tasks' share of a function is extreme."""
        known, (low, high) = self._ranges[component], self._functions[component].bounds.double()
        ends = torch.tensor([known.argmin, known.argmax], dtype=torch.double)
        argmin, argmax = (ends - low) / (high - low)
        wants_min = (weights[:, component] > 0) == lowest
        return torch.where(wants_min.unsqueeze(-1), argmin, argmax)

    def _project(self, X: Tensor, weights: Tensor) -> Tensor:
        """Return the `T`-dim projections `w_tᵀ f(x_t)` of one point for each task."""
        return (self.components(X) * weights).sum(dim=-1)

    def _attain(self, s: Tensor, at_low: Tensor, at_high: Tensor, weights: Tensor) -> Tensor:
        """Bisect the segment between the extremal points for `T x d` points that project to `s`."""
        left, right = torch.zeros(len(s), 1, dtype=s.dtype), torch.ones(len(s), 1, dtype=s.dtype)
        for _ in range(60):
            middle = 0.5 * (left + right)
            below = self._project(at_low + middle * (at_high - at_low), weights) < s
            left = torch.where(below.unsqueeze(-1), middle, left)
            right = torch.where(below.unsqueeze(-1), right, middle)
        # s at the lower end belongs to the left, where the bisection cannot arrive exactly.
        first, second = (at_low + end * (at_high - at_low) for end in (left, right))
        misses = [(self._project(points, weights) - s).abs() for points in (first, second)]
        return torch.where((misses[0] <= misses[1]).unsqueeze(-1), first, second)

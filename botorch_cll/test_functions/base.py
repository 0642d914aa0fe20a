"""What all multi-task test problems share: checks, seeded noise, optima per task."""

import math
from abc import ABC
from collections.abc import Sequence

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.test_functions.base import BaseTestProblem
from torch import Tensor


class ProblemInputError(InputDataError, ValueError):
    """An input outside of a problem's domain; a `ValueError` too, as BoTorch's problems raise."""


class MultiTaskTestProblem(BaseTestProblem, ABC):
    """Base class of problems with several tasks over one input space.

    A problem maps a `batch_shape x d`-dim input to a `batch_shape x T`-dim output, one column a
    task. Every task is an optimization problem of its own, with its own optimum; no trade-off
    between the tasks is meant, which is why this is not BoTorch's `MultiObjectiveTestProblem`
    (that one requires a reference point). Problems are minimized unless `negate=True`.

    Randomness comes from generators that the problem owns: equal seeds give equal problems and
    equal noise, and the global random state is neither read nor changed. Each noisy evaluation
    advances the noise generator.

    Args:
        dim: The number `d` of inputs.
        num_tasks: The number `T` of tasks.
        bounds: The `d` pairs of lower and upper bounds.
        noise_std: The standard deviation of the observation noise, one for all tasks or a
            sequence of `T`; `None` for noise-free observations.
        negate: Whether to negate the tasks (after the noise is added), for maximization.
        seed: The seed of all random parameters of the problem and of its noise.
        dtype: The dtype of the problem's buffers.

    Raises:
        InputDataError: If `dim`, `num_tasks`, `bounds` or `noise_std` do not make sense.
    """

    num_objectives: int

    def __init__(
        self,
        dim: int,
        num_tasks: int,
        bounds: Sequence[tuple[float, float]],
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        for name, count in (("dim", dim), ("num_tasks", num_tasks)):
            if count < 1:
                raise InputDataError(f"Expected `{name}` to be at least 1, got {count}.")
        if len(bounds) != dim:
            raise InputDataError(f"Expected {dim} pairs of bounds, got {len(bounds)}.")
        for low, high in bounds:
            if not -math.inf < low < high < math.inf:
                pair = f"({low}, {high})"
                raise InputDataError(f"Expected finite bounds with lower < upper, got {pair}.")
        self.dim = dim
        self.num_objectives = num_tasks
        self.continuous_inds = list(range(dim))
        self._bounds = [(float(low), float(high)) for low, high in bounds]
        noise_std = _check_noise_std(noise_std, num_tasks)
        super().__init__(noise_std=noise_std, negate=negate, dtype=dtype)
        self.seed = seed
        self._parameter_generator = torch.Generator().manual_seed(seed)
        noise_seed = torch.randint(2**31, (), generator=self._parameter_generator)
        self._noise_generator = torch.Generator().manual_seed(int(noise_seed))
        for name in ("_optimal_value", "optimality_gap", "_optimizers"):
            self.register_buffer(name, None)

    @property
    def num_tasks(self) -> int:
        """The number `T` of tasks, equal to `num_objectives`."""
        return self.num_objectives

    @property
    def optimal_value(self) -> Tensor:
        """A `T`-dim tensor: the best noise-free value of each task over the box.

        It is the minimum, or with `negate=True` the maximum. Where the optimum was found by a
        search instead of by a formula, it is attained (at `optimizers`), and the true optimum is
        better by at most `optimality_gap`, a `T`-dim tensor. A problem that does not know its
        optima raises a `NotImplementedError`.
        """
        value = self._known(self._optimal_value, "an optimal value")
        return -value if self.negate else value

    @property
    def optimizers(self) -> Tensor:
        """A `T x d`-dim tensor: for each task, a point at which it attains its `optimal_value`."""
        return self._known(self._optimizers, "its optimizers")

    def _known(self, found: Tensor | None, what: str) -> Tensor:
        if found is None:
            raise NotImplementedError(f"Problem {type(self).__name__} does not specify {what}.")
        return found

    def _set_optima(self, values: Tensor, optimizers: Tensor, gaps: Tensor) -> None:
        """Store the `T` minima, `T x d` minimizers, and how far below a task can go at most."""
        self._optimal_value = values.to(self.bounds)
        # Rounding to a narrower dtype may step over a bound.
        self._optimizers = optimizers.to(self.bounds).clamp(*self.bounds)
        self.optimality_gap = gaps.to(self.bounds)

    def forward(self, X: Tensor, noise: bool = True) -> Tensor:
        """Observe all tasks: `evaluate_true`, with noise unless `noise=False`, then `negate`."""
        Y = self.evaluate_true(X)
        if noise:
            Y = self._add_noise(Y, self._noise_generator)
        return -Y if self.negate else Y

    def evaluate_true(self, X: Tensor) -> Tensor:
        """Evaluate all tasks without observation noise and before `negate`.

        Args:
            X: A `batch_shape x d`-dim tensor of points within `bounds`.

        Returns:
            A `batch_shape x T`-dim tensor, in the dtype and on the device of `X`.

        Raises:
            BotorchTensorDimensionError: If the last dimension of `X` is not `d`.
            InputDataError: If `X` is not floating point, has NaNs or leaves `bounds` (the latter
                two are also a `ValueError`, as in BoTorch).
        """
        self._check_inputs(X)
        return self._evaluate_true(X)

    def _check_inputs(self, X: Tensor) -> None:
        """Refuse what is no `batch_shape x d`-dim floating point tensor within `bounds`."""
        if X.dim() == 0 or X.shape[-1] != self.dim:
            raise BotorchTensorDimensionError(
                f"Expected `X` of shape `batch_shape x {self.dim}`, got {tuple(X.shape)}."
            )
        if not X.is_floating_point():
            raise InputDataError(f"Expected a floating point `X`, got dtype {X.dtype}.")
        if torch.isnan(X).any():
            raise ProblemInputError("Expected `X` without NaNs, got at least one NaN.")
        low, high = self.bounds.to(X)
        if not ((low <= X) & (high >= X)).all():
            raise ProblemInputError(
                "Expected `X` to be within the bounds of the test problem. Got values from "
                f"{X.min():.6g} to {X.max():.6g}, where the bounds are {self.bounds.tolist()}."
            )

    def _add_noise(self, Y: Tensor, generator: torch.Generator) -> Tensor:
        """Add observation noise from `generator` to a `batch_shape x T`-dim tensor."""
        if self.noise_std is None:
            return Y
        # Drawn in double on the generator's device: the same noise for every dtype and device.
        noise = torch.randn(
            Y.shape, generator=generator, dtype=torch.double, device=generator.device
        )
        return Y + noise.to(Y) * torch.tensor(self.noise_std, dtype=Y.dtype, device=Y.device)


def _check_noise_std(
    noise_std: float | Sequence[float] | None, num_tasks: int
) -> float | list[float] | None:
    """Return `noise_std` as BoTorch keeps it, after checking its length and its values."""
    if noise_std is None:
        return None
    stds = [noise_std] * num_tasks if isinstance(noise_std, int | float) else list(noise_std)
    if len(stds) != num_tasks:
        raise InputDataError(
            f"Expected one `noise_std` for each of the {num_tasks} tasks, got {len(stds)}."
        )
    if not all(0.0 <= std < math.inf for std in stds):
        raise InputDataError(f"Expected finite, non-negative `noise_std`, got {noise_std}.")
    return float(noise_std) if isinstance(noise_std, int | float) else [float(std) for std in stds]

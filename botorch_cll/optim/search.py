"""The search for a maximizer of one acquisition function: swarms, then gradients."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    OptimizationGradientError,
    UnsupportedError,
)
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation.gen import gen_candidates_scipy
from torch import Tensor

from botorch_cll.optim.constraints import (
    ConstraintViolation,
    FixedFeatures,
    LinearConstraint,
    NonlinearConstraint,
)
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.swarm import SwarmResult, maximize_by_swarm

DEFAULT_NUM_POLISH = 4


@dataclass(frozen=True, kw_only=True)
class SwarmSearch:
    """One acquisition function and everything that says which points it may be asked about.

    Attributes:
        acq_function: The acquisition function, to be maximized.
        bounds: A `2 x d`-dim tensor of finite lower and upper bounds.
        q: Number of points per candidate, fantasy points of one-shot acquisition functions
            included.
        options: How to search.
        fixed_features: Features with given values.
        inequality_constraints: Linear constraints, as in `optimize_acqf`.
        nonlinear_inequality_constraints: Nonlinear constraints, as in `optimize_acqf`.
        post_processing_func: Maps a `b x q x d`-dim tensor to the points that stand for it, for
            example rounded ones.
    """

    acq_function: AcquisitionFunction
    bounds: Tensor
    q: int
    options: SearchOptions
    fixed_features: FixedFeatures
    inequality_constraints: Sequence[LinearConstraint] | None = None
    nonlinear_inequality_constraints: Sequence[NonlinearConstraint] | None = None
    post_processing_func: Callable[[Tensor], Tensor] | None = None

    @cached_property
    def violation(self) -> ConstraintViolation:
        """The violation of the constraints; false if there are none."""
        return ConstraintViolation(
            self.bounds,
            self.q,
            self.inequality_constraints,
            self.nonlinear_inequality_constraints,
        )

    def repair(self, X: Tensor) -> Tensor:
        """Return the points evaluated in place of `X`, a `swarms x particles x q x d`-dim tensor.

        Raises:
            BotorchTensorDimensionError: `post_processing_func` changes the shape.
        """
        X = self.fixed_features(X)
        if self.post_processing_func is None:
            return X
        flat = X.flatten(0, -3)
        processed = self.post_processing_func(flat.clone())
        if processed.shape != flat.shape:
            raise BotorchTensorDimensionError(
                "Expected `post_processing_func` to preserve the shape of its input, "
                f"{tuple(flat.shape)}, got {tuple(processed.shape)}."
            )
        return processed.to(X).view(X.shape)

    def fitness(self, X: Tensor) -> Tensor:
        """Evaluate the acquisition function at a `swarms x particles x q x d`-dim tensor.

        Returns:
            A `swarms x particles`-dim tensor; NaN is replaced by minus infinity.

        Raises:
            BotorchTensorDimensionError: The acquisition function does not return one value per
                candidate.
        """
        chunks = X.split(self.options.batch_limit or len(X))
        with torch.no_grad():
            values = torch.cat([self.acq_function(chunk.flatten(0, 1)) for chunk in chunks])
        if values.shape != (X.shape[0] * X.shape[1],):
            raise BotorchTensorDimensionError(
                "Expected the acquisition function to return one value for each of "
                f"{X.shape[0] * X.shape[1]} candidates, got shape {tuple(values.shape)}."
            )
        return values.where(~values.isnan(), -torch.inf).view(X.shape[:2])

    def run(
        self,
        X: Tensor,
        generator: torch.Generator,
        deadline: float | None,
        return_all: bool,
    ) -> SwarmResult:
        """Maximize from given positions.

        Args:
            X: A `swarms x particles x q x d`-dim tensor of initial positions.
            generator: Source of the swarms' random numbers.
            deadline: Value of `time.monotonic()` at which to stop.
            return_all: Whether the best point of every swarm matters, or only the best of all.

        Returns:
            The best point of each swarm.
        """
        polish = self._can_polish(X)
        repair = self.fixed_features.values or self.post_processing_func
        result = maximize_by_swarm(
            self.fitness,
            X=X,
            bounds=self.bounds,
            generator=generator,
            options=self.options.swarm_options(polish=polish),
            violation=self.violation if self.violation else None,
            repair=self.repair if repair else None,
            deadline=deadline,
        )
        if polish:
            number = self.options.num_polish or (len(X) if return_all else DEFAULT_NUM_POLISH)
            result = self._polish(result, number=number, deadline=deadline)
        return result

    def _can_polish(self, X: Tensor) -> bool:
        """Decide whether gradients can be used; raise if they were asked for and cannot."""
        wanted = self.options.polish
        if wanted is False:
            return False
        if self.post_processing_func is not None:
            obstacle = "`post_processing_func` is given"
        elif not _is_differentiable(self.acq_function, self.repair(X)[:DEFAULT_NUM_POLISH, 0]):
            obstacle = "the acquisition function has no usable gradient"
        else:
            return True
        if wanted:
            raise UnsupportedError(f"Option 'polish' is True, but {obstacle}.")
        return False

    def _polish(self, result: SwarmResult, number: int, deadline: float | None) -> SwarmResult:
        """Climb by gradients from the best points of the best swarms; keep what got better."""
        rank = result.values
        if result.violations is not None:
            rank = rank.where(result.violations == 0, -torch.inf)
        chosen = rank.topk(min(number, len(rank))).indices
        for part in chosen.split(self.options.batch_limit or len(chosen)):
            timeout_sec = None if deadline is None else deadline - time.monotonic()
            if timeout_sec is not None and timeout_sec <= 0:
                break
            polished = self._climb(result.X[part], part, timeout_sec)
            if polished is not None:
                result = self._keep_better(result, part, polished)
        return result

    def _climb(self, X: Tensor, swarms: Tensor, timeout_sec: float | None) -> Tensor | None:
        """Return the end points, shaped as `X`, of gradient climbs; `None` if gradients fail."""
        options = {"maxiter": self.options.polish_maxiter}
        if self.violation:
            # Jointly, the slowest of the climbs would decide about all of them.
            options["max_optimization_problem_aggregation_size"] = 1
        fixed_features = {
            index: value[swarms] if isinstance(value, Tensor) else value
            for index, value in self.fixed_features.values.items()
        }
        with _without_optimization_warnings(), torch.enable_grad():
            try:
                X, _ = gen_candidates_scipy(
                    initial_conditions=X,
                    acquisition_function=self.acq_function,
                    lower_bounds=self.bounds[0],
                    upper_bounds=self.bounds[1],
                    inequality_constraints=_as_list(self.inequality_constraints),
                    nonlinear_inequality_constraints=_as_list(
                        self.nonlinear_inequality_constraints
                    ),
                    options=options,
                    fixed_features=fixed_features,
                    timeout_sec=timeout_sec,
                )
            except OptimizationGradientError:
                return None
        return X.detach()

    def _keep_better(self, result: SwarmResult, part: Tensor, polished: Tensor) -> SwarmResult:
        """Replace the swarms' points by the polished ones that beat them."""
        X, values, violations = result.X.clone(), result.values.clone(), result.violations
        new_values = self.fitness(polished.unsqueeze(1)).squeeze(1)
        better = new_values > values[part]
        if violations is not None:
            violations = violations.clone()
            new_violations = self.violation(polished)
            better &= new_violations == violations[part]
            better |= new_violations < violations[part]
            violations[part] = new_violations.where(better, violations[part])
        X[part] = polished.where(better[:, None, None], X[part])
        values[part] = new_values.where(better, values[part])
        return SwarmResult(X, values, violations, result.num_iterations)


@contextmanager
def _without_optimization_warnings() -> Iterator[None]:
    """Drop warnings that a climb ended early: nothing is lost, as the swarm's own point is kept."""
    with warnings.catch_warnings(record=True) as recorded:
        yield
    for warning in recorded:
        if not issubclass(warning.category, OptimizationWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _is_differentiable(acq_function: AcquisitionFunction, X: Tensor) -> bool:
    """Tell whether the gradient at `b x q x d`-dim `X` exists, is finite and not all zero."""
    with torch.enable_grad():
        X = X.detach().clone().requires_grad_(True)
        values = acq_function(X)
        if not values.requires_grad:
            return False
        (gradient,) = torch.autograd.grad(values.sum(), X, allow_unused=True)
    return gradient is not None and bool(gradient.isfinite().all() and gradient.any())


def _as_list(constraints: Sequence | None) -> list | None:
    return None if constraints is None else list(constraints)

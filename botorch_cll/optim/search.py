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
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    OptimizationGradientError,
    UnsupportedError,
)
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation.gen import gen_candidates_scipy, get_reasons_against_fast_path
from botorch.optim.parameter_constraints import evaluate_feasibility
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim.constraints import (
    ConstraintViolation,
    FixedFeatures,
    LinearConstraint,
    NonlinearConstraint,
)
from botorch_cll.optim.options import (
    MAXITER_BEFORE_POLISH,
    MAXITER_BEFORE_POLISH_JOINT,
    SearchOptions,
)
from botorch_cll.optim.swarm import SwarmResult, index_of_best, maximize_by_swarm

MIN_POLISHED = 12
POLISHED_PER_POINT = 4
NUM_PROBES = 4
RETREATS = [0.0, *(10.0**-k for k in range(8, 0, -1))]


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

    @cached_property
    def can_polish(self) -> bool:
        """Whether gradients can, and are wanted to, finish what the swarms have begun.

        Raises:
            UnsupportedError: They are wanted, but the candidates are fixed or post-processed, or
                the acquisition function has no gradient.
        """
        wanted = self.options.polish
        if wanted is False:
            return False
        if len(self.fixed_features.values) == self.bounds.shape[-1]:
            obstacle = "`fixed_features` fix all features"
        elif self.post_processing_func is not None:
            obstacle = "`post_processing_func` is given"
        elif any(isinstance(v, Tensor) and v.ndim > 1 for v in self.fixed_features.values.values()):
            obstacle = "`fixed_features` differ between the points of a candidate"
        elif not self._has_gradient(must_help=wanted is None):
            obstacle = "the acquisition function is not differentiable"
        else:
            return True
        if wanted:
            raise UnsupportedError(f"Option 'polish' is True, but {obstacle}.")
        return False

    def num_particles(self, num_swarms: int) -> int:
        """Return the number of particles of each of `num_swarms` swarms."""
        return self.options.particles_per_swarm(num_swarms, polish=self.can_polish)

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

    def is_feasible(self, X: Tensor) -> Tensor:
        """Tell which of `b x q x d`-dim candidates BoTorch takes for feasible; a `b`-dim tensor."""
        return evaluate_feasibility(
            X,
            inequality_constraints=_as_list(self.inequality_constraints),
            nonlinear_inequality_constraints=_as_list(self.nonlinear_inequality_constraints),
        )

    def run(
        self,
        X: Tensor,
        generator: torch.Generator,
        deadline: float | None,
        num_groups: int,
    ) -> SwarmResult:
        """Maximize from given positions.

        Args:
            X: A `swarms x particles x q x d`-dim tensor of initial positions.
            generator: Source of the swarms' random numbers.
            deadline: Value of `time.monotonic()` at which to stop.
            num_groups: The swarms form so many groups of one size, one after the other, and the
                best point of each group matters.

        Returns:
            The best point of each swarm.
        """
        repair = self.fixed_features.values or self.post_processing_func
        result = maximize_by_swarm(
            self.fitness,
            X=X,
            bounds=self.bounds,
            generator=generator,
            options=self.options.swarm_options(self.default_maxiter()),
            violation=self.violation if self.violation else None,
            repair=self.repair if repair else None,
            deadline=deadline,
        )
        if self.can_polish:
            number = self.num_finished(len(X) // num_groups)
            result = self._polish(result, _best_swarms(result, number, num_groups), deadline)
        return result

    def num_finished(self, num_swarms: int) -> int:
        """Return how many of `num_swarms` swarms, the best, are taken to the top of their hill.

        Where gradients finish what the swarms have begun, the others are still on their way.
        """
        if not self.can_polish:
            return num_swarms
        default = max(MIN_POLISHED, POLISHED_PER_POINT * self.q)
        return min(self.options.num_polish or default, num_swarms)

    def default_maxiter(self) -> int | None:
        """Return how many iterations find the right hill for the gradients, `None` without them."""
        # Gradients need a feasible start, and with nonlinear constraints that may take a while.
        if not self.can_polish or self.nonlinear_inequality_constraints:
            return None
        # In the many dimensions of one-shot acquisition functions swarms are of little use.
        if self.q == 1 or isinstance(self.acq_function, OneShotAcquisitionFunction):
            return MAXITER_BEFORE_POLISH
        return MAXITER_BEFORE_POLISH_JOINT

    def _has_gradient(self, must_help: bool) -> bool:
        """Try the gradient at a few points of the box; to help, it must be finite and not zero."""
        X = draw_sobol_samples(self.bounds, n=NUM_PROBES, q=self.q, seed=self.options.seed)
        X = self.fixed_features.select(slice(1))(X.unsqueeze(0)).squeeze(0)
        with torch.enable_grad():
            X = X.requires_grad_(True)
            values = self.acq_function(X)
            if not values.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(values.sum(), X, materialize_grads=True)
        return not must_help or bool(gradient.isfinite().all() and gradient.any())

    def _polish(self, result: SwarmResult, chosen: Tensor, deadline: float | None) -> SwarmResult:
        """Climb by gradients from the points of chosen swarms; keep what got better."""
        at_a_time = self.options.batch_limit or len(chosen)
        for part in chosen.split(at_a_time) if len(chosen) else ():
            timeout_sec = None if deadline is None else deadline - time.monotonic()
            if timeout_sec is not None and timeout_sec <= 0:
                break
            polished = self._climb(result.X[part], part, timeout_sec)
            if polished is not None:
                result = self._keep_better(result, part, polished)
        return result

    def _climb(self, X: Tensor, swarms: Tensor, timeout_sec: float | None) -> Tensor | None:
        """Return the end points, shaped as `X`, of gradient climbs; `None` if gradients fail."""
        options: dict[str, float] = {"maxiter": self.options.polish_maxiter}
        if not self.violation and not get_reasons_against_fast_path(
            "L-BFGS-B", True, options, timeout_sec
        ):
            # All climbs side by side, by L-BFGS-B of BoTorch's own: it need not tell values apart
            # that the swarms do not.
            tolerance = self.options.swarm_options().value_tolerance
            options["factr"] = tolerance / torch.finfo(torch.double).eps
        if self.violation or self.fixed_features.has_tensors:
            # One SLSQP problem each: jointly, the slowest of the climbs would decide about all.
            options["max_optimization_problem_aggregation_size"] = 1
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
                    fixed_features=self.fixed_features.select(swarms).values,
                    timeout_sec=timeout_sec,
                )
            except OptimizationGradientError:
                return None
        return X.detach()

    def _keep_better(self, result: SwarmResult, part: Tensor, polished: Tensor) -> SwarmResult:
        """Replace the swarms' points by the polished ones that beat them.

        SLSQP stops with a small violation of nonlinear constraints. Points a little way back toward
        the swarm's own, feasible one are tried as well.
        """
        retreats = polished.new_tensor(RETREATS if self.violation else [0.0])[:, None, None]
        start = result.X[part].unsqueeze(1)
        X = torch.cat([start, polished.unsqueeze(1).lerp(start, retreats)], dim=1)
        values = self.fitness(X)
        violations = None if result.violations is None else self.violation(X)
        index = index_of_best(values, violations)
        kept = result.violations
        if violations is not None and kept is not None:
            kept = kept.index_copy(0, part, violations.gather(1, index).squeeze(1))
        return SwarmResult(
            X=result.X.index_copy(0, part, X.take_along_dim(index[..., None, None], 1).squeeze(1)),
            values=result.values.index_copy(0, part, values.gather(1, index).squeeze(1)),
            violations=kept,
            num_iterations=result.num_iterations,
        )


def _best_swarms(result: SwarmResult, number: int, num_groups: int) -> Tensor:
    """Return the indices of the best feasible swarms, `number` of each group or fewer."""
    rank = result.values
    if result.violations is not None:
        rank = rank.where(result.violations == 0, -torch.inf)
    rank = rank.view(num_groups, -1)
    best = rank.topk(number)
    first = torch.arange(num_groups, device=rank.device).unsqueeze(-1) * rank.shape[1]
    return (first + best.indices)[best.values > -torch.inf]


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


def _as_list(constraints: Sequence | None) -> list | None:
    return None if constraints is None else list(constraints)

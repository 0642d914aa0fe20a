"""What a swarm optimizer was asked for: one acquisition function, where and how to maximize it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import UnsupportedError
from botorch.optim.initializers import TGenInitialConditions
from botorch.optim.parameter_constraints import evaluate_feasibility
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.optim.checks import check_bounds, check_counts, check_inside, expect_shape
from botorch_cll.optim.constraints import (
    ConstraintViolation,
    FixedFeatures,
    LinearConstraint,
    NonlinearConstraint,
)
from botorch_cll.optim.known_points import KnownPoints
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.settings import PROPOSAL


@dataclass(frozen=True, kw_only=True)
class SwarmSearch:
    """One acquisition function, where it is maximized, from how many starts, for what result.

    Made by `of` from the arguments of a public optimizer, which checks them all, and handed on as a
    whole. What is not explained here is in `optimize_acqf_pso`.

    Attributes:
        options: How to search.
        fixed_features: Features with given values.
        known: Points that candidates differ from, if possible.
        q: Number of points per candidate.
        num_fantasies: Number of further points, those of a one-shot acquisition function.
        num_restarts: Number of swarms, of each task if there are tasks.
        batch_initial_conditions: A `(b) x num_points x d`-dim tensor.
        ic_generator: Generates initial conditions, with all its further arguments.
        num_tasks: The swarms form so many groups, one after the other, and each of them has a
            candidate of its own. `None`: one candidate for all.
    """

    acq_function: AcquisitionFunction
    bounds: Tensor
    options: SearchOptions
    fixed_features: FixedFeatures
    known: KnownPoints
    q: int = 1
    num_fantasies: int = 0
    num_restarts: int = 1
    raw_samples: int | None = None
    inequality_constraints: Sequence[LinearConstraint] = ()
    nonlinear_inequality_constraints: Sequence[NonlinearConstraint] = ()
    post_processing_func: Callable[[Tensor], Tensor] | None = None
    batch_initial_conditions: Tensor | None = None
    ic_generator: TGenInitialConditions | None = None
    return_best_only: bool = True
    timeout_sec: float | None = None
    num_tasks: int | None = None

    @classmethod
    def of(
        cls,
        bounds: Tensor,
        options: Mapping[str, Any] | None = None,
        fixed_features: Mapping[int, float | Tensor] | None = None,
        X_avoid: Tensor | None = None,
        **given: Any,
    ) -> SwarmSearch:
        """Check the arguments of a public optimizer, `given` being attributes as they are."""
        check_bounds(bounds)
        search = cls(
            bounds=bounds,
            options=SearchOptions.parse(options),
            fixed_features=FixedFeatures(fixed_features, bounds.shape[-1]),
            known=KnownPoints(bounds[:0] if X_avoid is None else X_avoid, bounds),
            **given,
        )
        check_counts(q=search.q, num_restarts=search.num_restarts)
        _ = search.violation  # which checks the constraints
        X, q, d = search.batch_initial_conditions, search.num_points, bounds.shape[-1]
        if X is not None:
            fits = X.ndim in (2, 3) and X.shape[-2:] == (q, d)
            expect_shape(fits, f"`batch_initial_conditions` of shape `(b) x {q} x {d}`", X)
            check_inside(
                X.to(bounds), bounds, search.fixed_features.values, "batch_initial_conditions"
            )
        return search

    @property
    def num_points(self) -> int:
        """Number of points that the acquisition function is asked about at once."""
        return self.q + self.num_fantasies

    @property
    def num_groups(self) -> int:
        """Number of groups of swarms, each of which looks for a candidate of its own."""
        return self.num_tasks or 1

    @property
    def num_generated(self) -> int:
        """Number of swarms of a group that do not start around given initial conditions."""
        given = self.batch_initial_conditions
        if given is None:
            return self.num_restarts
        if self.raw_samples is None or given.ndim == 2:
            return 0
        return max(0, self.num_restarts - len(given))

    @property
    def is_one_point(self) -> bool:
        """Whether all features are fixed, and all swarms are at one point."""
        return len(self.fixed_features.scalars) == self.bounds.shape[-1]

    def of_swarms(self, swarms: slice) -> SwarmSearch:
        """The search of some of the swarms, each with its own fixed features."""
        return replace(self, fixed_features=self.fixed_features.select(swarms))

    @property
    def constraints(self) -> dict[str, list | None]:
        """The constraints as BoTorch takes them."""
        return {
            "inequality_constraints": list(self.inequality_constraints) or None,
            "nonlinear_inequality_constraints": list(self.nonlinear_inequality_constraints) or None,
        }

    @cached_property
    def violation(self) -> ConstraintViolation:
        """The violation of the constraints; false if there are none."""
        return ConstraintViolation(
            self.bounds,
            self.num_points,
            self.inequality_constraints,
            self.nonlinear_inequality_constraints,
        )

    @cached_property
    def can_polish(self) -> bool:
        """Whether gradients can, and are wanted to, finish what the swarms have begun."""
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

    def deadline(self) -> float | None:
        """The value of `time.monotonic()` at which a proposal that starts now has to end."""
        return None if self.timeout_sec is None else time.monotonic() + self.timeout_sec

    def num_finished(self, num_swarms: int) -> int:
        """How many of so many swarms, the best, are taken to the top of their hill."""
        if not self.can_polish:
            return num_swarms
        default = max(PROPOSAL.min_polished, PROPOSAL.polished_per_point * self.num_points)
        return min(self.options.num_polish or default, num_swarms)

    def default_maxiter(self) -> int | None:
        """How many iterations find the right hill for the gradients, `None` without them."""
        # Gradients need a feasible start, and with nonlinear constraints that may take a while.
        if not self.can_polish or self.nonlinear_inequality_constraints:
            return None
        # In the many dimensions of one-shot acquisition functions swarms are of little use.
        if self.num_points == 1 or isinstance(self.acq_function, OneShotAcquisitionFunction):
            return PROPOSAL.maxiter_before_polish
        return PROPOSAL.joint_maxiter_before_polish

    def repair(self, X: Tensor) -> Tensor:
        """The points evaluated in place of `X`, a `swarms x particles x q x d`-dim tensor."""
        X = self.fixed_features(X)
        if self.post_processing_func is None:
            return X
        flat = X.flatten(0, -3)
        processed = self.post_processing_func(flat.clone())
        what = f"`post_processing_func` to preserve the shape of its input, {tuple(flat.shape)}"
        expect_shape(processed.shape == flat.shape, what, processed)
        return processed.to(X).view(X.shape)

    def fitness(self, X: Tensor) -> Tensor:
        """Evaluate a `swarms x particles x q x d`-dim tensor; minus infinity stands for NaN."""
        chunks = X.split(self.options.batch_limit or len(X))
        with torch.no_grad():
            values = torch.cat([self.acq_function(chunk.flatten(0, 1)) for chunk in chunks])
        number = X.shape[0] * X.shape[1]
        what = f"the acquisition function to return one value for each of {number} candidates"
        expect_shape(values.shape == (number,), what, values, "shape ")
        return values.where(~values.isnan(), -torch.inf).view(X.shape[:2])

    def is_feasible(self, X: Tensor) -> Tensor:
        """Tell which of `b x q x d`-dim candidates BoTorch takes for feasible; a `b`-dim tensor."""
        return evaluate_feasibility(X, **self.constraints)

    def is_new(self, X: Tensor) -> Tensor:
        """Tell which of `b x q x d`-dim candidates, fantasies apart, differ from known points."""
        return self.known.are_new(X[..., : self.q, :])

    def _has_gradient(self, must_help: bool) -> bool:
        """Try the gradient at a few points of the box; to help, it must be finite and not zero."""
        n, seed = PROPOSAL.num_probes, self.options.seed
        X = draw_sobol_samples(self.bounds, n=n, q=self.num_points, seed=seed)
        X = self.fixed_features.select(slice(1))(X.unsqueeze(0)).squeeze(0)
        with torch.enable_grad():
            X = X.requires_grad_(True)
            values = self.acq_function(X)
            if not values.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(values.sum(), X, materialize_grads=True)
        return not must_help or bool(gradient.isfinite().all() and gradient.any())

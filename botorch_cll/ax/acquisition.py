"""Acquisition functions that suit the data at hand, optimized by a particle swarm."""

from collections.abc import Callable
from inspect import signature
from math import prod
from typing import Any

import torch
from ax.core.search_space import SearchSpaceDigest
from ax.generators.torch.botorch_modular.acquisition import Acquisition
from ax.generators.torch.botorch_modular.utils import validate_candidates
from ax.generators.torch_base import TorchOptConfig
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.logei import (
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qLogProbabilityOfFeasibility,
)
from botorch.acquisition.multioutput_acquisition import MultiOutputAcquisitionFunction
from botorch.generation.sampling import SamplingStrategy
from botorch.models.model import Model
from botorch.optim.optimize_mixed import MAX_CHOICES_ENUMERATE
from torch import Tensor

from botorch_cll.ax.incumbent import best_value, feasible_rows
from botorch_cll.ax.rounding import Rounding
from botorch_cll.ax.surrogate import JointSurrogate
from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.known_points import KnownPoints
from botorch_cll.optim.random_state import isolated_random_state

SEARCH = {"num_restarts": 20, "raw_samples": 512}
ROUNDED_SEARCH = {"num_restarts": 4, "raw_samples": 256}
"""Without gradients, which rounding rules out, each swarm moves for much longer."""

GRID = 1e-8
"""The resolution of candidates, in fractions of the box."""

LinearConstraint = tuple[Tensor, Tensor, float]


class SwarmAcquisition(Acquisition):
    """An acquisition that particle swarms optimize wherever a swarm makes sense.

    Spaces of real, integer and ordered parameters and one-hot codes are searched by
    `optimize_acqf_pso`, with each particle at an admissible point. Ax's own optimizers take over
    where all combinations can be tried one by one, for unordered parameters that are not one-hot
    encoded, equality constraints and acquisition functions with several outputs.

    With the criterion `"log_ei"` a single objective without outcome constraints and pending points
    has the analytic log expected improvement, which knows neither, and with them the Monte Carlo
    one. The incumbent is the best observation among those that are complete, in the search space
    and feasible. As long as none is feasible, the probability of feasibility is maximized.

    `options` (the `acquisition_options` of Ax's generator) hold, next to what Ax reads of them:

    - `"criterion"`: `"log_ei"`, or `None` for the acquisition function that Ax chooses,
    - `"seed"`: the seed of everything random.

    Other arguments are those of Ax's `Acquisition`.
    """

    surrogate: JointSurrogate
    _given_thresholds: Tensor | None = None

    def _update_objective_thresholds(self, torch_opt_config: TorchOptConfig) -> None:
        # Those that Ax infers say nothing of what the user wants reached.
        self._given_thresholds = torch_opt_config.objective_thresholds
        super()._update_objective_thresholds(torch_opt_config)

    def _construct_botorch_acquisition(
        self,
        botorch_acqf_class: type[AcquisitionFunction],
        botorch_acqf_options: dict[str, Any],
        model: Model,
    ) -> AcquisitionFunction:
        X, Y = self.surrogate.observations
        if self._subset_idcs is not None:
            # Objectives and constraints, in the order of the model's outputs.
            Y = Y[:, self._subset_idcs]
        feasible = feasible_rows(
            X,
            Y,
            X_observed=self.X_observed,
            outcome_constraints=self._outcome_constraints,
            objective_weights=self._objective_weights,
            thresholds=self._given_thresholds,
        )
        acqf_class = self._suited_class(botorch_acqf_class, bool(feasible.any()))
        options = dict(botorch_acqf_options)
        if "best_f" in signature(acqf_class).parameters:
            weights = self._objective_weights.sum(dim=0)
            options.setdefault("best_f", best_value(model, X, Y, feasible, weights))
        if self.X_observed is None:
            # The joint model knows the metrics also where they were not observed together.
            options.setdefault("X_baseline", X.unique(dim=0))
        return super()._construct_botorch_acquisition(
            botorch_acqf_class=acqf_class, botorch_acqf_options=options, model=model
        )

    def _suited_class(
        self, given: type[AcquisitionFunction], any_feasible: bool
    ) -> type[AcquisitionFunction]:
        is_constrained = self._outcome_constraints is not None
        if (is_constrained or self._given_thresholds is not None) and not any_feasible:
            return qLogProbabilityOfFeasibility
        if self.options.get("criterion") != "log_ei" or given is not qLogNoisyExpectedImprovement:
            return given
        if is_constrained or self.X_pending is not None or (self.n or 1) > 1:
            return qLogExpectedImprovement
        return LogExpectedImprovement

    def optimize(
        self,
        n: int,
        search_space_digest: SearchSpaceDigest,
        inequality_constraints: list[LinearConstraint] | None = None,
        equality_constraints: list[LinearConstraint] | None = None,
        fixed_features: dict[int, float] | None = None,
        rounding_func: Callable[[Tensor], Tensor] | None = None,
        optimizer_options: dict[str, Any] | None = None,
        candidate_set: Tensor | None = None,
        sampling_strategy: SamplingStrategy | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Choose candidates; arguments are those of Ax's `Acquisition`.

        `optimizer_options` are `num_restarts`, `raw_samples` and `options` of `optimize_acqf_pso`.

        Returns:
            A `n x d`-dim tensor of candidates, their acquisition values and their `n` weights.

        Raises:
            CandidateGenerationError: If no admissible candidate was found.
        """
        special = candidate_set is not None or sampling_strategy is not None
        special = special or bool(equality_constraints)
        if special or not self._suits_a_swarm(search_space_digest, fixed_features):
            with isolated_random_state(self._seed, self._known_points.device):
                return super().optimize(
                    n=n,
                    search_space_digest=search_space_digest,
                    inequality_constraints=inequality_constraints,
                    equality_constraints=equality_constraints,
                    fixed_features=fixed_features,
                    rounding_func=rounding_func,
                    # They are a swarm's, which not all of Ax's optimizers understand.
                    optimizer_options=None,
                    candidate_set=candidate_set,
                    sampling_strategy=sampling_strategy,
                )
        bounds = torch.tensor(search_space_digest.bounds, dtype=self.dtype, device=self.device).T
        for feature, value in (fixed_features or {}).items():
            # A task between two tasks has no meaning, not even in passing.
            bounds[:, feature] = value
        rounding = Rounding(search_space_digest, fixed_features)
        given = dict(optimizer_options or {})
        arguments = {
            "acq_function": self.acqf,
            "bounds": bounds,
            "q": n,
            "inequality_constraints": inequality_constraints,
            "fixed_features": fixed_features,
            **(ROUNDED_SEARCH if rounding else SEARCH),
            **given,
            "options": {"seed": self._seed, **given.get("options", {})},
        }
        # Away from known points unless there is nothing else: Ax knows what to do with those.
        candidates, values = optimize_acqf_pso(
            **arguments,
            sequential=n > 1,
            post_processing_func=rounding if rounding else None,
            X_avoid=self._known_points,
        )
        assert values is not None
        if rounding and n == 1 and len(rounding.rounded_features) < len(bounds.T):
            candidates, values = self._climb(candidates, values, rounding, arguments)
        if not inequality_constraints and not rounding:
            candidates = _on_grid(candidates, bounds)
        if rounding_func is not None:
            candidates = rounding_func(candidates)
        validate_candidates(
            candidates=candidates,
            bounds=bounds,
            discrete_choices=search_space_digest.discrete_choices or None,
            inequality_constraints=inequality_constraints,
            feature_names=search_space_digest.feature_names,
            task_features=search_space_digest.task_features,
        )
        return candidates, values, torch.ones(n, dtype=self.dtype)

    def evaluate(self, X: Tensor) -> Tensor:
        """The acquisition values of a `batch_shape x q x d`-dim tensor; the same each time."""
        with isolated_random_state(self._seed, self._known_points.device):
            return super().evaluate(X)

    @property
    def _seed(self) -> int:
        """A seed that follows from the user's and the data, so that each trial has its own."""
        return int(self.options.get("seed", 0)) + len(self._known_points)

    @property
    def _known_points(self) -> Tensor:
        X, _ = self.surrogate.observations
        return X if self.X_pending is None else torch.cat([X, self.X_pending.to(X)])

    def _suits_a_swarm(
        self, digest: SearchSpaceDigest, fixed_features: dict[int, float] | None
    ) -> bool:
        if isinstance(self.acqf, MultiOutputAcquisitionFunction):
            return False
        free = set(range(len(digest.feature_names))) - set(fixed_features or {})
        if free & set(digest.categorical_features):
            return False
        choices = [len(digest.discrete_choices[i]) for i in free & set(digest.discrete_choices)]
        return len(choices) < len(free) or prod(choices) > MAX_CHOICES_ENUMERATE

    def _climb(
        self, candidates: Tensor, values: Tensor, rounding: Rounding, arguments: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Go on from a rounded candidate by gradients, in what is not rounded."""
        rounded = {i: float(candidates[0, i]) for i in rounding.rounded_features}
        arguments = arguments | {
            "num_restarts": 1,
            "raw_samples": None,
            "batch_initial_conditions": candidates.unsqueeze(0),
            "fixed_features": {**(arguments["fixed_features"] or {}), **rounded},
        }
        higher, value = optimize_acqf_pso(**arguments)
        assert value is not None
        is_new = KnownPoints(self._known_points, arguments["bounds"]).are_new(higher)
        return (higher, value) if bool(is_new & (value > values)) else (candidates, values)


def _on_grid(X: Tensor, bounds: Tensor) -> Tensor:
    """Points on a grid finer than anyone needs.

    Ax's storage keeps ten decimals of an observation, which after loading changes candidates by far
    less than the resolution of the grid.
    """
    lower, upper = bounds
    step = (upper - lower) * GRID
    steps = torch.where(step > 0, (X - lower) / step, 0.0).round()
    return torch.minimum(torch.maximum(lower + steps * step, lower), upper)

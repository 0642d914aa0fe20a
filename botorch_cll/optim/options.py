"""The `options` dictionary of the swarm optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.optim.optimize import INIT_OPTION_KEYS

from botorch_cll.optim.swarm import SwarmOptions

# Besides INIT_OPTION_KEYS, what BoTorch's generators of initial conditions read.
INITIALIZATION_KEYS = frozenset(INIT_OPTION_KEYS - {"seed", "batch_limit"}) | {
    "frac_random",
    "largest",
    "n_thinning",
    "num_inner_restarts",
    "raw_inner_samples",
    "sample_around_best_subset_sigma",
    "sorted",
    "topn",
}
SWARM_KEYS = frozenset(f.name for f in fields(SwarmOptions))

# A polished swarm only has to find the right hill: climbing it is cheaper with gradients.
MAXITER_BEFORE_POLISH = 4
MAXITER_BEFORE_POLISH_JOINT = 20
MIN_PARTICLES_PER_SWARM = 4
MIN_PARTICLES = 64


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """All options of one swarm search, apart from how its swarms move.

    Attributes:
        num_particles: Number of particles per swarm. `None`: see `particles_per_swarm`.
        seed: Seed of all random numbers.
        batch_limit: Largest number of swarms per call of the acquisition function, `None` for all.
            Saves memory; the result is the same.
        spread: Standard deviation, as a fraction of the box, of the particles around a given
            initial condition.
        polish: Whether to climb from the best swarms' points by gradients. `None`: where possible.
        num_polish: Number of swarms to polish for each candidate returned, best first. `None`: 12,
            or `4 * q` if that is more.
        polish_maxiter: Largest number of gradient steps.
        swarm: Options of `SwarmOptions` that were given.
        initialization: Options for BoTorch's generators of initial conditions that were given.

    Raises:
        InputDataError: A value is out of range.
    """

    num_particles: int | None = None
    seed: int = 0
    batch_limit: int | None = None
    spread: float = 0.1
    polish: bool | None = None
    num_polish: int | None = None
    polish_maxiter: int = 50
    swarm: dict[str, Any] = field(default_factory=dict)
    initialization: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("num_particles", "batch_limit", "num_polish", "polish_maxiter"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputDataError(f"Expected option {name!r} to be at least 1, got {value!r}.")
        if not self.spread >= 0:
            raise InputDataError(f"Expected option 'spread' to be >= 0, got {self.spread!r}.")
        self.swarm_options()

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> SearchOptions:
        """Sort a user's options into ours, the swarm's and the initialization's.

        Args:
            options: The `options` argument of `optimize_acqf_pso`. A value of `None` stands for the
                default.

        Raises:
            UnsupportedError: A key is unknown; lists the known ones.
            InputDataError: A value is out of range.
        """
        own = frozenset(f.name for f in fields(cls)) - {"swarm", "initialization"}
        given = {key: value for key, value in (options or {}).items() if value is not None}
        known = own | SWARM_KEYS | INITIALIZATION_KEYS
        if unknown := sorted(set(given) - known):
            raise UnsupportedError(
                f"Unknown options {unknown} for a particle swarm; known are {sorted(known)}."
            )
        return cls(
            **{key: given[key] for key in own & given.keys()},
            swarm={key: given[key] for key in SWARM_KEYS & given.keys()},
            initialization={key: given[key] for key in INITIALIZATION_KEYS & given.keys()},
        )

    def particles_per_swarm(self, num_swarms: int, polish: bool) -> int:
        """Return `num_particles`, by default at least 4, and 64 for all swarms together.

        Twice as many, if the swarms are not going to be polished.
        """
        if self.num_particles is not None:
            return self.num_particles
        number = max(MIN_PARTICLES_PER_SWARM, MIN_PARTICLES // num_swarms)
        return number if polish else 2 * number

    def swarm_options(self, maxiter: int | None = None) -> SwarmOptions:
        """Return how the swarms move, with another default number of iterations if one is given."""
        default = {} if maxiter is None else {"maxiter": maxiter}
        return SwarmOptions(**{**default, **self.swarm})

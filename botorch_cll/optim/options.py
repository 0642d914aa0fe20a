"""The `options` dictionary of the swarm optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from botorch.exceptions.errors import UnsupportedError
from botorch.optim.optimize import INIT_OPTION_KEYS

from botorch_cll.optim.checks import expect
from botorch_cll.optim.settings import PROPOSAL
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


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """All options of one swarm search; what they mean is said in `optimize_acqf_pso`.

    Those of `SwarmOptions` and for BoTorch's generators of initial conditions are kept as they were
    given. A `spread` of a tenth of the box is near an initial condition, and beyond its hill;
    `polish_maxiter` bounds climbs that creep. `InputDataError`: a value is out of range.
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
            expect(value is None or value >= 1, f"option {name!r} to be at least 1", repr(value))
        expect(self.spread >= 0, "option 'spread' to be >= 0", repr(self.spread))
        self.swarm_options()

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> SearchOptions:
        """Sort a user's options into ours, the swarm's and the initialization's; `None` is default.

        Raises `UnsupportedError` if a key is unknown, and lists the known ones.
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
        """Return `num_particles`, or how many it takes with and without gradients."""
        if self.num_particles is not None:
            return self.num_particles
        number = max(PROPOSAL.min_particles_per_swarm, PROPOSAL.min_particles // num_swarms)
        return number if polish else PROPOSAL.particles_without_polish * number

    def swarm_options(self, maxiter: int | None = None) -> SwarmOptions:
        """Return how the swarms move, with another default number of iterations if one is given."""
        default = {} if maxiter is None else {"maxiter": maxiter}
        return SwarmOptions(**{**default, **self.swarm})

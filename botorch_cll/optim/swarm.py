"""Particle swarms in plain torch: any number of independent swarms advanced as one batch."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from botorch_cll.optim.checks import expect

BatchedFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class SwarmOptions:
    """How a swarm moves and when it stops.

    The default coefficients are those of Clerc and Kennedy (2002), in the inertia-weight form
    (Eberhart and Shi, 2000): with them a swarm contracts without any velocity limit.

    Attributes:
        maxiter: Largest number of iterations of one `fitness` call each, after that at the start.
        inertia: Weight of a particle's previous velocity.
        cognitive: Pull toward the best point the particle itself has seen.
        social: Pull toward the best point its swarm has seen.
        max_velocity: Largest step per iteration and dimension, as a fraction of the box.
        value_tolerance: A swarm stands still once `patience` iterations have raised its best value
            by no more than this, absolutely or (for values above one) relative to the value.
        diameter_tolerance: A swarm has contracted once the box around its particles' best points
            is no wider than this in any dimension, as a fraction of the search box.
        patience: Number of iterations between two checks for convergence.

    Raises:
        InputDataError: A value is out of range.
    """

    maxiter: int = 200
    inertia: float = 0.7298
    cognitive: float = 1.49618
    social: float = 1.49618
    max_velocity: float = 0.5
    value_tolerance: float = 1e-6
    diameter_tolerance: float = 1e-3
    patience: int = 10

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "max_velocity":
                expect(value > 0, f"option {name!r} to be > 0", repr(value))
            else:
                lowest = 1 if name == "patience" else 0
                expect(value >= lowest, f"option {name!r} to be >= {lowest}", repr(value))


class SwarmResult(NamedTuple):
    """The best point each swarm has seen.

    Attributes:
        X: A `*swarms x q x d`-dim tensor of best points.
        values: A `*swarms`-dim tensor of their fitness.
        violations: A `*swarms`-dim tensor of their constraint violations, zero where feasible.
        num_iterations: Number of iterations taken.
    """

    X: Tensor
    values: Tensor
    violations: Tensor
    num_iterations: int


class ParticleSwarm:
    r"""Independent global-best particle swarms, advanced together.

    In each iteration every coordinate of every particle moves by (Kennedy and Eberhart, 1995, with
    the inertia weight of Shi and Eberhart, 1998)

    .. math::
        v \leftarrow \operatorname{clip}\bigl(w v + c_1 r_1 (p - x) + c_2 r_2 (g - x),
            \pm v_{\max}\bigr), \qquad x \leftarrow x + v,

    where :math:`p` is the best point the particle has seen, :math:`g` the best its swarm has seen,
    and :math:`r_1, r_2 \sim U(0, 1)`, drawn anew per coordinate. A particle that leaves the box is
    put on its boundary, which is reached exactly, and loses its velocity in that dimension.

    Under constraints, points compete by the rules of Deb (2000): the smaller violation wins, and
    among equal violations (all feasible points have zero) the larger value.

    Args:
        fitness: Maps a `*swarms x particles x q x d`-dim tensor of points to a
            `*swarms x particles`-dim tensor of values, to be maximized; never NaN. All swarms are
            in one call: those of several tasks can share one forward pass of a model.
        X: A `*swarms x particles x q x d`-dim tensor of initial positions inside `bounds`.
        bounds: A `2 x d`-dim tensor of lower and upper bounds.
        generator: Source of all random numbers, on the device of `X`.
        options: Coefficients and stopping rules.
        violation: Maps points, shaped as for `fitness`, to their `*swarms x particles`-dim
            non-negative violations, zero where feasible. `None`: every point is feasible.
        repair: Maps positions to the points that are evaluated, kept and returned in their place,
            of the same shape (for example rounded ones); the positions themselves move on.

    Example:
        >>> import torch
        >>> from botorch_cll.optim.swarm import ParticleSwarm
        >>> generator = torch.Generator().manual_seed(0)
        >>> X = torch.rand(3, 16, 1, 2, generator=generator)  # 3 swarms of 16 particles
        >>> fitness = lambda X: -(X - 0.3).square().sum(dim=(-2, -1))
        >>> bounds = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> swarm = ParticleSwarm(fitness, X, bounds, generator=generator)
        >>> bool((swarm.run().X - 0.3).abs().max() < 0.01)
        True
    """

    def __init__(
        self,
        fitness: BatchedFunction,
        X: Tensor,
        bounds: Tensor,
        *,
        generator: torch.Generator,
        options: SwarmOptions | None = None,
        violation: BatchedFunction | None = None,
        repair: BatchedFunction | None = None,
    ) -> None:
        self.fitness = fitness
        self.violation = violation
        self.repair = repair
        self.options = options or SwarmOptions()
        self.generator = generator
        self.lower, self.upper = bounds[0], bounds[1]
        self.span = self.upper - self.lower
        self.max_velocity = self.options.max_velocity * self.span
        self.num_iterations = 0

        self.X = X
        self.velocity = self.max_velocity * (self._uniform(*X.shape) - 0.5)
        self.best_X, self.best_values, self.best_violations = self._evaluate(X)
        self._leader = self.best()
        self._checked = self._leader

    def step(self) -> None:
        """Move every particle of every swarm once, with one call of `fitness`."""
        options = self.options
        pull = self._uniform(2, *self.X.shape)
        velocity = (
            options.inertia * self.velocity
            + options.cognitive * pull[0] * (self.best_X - self.X)
            + options.social * pull[1] * (self._leader.X.unsqueeze(-3) - self.X)
        ).clamp(-self.max_velocity, self.max_velocity)
        moved = self.X + velocity
        self.X = moved.clamp(self.lower, self.upper)
        self.velocity = velocity.where(moved == self.X, 0.0)

        X, values, violations = self._evaluate(self.X)
        better = values > self.best_values
        if violations is not None and self.best_violations is not None:
            better &= violations == self.best_violations
            better |= violations < self.best_violations
            self.best_violations = violations.where(better, self.best_violations)
        self.best_values = values.where(better, self.best_values)
        self.best_X = X.where(better[..., None, None], self.best_X)
        self.num_iterations += 1
        self._leader = self.best()

    def best(self) -> SwarmResult:
        """Return the best point each swarm has seen."""
        best = best_particles(self.best_X, self.best_values, self.best_violations)
        return SwarmResult(*best, self.num_iterations)

    def run(self, deadline: float | None = None) -> SwarmResult:
        """Move until all swarms have converged, and return the best point each has seen.

        Stops earlier at `options.maxiter`, or once `time.monotonic()` has reached the deadline.
        """
        while self.num_iterations < self.options.maxiter:
            if deadline is not None and time.monotonic() >= deadline:
                break
            self.step()
            if self.num_iterations % self.options.patience == 0 and self.has_converged():
                break
        return self.best()

    def has_converged(self) -> bool:
        """Whether every swarm stands still, compared with the last call, and has contracted."""
        before, now = self._checked, self._leader
        self._checked = now
        tolerance = self.options.value_tolerance * now.values.abs().clamp(min=1.0)
        # Two infinities of one sign differ by NaN, which is not above the tolerance either.
        still = ~(now.values - before.values > tolerance) & (now.violations == before.violations)
        diameter = self.best_X.amax(dim=-3) - self.best_X.amin(dim=-3)
        contracted = diameter <= self.options.diameter_tolerance * self.span
        return bool(still.all() & contracted.all())

    def _evaluate(self, X: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the points evaluated in place of `X`, their values and their violations."""
        if self.repair is not None:
            X = self.repair(X)
        return X, self.fitness(X), None if self.violation is None else self.violation(X)

    def _uniform(self, *shape: int) -> Tensor:
        dtype, device = self.span.dtype, self.span.device
        return torch.rand(shape, generator=self.generator, dtype=dtype, device=device)


def best_particles(
    X: Tensor, values: Tensor, violations: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The best of each swarm's particles by the rules of Deb (2000), its value and violation."""
    rank = values
    if violations is not None:
        least = violations.amin(dim=-1, keepdim=True)
        # The clamp lets a feasible point of value -inf still beat every infeasible one.
        rank = values.clamp(torch.finfo(values.dtype).min).where(violations == least, -torch.inf)
    index = rank.argmax(dim=-1, keepdim=True)
    X = X.take_along_dim(index[..., None, None], dim=-3).squeeze(-3)
    values = values.gather(-1, index).squeeze(-1)
    if violations is None:
        return X, values, torch.zeros_like(values)
    return X, values, violations.gather(-1, index).squeeze(-1)

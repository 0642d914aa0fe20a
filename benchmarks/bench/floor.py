"""The least time that a fit and a prediction could take: operations over measured rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from botorch_cll.fit.two_stage import (
    MAX_HONEST_ROWS,
    TwoStageOptions,
    score_size,
)
from botorch_cll.models.ensemble import DEFAULT_NUM_RESTARTS, default_num_centers

_MATRIX = 512
_ELEMENTS = 1 << 16
_REPEATS = 7


@dataclass(frozen=True)
class Rates:
    """What this machine can do, in operations per second.

    Attributes:
        flops: Additions and multiplications of a large matrix product.
        exponentials: Exponentials of an array that stays in the cache.
        bytes: Bytes copied from and to memory.
    """

    flops: float
    exponentials: float
    bytes: float


@dataclass(frozen=True)
class Operations:
    """What a computation cannot do without.

    Attributes:
        flops: Additions and multiplications.
        exponentials: Exponentials.
        bytes: Bytes that come from or go to memory.
    """

    flops: float = 0.0
    exponentials: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: Operations) -> Operations:
        return Operations(
            self.flops + other.flops,
            self.exponentials + other.exponentials,
            self.bytes + other.bytes,
        )

    def __rmul__(self, times: float) -> Operations:
        return Operations(times * self.flops, times * self.exponentials, times * self.bytes)

    def seconds(self, rates: Rates) -> float:
        """The time they take: arithmetic one after the other, memory traffic at the same time."""
        arithmetic = self.flops / rates.flops + self.exponentials / rates.exponentials
        return max(arithmetic, self.bytes / rates.bytes)


def measure_rates(now: Callable[[], float]) -> Rates:
    """Measure the machine in double precision; the best of some repeats each.

    Args:
        now: The clock.
    """
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(_MATRIX, _MATRIX, generator=generator, dtype=torch.double)
    exponents = -torch.rand(_ELEMENTS, generator=generator, dtype=torch.double)
    result = torch.empty_like(exponents)
    long = torch.zeros(64 * _ELEMENTS, dtype=torch.double)
    copy = torch.empty_like(long)

    def best(work: Callable[[], object]) -> float:
        seconds = []
        for _ in range(_REPEATS):
            started = now()
            work()
            seconds.append(now() - started)
        return min(seconds)

    def exponentials() -> None:
        for _ in range(20):
            torch.exp(exponents, out=result)

    return Rates(
        flops=2.0 * _MATRIX**3 / best(lambda: matrix @ matrix),
        exponentials=20.0 * _ELEMENTS / best(exponentials),
        bytes=2.0 * long.nbytes / best(lambda: copy.copy_(long)),
    )


def features(n: int, centers: int, d: int) -> Operations:
    """The kernel values of `n` points and so many centers: one product, then exponentials."""
    return Operations(flops=2.0 * n * centers * (2 * d + 1), exponentials=float(n * centers))


def normal_equations(n: int, columns: int, targets: int) -> Operations:
    """Half of a Gram matrix, its moments, its Cholesky factor and the weights."""
    gram = n * columns * (columns + 1) + 2 * n * columns * targets
    return Operations(flops=gram + columns**3 / 3 + 2 * columns**2 * targets)


def leave_one_out(n: int, columns: int, targets: int) -> Operations:
    """One triangular solve for all rows, the squares of its columns, the predictions."""
    return Operations(flops=n * columns * (columns + 2) + 2 * n * columns * targets)


def fit_parts(n: int, d: int, num_tasks: int) -> dict[str, Operations]:
    """The parts of the default two-stage fit of all tasks at `n` common points.

    The keys are those of `PARTS` of `benchmarks.bench.parts`.
    """
    options = TwoStageOptions()
    settings = options.num_initial + options.num_rounds * options.num_candidates
    rows, centers = score_size(n, default_num_centers(n))
    tail = 1 + 2 * d
    columns = centers + tail
    search = settings * (
        features(rows, centers, d)
        + normal_equations(rows, columns, num_tasks)
        + leave_one_out(rows, columns, num_tasks)
    )
    members = DEFAULT_NUM_RESTARTS * num_tasks
    seen = round(options.sample_fraction * n)
    centers = min(default_num_centers(n), seen)
    columns, honest = centers + tail, min(n, MAX_HONEST_ROWS)
    # Every restart reads all inputs and targets once.
    read = Operations(bytes=8.0 * n * (d + num_tasks))
    solve = members * (features(seen, centers, d) + normal_equations(seen, columns, 1)) + read
    left_out = members * (features(honest, centers, d) + leave_one_out(honest, columns, 1))
    return {"search": search, "output weights": solve, "left-out predictions": left_out}


def posterior(n: int, d: int, num_tasks: int, centers: int) -> Operations:
    """Means and variances of all tasks at `n` points by the default ensemble."""
    members = DEFAULT_NUM_RESTARTS * num_tasks
    radial = features(n, centers, d) + Operations(flops=4.0 * n * centers)
    tail = Operations(flops=2.0 * n * (1 + 2 * d))
    layer = Operations(flops=2.0 * n * num_tasks)
    moments = Operations(flops=4.0 * n)
    return members * (radial + tail + layer + moments)

"""Where the time of our fit and prediction goes, and the least it could be: operations over rates.

Operations and rates are pairs: sums and products, and exponentials. Reading the data from memory
takes far less than either.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.bench.clock import Clock, Row
from botorch_cll.fit import TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.settings import NETWORK

PARTS = {
    "search": ("search.py", "search_settings"),
    "centers": ("two_stage.py", "_draw_centers"),
    "output weights": ("members.py", "solve"),
    "left-out predictions": ("members.py", "out_of_sample"),
    "correlation layer": ("layers.py", "fit_layer"),
    "calibration": ("calibration.py", "calibrate"),
}
"""The parts of the two-stage fit and the functions that do them, none of them inside another."""

_WHOLE = ("two_stage.py", "fit_two_stage")
_MATRIX, _ELEMENTS, _REPEATS = 512, 1 << 16, 7

Pair = npt.NDArray[np.float64]


def operations(flops: float, exponentials: float = 0.0) -> Pair:
    """What a computation cannot do without."""
    return np.array([flops, exponentials])


def measure_rates(now: Clock) -> Pair:
    """What this machine does per second in double precision: the best of some repeats.

    The product of large matrices, and exponentials of an array that stays in the cache.
    """
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(_MATRIX, _MATRIX, generator=generator, dtype=torch.double)
    exponents = -torch.rand(_ELEMENTS, generator=generator, dtype=torch.double)
    result = torch.empty_like(exponents)

    def best(work: Callable[[], object]) -> float:
        seconds = []
        for _ in range(_REPEATS):
            started = now()
            work()
            seconds.append(now() - started)
        return min(seconds)

    return operations(
        2.0 * _MATRIX**3 / best(lambda: matrix @ matrix),
        20.0 * _ELEMENTS / best(lambda: [torch.exp(exponents, out=result) for _ in range(20)]),
    )


def features(n: int, centers: int, d: int) -> Pair:
    """The kernel values of `n` points and so many centers: one product, then exponentials."""
    return operations(2.0 * n * centers * (2 * d + 1), n * centers)


def normal_equations(n: int, columns: int, targets: int) -> Pair:
    """Half of a Gram matrix, its moments, its Cholesky factor and the weights."""
    gram = n * columns * (columns + 1) + 2 * n * columns * targets
    return operations(gram + columns**3 / 3 + 2 * columns**2 * targets)


def leave_one_out(n: int, columns: int, targets: int) -> Pair:
    """One triangular solve for all rows, the squares of its columns, the predictions."""
    return operations(n * columns * (columns + 2) + 2 * n * columns * targets)


def fit_parts(n: int, d: int, num_tasks: int) -> dict[str, Pair]:
    """Some of `PARTS` of the default fit of all tasks at `n` common points."""
    options = TwoStageOptions()
    settings = options.num_initial + options.num_rounds * options.num_candidates
    rows, centers = options.search.score_size(n, NETWORK.num_centers(n))
    tail = 1 + 2 * d
    columns = centers + tail
    search = settings * (
        features(rows, centers, d)
        + normal_equations(rows, columns, num_tasks)
        + leave_one_out(rows, columns, num_tasks)
    )
    members = NETWORK.num_restarts * num_tasks
    seen = round(options.sample_fraction * n)
    centers = min(NETWORK.num_centers(n), seen)
    columns, honest = centers + tail, min(n, options.search.max_honest_rows)
    solve = members * (features(seen, centers, d) + normal_equations(seen, columns, 1))
    left_out = members * (features(honest, centers, d) + leave_one_out(honest, columns, 1))
    return {"search": search, "output weights": solve, "left-out predictions": left_out}


def posterior(points: int, d: int, num_tasks: int, n: int) -> Pair:
    """Means and variances of all tasks at so many points by the default ensemble of `n` points."""
    centers = min(n, NETWORK.num_centers(n))
    radial = features(points, centers, d) + operations(4.0 * points * centers)
    tail, layer, moments = 2.0 * points * (1 + 2 * d), 2.0 * points * num_tasks, 4.0 * points
    return NETWORK.num_restarts * num_tasks * (radial + operations(tail + layer + moments))


def time_parts(fit: Callable[[], object], now: Clock) -> dict[str, float]:
    """The seconds of each of `PARTS` and of the rest of a fit, by the interpreter's profiler.

    The profiler itself makes small calls slower: shares are more reliable than seconds.
    """
    profile = cProfile.Profile(now)
    profile.runcall(fit)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    cumulative = {
        (Path(path).name, function): seconds
        for (path, _, function), (_, _, _, seconds, _) in stats.items()
    }
    parts = {part: cumulative.get(function, 0.0) for part, function in PARTS.items()}
    return parts | {"rest": max(0.0, cumulative[_WHOLE] - sum(parts.values()))}


def bench_floor(X: Tensor, Y: Tensor, test_X: Tensor, repeats: int, now: Clock) -> Iterator[Row]:
    """Time the parts of our fit and prediction beside what their operations would take.

    `floor` has these seconds, NaN for small parts without a count.
    """
    rates = measure_rates(now)
    (n, d), num_tasks = X.shape, Y.shape[-1]
    needed = fit_parts(n, d, num_tasks) | {"posterior": posterior(len(test_X), d, num_tasks, n)}
    for repeat in range(repeats):
        model = MultiRBFCorrelationModel(X, Y)
        parts = time_parts(partial(fit_rbf_ensemble, model), now)
        started = now()
        with torch.no_grad():
            predicted = model.posterior(test_X)
            _ = predicted.mean, predicted.variance
        parts["posterior"] = now() - started
        for name, seconds in parts.items():
            floor = float((needed[name] / rates).sum()) if name in needed else float("nan")
            yield {"method": name, "repeat": repeat, "seconds": seconds, "floor": floor}

"""Where the time of our fit and prediction goes, and the least it could be: counts over rates."""

import cProfile
import math
import pstats
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from botorch.models.model import Model
from torch import Tensor

from benchmarks.bench.clock import Clock, Row, timed
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

Pair = npt.NDArray[np.float64]  # sums and products, and exponentials; memory takes far less


def operations(flops: float, exponentials: float = 0.0) -> Pair:
    """What a computation cannot do without."""
    return np.array([flops, exponentials])


def measure_rates(now: Clock) -> Pair:
    """What this machine does per second: a product of large matrices, exponentials in the cache."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(_MATRIX, _MATRIX, generator=generator, dtype=torch.double)
    exponents = -torch.rand(_ELEMENTS, generator=generator, dtype=torch.double)
    result = torch.empty_like(exponents)

    def per_second(count: float, work: Callable[[], Tensor], number: int) -> float:
        return count * number / min(timeit.repeat(work, timer=now, repeat=_REPEATS, number=number))

    flops = per_second(2.0 * _MATRIX**3, lambda: matrix @ matrix, 1)
    return operations(flops, per_second(_ELEMENTS, lambda: torch.exp(exponents, out=result), 20))


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
    options, tail = TwoStageOptions(), 1 + 2 * d
    settings = options.num_initial + options.num_rounds * options.num_candidates
    rows, centers = options.search.score_size(n, NETWORK.num_centers(n))
    size = rows, centers + tail, num_tasks
    search = features(rows, centers, d) + normal_equations(*size) + leave_one_out(*size)
    members, seen = NETWORK.num_restarts * num_tasks, round(options.sample_fraction * n)
    centers, honest = min(NETWORK.num_centers(n), seen), min(n, options.search.max_honest_rows)
    solve = features(seen, centers, d) + normal_equations(seen, centers + tail, 1)
    left_out = features(honest, centers, d) + leave_one_out(honest, centers + tail, 1)
    return {
        "search": settings * search,
        "output weights": members * solve,
        "left-out predictions": members * left_out,
    }


def posterior(points: int, d: int, num_tasks: int, n: int) -> Pair:
    """Means and variances of all tasks at so many points by the default ensemble of `n` points."""
    centers = min(n, NETWORK.num_centers(n))
    radial = features(points, centers, d) + operations(4.0 * points * centers)
    tail, layer, moments = 2.0 * points * (1 + 2 * d), 2.0 * points * num_tasks, 4.0 * points
    return NETWORK.num_restarts * num_tasks * (radial + operations(tail + layer + moments))


def predict(model: Model, X: Tensor, observation_noise: bool = False) -> None:
    """Read mean and variance of a model's predictions."""
    with torch.no_grad():
        predicted = model.posterior(X, observation_noise=observation_noise)
        _ = predicted.mean, predicted.variance


def time_parts(X: Tensor, Y: Tensor, test_X: Tensor, now: Clock) -> list[Row]:
    """Time the parts of our fit and prediction beside their `floor`, NaN where uncounted."""
    model, profile = MultiRBFCorrelationModel(X, Y), cProfile.Profile(now)
    profile.runcall(fit_rbf_ensemble, model)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = {(Path(path).name, name): stat[3] for (path, _, name), stat in stats.items()}
    parts = {part: spent.get(function, 0.0) for part, function in PARTS.items()}
    parts["rest"] = max(0.0, spent[_WHOLE] - sum(parts.values()))
    _, parts["posterior"] = timed(partial(predict, model, test_X), now)
    (n, d), num_tasks, rates = X.shape, Y.shape[-1], measure_rates(now)
    needed = fit_parts(n, d, num_tasks) | {"posterior": posterior(len(test_X), d, num_tasks, n)}
    floors = {part: float((count / rates).sum()) for part, count in needed.items()}
    floors = dict.fromkeys(parts, math.nan) | floors
    return [{"method": x, "seconds": parts[x], "floor": floors[x]} for x in parts]

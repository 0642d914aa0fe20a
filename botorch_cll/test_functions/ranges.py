"""Certified ranges of base functions over their usual boxes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from botorch_cll.test_functions.synthetic import SCHWEFEL_CONSTANT, SCHWEFEL_OPTIMIZER
from botorch_cll.test_functions.univariate import Array, minimize_univariate


class FunctionRange(NamedTuple):
    """The range of a function over its box: all values from `low` to `high` are attained.

    `low` is the exact minimum, attained at `argmin`. `high` is attained at `argmax`, and no value
    exceeds `high + gap`.
    """

    low: float
    high: float
    argmin: tuple[float, ...]
    argmax: tuple[float, ...]
    gap: float


@lru_cache
def ackley_range(dim: int) -> FunctionRange:
    r"""Range of Ackley's function over `[-32.768, 32.768]^d`.

    With `u` the mean of `x_i²` and `v` the mean of `cos(2π x_i)` the function is

    .. math:: \phi(u, v) = 20 + e - 20 e^{-0.2 \sqrt{u}} - e^v,

    which is concave, so it lies below its tangent plane at `(u, v)` of any point. The plane is a
    mean over coordinates of one function of `x_i`: its maximum over the box, a search over one
    variable, bounds the maximum of the function in every dimension. With the tangent taken at the
    one-dimensional maximizer, bound and attained value coincide.

    Args:
        dim: The number `d` of inputs.

    Returns:
        The range.
    """
    width = 32.768
    tau = 2.0 * math.pi

    def negative(x: Array) -> Array:
        return 20.0 * np.exp(-0.2 * x) + np.exp(np.cos(tau * x))

    def negative_slope(x: Array) -> Array:
        return -4.0 * np.exp(-0.2 * x) - tau * np.sin(tau * x) * np.exp(np.cos(tau * x))

    # |cos t - sin² t| <= 5/4 bounds the second derivative of exp(cos t).
    peak = minimize_univariate(
        negative, negative_slope, 0.8 + 1.25 * math.e * tau**2, 0.0, width, 1e-12
    )
    slope_u = 2.0 * math.exp(-0.2 * peak.x) / peak.x
    slope_v = -math.exp(math.cos(tau * peak.x))
    plane = minimize_univariate(
        lambda x: -slope_u * x * x - slope_v * np.cos(tau * x),
        lambda x: -2.0 * slope_u * x + tau * slope_v * np.sin(tau * x),
        2.0 * abs(slope_u) + tau**2 * abs(slope_v),
        0.0,
        width,
        1e-12,
    )
    at_peak = slope_u * peak.x**2 + slope_v * math.cos(tau * peak.x)
    return FunctionRange(
        low=0.0,
        high=20.0 + math.e - peak.value,
        argmin=(0.0,) * dim,
        argmax=(peak.x,) * dim,
        gap=max(0.0, -plane.value - at_peak) + plane.gap,
    )


@lru_cache
def rastrigin_range(dim: int) -> FunctionRange:
    """Range of Rastrigin's function over `[-5.12, 5.12]^d`, a sum over the coordinates.

    Args:
        dim: The number `d` of inputs.

    Returns:
        The range.
    """
    tau = 2.0 * math.pi
    peak = minimize_univariate(
        lambda x: 10.0 * np.cos(tau * x) - x * x,
        lambda x: -10.0 * tau * np.sin(tau * x) - 2.0 * x,
        10.0 * tau**2 + 2.0,
        0.0,
        5.12,
        1e-11,
    )
    return FunctionRange(
        low=0.0,
        high=dim * (10.0 - peak.value),
        argmin=(0.0,) * dim,
        argmax=(peak.x,) * dim,
        gap=dim * peak.gap,
    )


@lru_cache
def schwefel_range(dim: int) -> FunctionRange:
    """Range of Schwefel's function over `[-500, 500]^d`.

    `x sin √|x|` is odd, so the maximum mirrors the minimum.

    Args:
        dim: The number `d` of inputs.

    Returns:
        The range.
    """
    return FunctionRange(
        low=0.0,
        high=2.0 * dim * SCHWEFEL_CONSTANT,
        argmin=(SCHWEFEL_OPTIMIZER,) * dim,
        argmax=(-SCHWEFEL_OPTIMIZER,) * dim,
        gap=dim * 1e-11,
    )


@lru_cache
def griewank_range(dim: int) -> FunctionRange:
    r"""Range of Griewank's function over `[-600, 600]^d`.

    The maximum does not separate. With `q(x) = x² / 4000` and `c_i = cos(x_i / √i)` let

    .. math::
        W_k(t) = \max_{x_k, \ldots, x_d} \sum_{i \ge k} q(x_i) - t \prod_{i \ge k} c_i
               = \max_x \; q(x) + W_{k+1}(t \cos(x / \sqrt{k})), \qquad W_{d+1}(t) = -t,

    so that the maximum is `1 + W_1(1)`. Each `W_k` is convex in `t` (a maximum of linear
    functions), therefore its linear interpolant lies above it, and over a cell of `x` on which
    the cosine is monotone it is largest at an end. Backward recursion over a grid of `t` thus
    gives an upper bound; following its choices and improving them one coordinate at a time gives
    an attained value. Both together are the certificate.

    Args:
        dim: The number `d` of inputs.

    Returns:
        The range.
    """
    nodes = np.linspace(-1.0, 1.0, 1001)
    bound = -nodes
    choices: list[Array] = []
    for k in range(dim, 0, -1):
        x = _last_period(k, 4000 if k > 1 else 400_000)
        cosine = np.cos(x / math.sqrt(k))
        t = nodes if k > 1 else np.ones(1)
        ahead = np.interp(np.multiply.outer(t, cosine), nodes, bound)
        # q increases, so that the right end of a cell bounds it.
        cells = x[1:] ** 2 / 4000.0 + np.maximum(ahead[:, 1:], ahead[:, :-1])
        bound = cells.max(axis=1)
        choices.insert(0, x[1:][cells.argmax(axis=1)])
    upper = 1.0 + float(bound[0])

    point = np.empty(dim)
    t_now = 1.0
    for k, choice in enumerate(choices):
        index = 0 if k == 0 else int(np.abs(nodes - t_now).argmin())
        point[k] = choice[index]
        t_now *= math.cos(point[k] / math.sqrt(k + 1))
    high = _improve_griewank(point)
    return FunctionRange(
        low=0.0,
        high=high,
        argmin=(0.0,) * dim,
        argmax=tuple(point.tolist()),
        gap=max(0.0, upper - high),
    )


def _last_period(k: int, num_cells: int) -> Array:
    """Cells of the last period of `cos(x / √k)` before 600, on each of which it is monotone.

    `x² / 4000` increases, so that an optimal coordinate can always be taken from this period.
    """
    scale = math.sqrt(k)
    first = max(0.0, 600.0 - 2.0 * math.pi * scale)
    extrema = math.pi * scale * np.arange(math.ceil(first / (math.pi * scale)), 600)
    edges = np.linspace(first, 600.0, num_cells + 1)
    return np.union1d(edges, extrema[(extrema >= first) & (extrema <= 600.0)])


def _improve_griewank(point: Array, max_sweeps: int = 100) -> float:
    """Maximize Griewank's function over one coordinate at a time.

    Args:
        point: A `d`-dim array, improved in place.
        max_sweeps: The largest number of sweeps over the coordinates.

    Returns:
        The value attained.
    """
    roots = np.sqrt(np.arange(1, len(point) + 1))

    def value() -> float:
        return float(1.0 + (point**2).sum() / 4000.0 - np.cos(point / roots).prod())

    best = value()
    for _ in range(max_sweeps):
        before = best
        for k in range(len(point)):
            others = float(np.delete(np.cos(point / roots), k).prod())
            old, point[k] = point[k], _best_coordinate(k + 1, others)
            if value() <= best:
                point[k] = old
            best = value()
        if best - before <= 1e-13:
            break
    return best


def _best_coordinate(k: int, others: float) -> float:
    """Maximize Griewank's function over `x_k`, given the product of the other cosines."""
    root = math.sqrt(k)
    return minimize_univariate(
        lambda x: others * np.cos(x / root) - x * x / 4000.0,
        lambda x: -others / root * np.sin(x / root) - x / 2000.0,
        1.0 / k + 1.0 / 2000.0,
        max(0.0, 600.0 - 2.0 * math.pi * root),
        600.0,
        1e-13,
    ).x

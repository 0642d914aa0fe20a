"""Certified ranges of base functions over their usual boxes."""

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


def _even(dim: int, argmax: float, high: float, gap: float, argmin: float = 0.0) -> FunctionRange:
    """A range whose ends are attained at points of `dim` equal coordinates."""
    return FunctionRange(0.0, high, (argmin,) * dim, (argmax,) * dim, gap)


def ackley_range(dim: int) -> FunctionRange:
    r"""Range of Ackley's function over `[-32.768, 32.768]^d`.

    With `u` the mean of `x_i²` and `v` the mean of `cos(2π x_i)` the function is

    .. math:: \phi(u, v) = 20 + e - 20 e^{-0.2 \sqrt{u}} - e^v,

    which is concave, so it lies below its tangent plane at `(u, v)` of any point. The plane is a
    mean over coordinates of one function of `x_i`: its maximum over the box, a search over one
    variable, bounds the maximum of the function in every dimension. With the tangent taken at the
    one-dimensional maximizer, bound and attained value coincide; a test does these searches.
    """
    return _even(dim, 32.500414011169504, 22.320334848401277, 1e-12)


def rastrigin_range(dim: int) -> FunctionRange:
    """Range of Rastrigin's function over `[-5.12, 5.12]^d`, a sum over the coordinates."""
    return _even(dim, 4.5229937039312045, dim * 40.353290193838575, dim * 1e-11)


def schwefel_range(dim: int) -> FunctionRange:
    """Range of Schwefel's function over `[-500, 500]^d`, with `x sin √|x|` an odd function."""
    best, high = SCHWEFEL_OPTIMIZER, 2.0 * dim * SCHWEFEL_CONSTANT
    return _even(dim, -best, high, dim * 1e-11, argmin=best)


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

    point, t_now = np.empty(dim), 1.0
    for k, choice in enumerate(choices):
        point[k] = choice[0 if k == 0 else np.abs(nodes - t_now).argmin()]
        t_now *= math.cos(point[k] / math.sqrt(k + 1))
    high = _improve_griewank(point)
    argmax = tuple(point.tolist())
    return FunctionRange(0.0, high, (0.0,) * dim, argmax, max(0.0, upper - high))


def _last_period(k: int, num_cells: int) -> Array:
    """Cells of the last period of `cos(x / √k)` before 600, on each of which it is monotone.

    `x² / 4000` increases, so that an optimal coordinate can always be taken from this period.
    """
    scale = math.sqrt(k)
    first = max(0.0, 600.0 - 2.0 * math.pi * scale)
    extrema = math.pi * scale * np.arange(math.ceil(first / (math.pi * scale)), 600)
    edges = np.linspace(first, 600.0, num_cells + 1)
    return np.union1d(edges, extrema[(extrema >= first) & (extrema <= 600.0)])


def _improve_griewank(point: Array) -> float:
    """Maximize Griewank's function over one coordinate of `point` at a time, in place."""
    roots = np.sqrt(np.arange(1, len(point) + 1))

    def value() -> float:
        return float(1.0 + (point**2).sum() / 4000.0 - np.cos(point / roots).prod())

    best = value()
    for _ in range(100):
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

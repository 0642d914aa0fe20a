"""Certified global minimization of a smooth function of one variable."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from botorch.exceptions.errors import InputDataError

Array = npt.NDArray[np.float64]


class UnivariateMinimum(NamedTuple):
    """A global minimum: attained at `x`, and no value is below `value - gap`."""

    x: float
    value: float
    gap: float


def minimize_univariate(
    function: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    curvature: float,
    lower: float,
    upper: float,
    tolerance: float = 1e-9,
) -> UnivariateMinimum:
    r"""Minimize a function of one variable over an interval, with a certificate.

    Branch and bound with second-order bounds. On a cell with center `c` and half width `r`,
    Taylor's theorem gives

    .. math:: f(x) \ge f(c) - |f'(c)| r - K r^2 / 2, \qquad K \ge \max |f''|.

    Cells whose bound is within `tolerance` of the best value seen, or above it, are dropped and
    the others bisected, until none is left. What is returned is then a value that the function
    attains and that its minimum undercuts by at most `tolerance`.

    Args:
        function: Maps an `n`-dim array of points to an `n`-dim array of values.
        derivative: Maps an `n`-dim array of points to an `n`-dim array of derivatives.
        curvature: A bound `K` on the absolute second derivative over the interval.
        lower: The lower end of the interval.
        upper: The upper end of the interval; one that is empty or not finite is refused.
        tolerance: The accuracy to certify.
    """
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise InputDataError(f"Expected a finite, non-empty interval, got [{lower}, {upper}].")
    ends = np.array([lower, upper])
    values = function(ends)
    best_x, best = float(ends[values.argmin()]), float(values.min())
    # Cells narrow enough for the curvature term to matter little from the start.
    num_cells = int(np.clip(4 * (upper - lower) * math.sqrt(curvature), 16, 2**16))
    radius = (upper - lower) / (2 * num_cells)
    centers = np.asarray(lower + radius * (2 * np.arange(num_cells) + 1), dtype=np.float64)
    while centers.size and radius > 0:
        values = function(centers)
        index = int(values.argmin())
        if values[index] < best:
            best_x, best = float(centers[index]), float(values[index])
        slopes = np.abs(derivative(centers))
        lower_bounds = values - slopes * radius - 0.5 * curvature * radius**2
        centers = centers[lower_bounds < best - tolerance]
        radius /= 2
        centers = np.concatenate([centers - radius, centers + radius])
    return UnivariateMinimum(best_x, best, tolerance)

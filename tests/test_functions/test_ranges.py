"""Ranges of the base functions, against independent searches of the functions themselves."""

import math

import numpy as np
import pytest
import torch
from botorch.test_functions.synthetic import Ackley, Griewank, Rastrigin
from scipy.optimize import minimize

from botorch_cll.test_functions import Schwefel
from botorch_cll.test_functions.ranges import (
    ackley_range,
    griewank_range,
    rastrigin_range,
    schwefel_range,
)
from botorch_cll.test_functions.univariate import minimize_univariate

CASES = {
    "ackley": (Ackley, ackley_range),
    "griewank": (Griewank, griewank_range),
    "rastrigin": (Rastrigin, rastrigin_range),
    "schwefel": (Schwefel, schwefel_range),
}
BY_FUNCTION = pytest.mark.parametrize(("function", "known"), CASES.values(), ids=CASES.keys())


def largest_by_search(function, num_starts: int) -> float:
    """Maximize from random points and from points near the corners, by bounded quasi-Newton."""
    generator = torch.Generator().manual_seed(5)
    X = torch.rand(100_000, function.dim, generator=generator, dtype=torch.double)
    X[50_000:] = 1.0 - 0.05 * X[50_000:]
    X = function.bounds[0] + X * (function.bounds[1] - function.bounds[0])
    Y = function.evaluate_true(X)
    best = Y.max().item()

    def negative(x):
        x = torch.tensor(x, dtype=torch.double, requires_grad=True)
        y = -function._evaluate_true(x)
        (gradient,) = torch.autograd.grad(y, x)
        return y.item(), gradient.numpy()

    for start in X[Y.topk(num_starts).indices].numpy():
        result = minimize(negative, start, jac=True, bounds=function.bounds.T.tolist())
        best = max(best, -result.fun)
    return best


@BY_FUNCTION
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_ranges_hold_what_a_search_finds(function, known, dim):
    f, r = function(dim=dim), known(dim)
    low, high = f.evaluate_true(torch.tensor([r.argmin, r.argmax], dtype=torch.double)).tolist()
    assert low == pytest.approx(r.low, abs=1e-9)
    assert high == pytest.approx(r.high, abs=1e-9)
    found = largest_by_search(f, num_starts=40)
    assert found <= r.high + r.gap + 1e-9
    assert found >= r.high - 1e-3 * r.high


@BY_FUNCTION
@pytest.mark.parametrize("dim", [2, 5])
def test_certificates_are_tight(function, known, dim):
    r = known(dim)
    assert 0 <= r.gap <= 1e-5 * r.high


TAU = 2.0 * math.pi


def test_ackley_maximum_is_certified_in_every_dimension():
    """The tangent plane at the maximizer of one coordinate is nowhere above the maximum."""
    known, width = ackley_range(1), 32.768
    peak = minimize_univariate(
        lambda x: 20.0 * np.exp(-0.2 * x) + np.exp(np.cos(TAU * x)),
        lambda x: -4.0 * np.exp(-0.2 * x) - TAU * np.sin(TAU * x) * np.exp(np.cos(TAU * x)),
        # |cos t - sin² t| <= 5/4 bounds the second derivative of exp(cos t).
        0.8 + 1.25 * math.e * TAU**2,
        0.0,
        width,
        1e-12,
    )
    assert known.argmax[0] == pytest.approx(peak.x, abs=1e-6)
    assert known.high == pytest.approx(20.0 + math.e - peak.value, abs=1e-12)
    slope_u = 2.0 * math.exp(-0.2 * peak.x) / peak.x
    slope_v = -math.exp(math.cos(TAU * peak.x))
    plane = minimize_univariate(
        lambda x: -slope_u * x * x - slope_v * np.cos(TAU * x),
        lambda x: -2.0 * slope_u * x + TAU * slope_v * np.sin(TAU * x),
        2.0 * abs(slope_u) + TAU**2 * abs(slope_v),
        0.0,
        width,
        1e-12,
    )
    at_peak = slope_u * peak.x**2 + slope_v * math.cos(TAU * peak.x)
    assert max(0.0, -plane.value - at_peak) + plane.gap <= known.gap + 1e-13


def test_rastrigin_maximum_is_certified():
    known = rastrigin_range(1)
    peak = minimize_univariate(
        lambda x: 10.0 * np.cos(TAU * x) - x * x,
        lambda x: -10.0 * TAU * np.sin(TAU * x) - 2.0 * x,
        10.0 * TAU**2 + 2.0,
        0.0,
        5.12,
        known.gap,
    )
    assert known.argmax[0] == pytest.approx(peak.x, abs=1e-6)
    assert known.high == pytest.approx(10.0 - peak.value, abs=1e-12)


@pytest.mark.parametrize("dim", [1, 2])
def test_griewank_maximum_on_a_dense_grid(dim):
    # The last two periods hold the maximum, as x² grows; the grid is exact to 2e-4.
    axis = torch.linspace(585, 600, 3001 if dim == 2 else 300_001, dtype=torch.double)
    X = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    largest = Griewank(dim=dim)._evaluate_true(X).max().item()
    assert abs(largest - griewank_range(dim).high) < 2e-4

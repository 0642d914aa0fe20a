"""The certified search over one variable."""

import numpy as np
import pytest
from botorch.exceptions.errors import InputDataError
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.test_functions.univariate import minimize_univariate

COEFFICIENTS = st.lists(
    st.tuples(
        st.floats(-3, 3, allow_subnormal=False),
        st.floats(-8, 8, allow_subnormal=False),
        st.floats(0, 7, allow_subnormal=False),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(terms=COEFFICIENTS, lower=st.floats(-20, 20), width=st.floats(0.01, 15))
def test_agrees_with_a_dense_grid(terms, lower, width):
    amplitude, frequency, phase = np.array(terms).T

    def function(x):
        return (amplitude * np.sin(np.multiply.outer(x, frequency) + phase)).sum(-1)

    def derivative(x):
        return (amplitude * frequency * np.cos(np.multiply.outer(x, frequency) + phase)).sum(-1)

    curvature = float((np.abs(amplitude) * frequency**2).sum())
    minimum = minimize_univariate(function, derivative, curvature, lower, lower + width)
    grid = np.linspace(lower, lower + width, 20_001)
    lowest = function(grid).min()
    spacing = width / 20_000
    assert lower <= minimum.x <= lower + width
    assert np.isclose(function(np.array([minimum.x]))[0], minimum.value, atol=1e-12)
    assert minimum.value <= lowest + minimum.gap
    # Next to the true minimizer lies a grid point at most half a spacing away.
    slope = float((np.abs(amplitude * frequency)).sum())
    assert minimum.value >= lowest - slope * spacing / 2 - 1e-12


def test_minimum_at_an_end():
    minimum = minimize_univariate(lambda x: 2 * x, lambda x: 0 * x + 2, 0.0, -1.0, 3.0)
    assert (minimum.x, minimum.value) == (-1.0, -2.0)


def test_single_point_interval():
    minimum = minimize_univariate(np.cos, lambda x: -np.sin(x), 1.0, 0.0, 0.0)
    assert (minimum.x, minimum.value) == (0.0, 1.0)


def test_needle_between_grid_points_is_found():
    # A dip of width 1e-3 that no coarse grid hits: only the curvature bound gives it away.
    def function(x):
        return -np.exp(-(((x - 0.123456) / 1e-3) ** 2))

    def derivative(x):
        return 2e6 * (x - 0.123456) * np.exp(-(((x - 0.123456) / 1e-3) ** 2))

    minimum = minimize_univariate(function, derivative, 2e6, 0.0, 1.0)
    assert abs(minimum.value + 1.0) <= 1e-9


@pytest.mark.parametrize("ends", [(1.0, 0.0), (0.0, np.inf), (np.nan, 1.0)])
def test_bad_intervals_are_refused(ends):
    with pytest.raises(InputDataError, match=r"finite, non-empty interval, got \["):
        minimize_univariate(np.cos, np.sin, 1.0, *ends)

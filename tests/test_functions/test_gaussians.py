"""The certified search for the minimum of a negated sum of Gaussians."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from botorch_cll.test_functions.gaussians import _lower_bounds, minimize_gaussians


def gaussians(x, alphas, A, P):
    """One point at a time, to be independent of the code's broadcasting."""
    return -sum(w * np.exp(-(a * (x - p) ** 2).sum()) for w, a, p in zip(alphas, A, P, strict=True))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 3), k=st.integers(1, 5))
def test_no_local_search_goes_lower(seed, d, k):
    rng = np.random.default_rng(seed)
    alphas, A, P = rng.uniform(0.5, 3, k), rng.uniform(0.1, 30, (k, d)), rng.random((k, d))
    minimum = minimize_gaussians(alphas, A, P)
    assert ((minimum.x >= 0) & (minimum.x <= 1)).all()
    assert minimum.value == pytest.approx(gaussians(minimum.x, alphas, A, P), abs=1e-12)
    starts = [*P, *rng.random((10, d))]
    bounds = [(0.0, 1.0)] * d
    runs = [minimize(gaussians, x, (alphas, A, P), "L-BFGS-B", bounds=bounds) for x in starts]
    assert min(run.fun for run in runs) >= minimum.value - minimum.gap


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-3, 0.5))
def test_bounds_of_cells_are_below_their_values(seed, size):
    rng = np.random.default_rng(seed)
    alphas, A, P = rng.uniform(0.5, 3, 4), rng.uniform(0.1, 30, (4, 3)), rng.random((4, 3))
    # Some cells about the center of a Gaussian, where its second derivative is largest.
    centers = np.concatenate([rng.random((10, 3)), P + size * rng.uniform(-1, 1, (4, 3))])
    radii = size * rng.uniform(0.2, 1, (14, 3))
    bounds, shares = _lower_bounds(centers, radii, alphas, A, P)
    assert shares.shape == (14, 3)
    for center, radius, bound in zip(centers, radii, bounds, strict=True):
        x = center + radius * np.concatenate(
            [rng.uniform(-1, 1, (300, 3)), list(product((-1, 0, 1), repeat=3))]
        )
        lowest = min(gaussians(point, alphas, A, P) for point in x)
        assert bound <= lowest + 1e-12
        # Nothing of first order is lost: second derivatives along the cell bound the rest.
        if size < 0.01:
            assert bound >= lowest - 3000 * size**2


def test_a_minimum_away_from_all_centers_is_found():
    # The broad ridges of two Gaussians each cross away from both of their centers.
    alphas, A = np.array([1.0, 1.0, 1.2]), np.array([[0.01, 40.0], [40.0, 0.01], [300.0, 300.0]])
    P = np.array([[0.05, 0.9], [0.9, 0.05], [0.1, 0.1]])
    minimum = minimize_gaussians(alphas, A, P)
    assert np.allclose(minimum.x, 0.9, atol=0.01)
    assert minimum.value < -1.97


def test_deceptive_starting_points_do_not_matter(monkeypatch):
    alphas, A, P = np.array([1.0, 2.0]), np.full((2, 2), 50.0), np.array([[0.2, 0.2], [0.7, 0.6]])
    expected = minimize_gaussians(alphas, A, P)
    path = "botorch_cll.test_functions.gaussians._fixed_points"
    monkeypatch.setattr(path, lambda *arguments: np.ones((1, 2)))
    minimum = minimize_gaussians(alphas, A, P)
    assert minimum.value == pytest.approx(expected.value, abs=expected.gap)
    assert np.allclose(minimum.x, P[1], atol=1e-3)

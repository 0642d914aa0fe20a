"""Certified global minimization of a negated sum of Gaussians, as Hartmann's functions are."""

from typing import NamedTuple

import numpy as np

from botorch_cll.test_functions.univariate import Array


class GaussiansMinimum(NamedTuple):
    """A global minimum: attained at the `d` entries of `x`, and none is below `value - gap`."""

    x: Array
    value: float
    gap: float


def minimize_gaussians(
    alphas: Array, A: Array, P: Array, tolerance: float = 1e-6
) -> GaussiansMinimum:
    r"""Minimize a negated sum of Gaussians over the unit cube, with a certificate.

    .. math:: f(x) = -\sum_i \alpha_i E_i(x), \qquad
        E_i(x) = \exp\Bigl(-\sum_j A_{ij} (x_j - P_{ij})^2\Bigr)

    A fixed-point iteration that starts from every center finds a low value, and branch and bound
    shows that none is lower by more than `tolerance`. On a cell with center `c` and half widths
    `r` let `Ê_i` be the largest value of `E_i`, and `u_ij = 2 A_ij (c_j - P_ij)`. From `c` to
    `c + δ` the exponent of `E_i` changes by `s = t - Σ_j A_ij δ_j² <= t` with `t = -Σ_j u_ij δ_j`,
    and `e^s <= 1 + t + t² max(1, e^s) / 2` for all `s <= t`. Hence, for all `x` in the cell,

    .. math::
        f(x) \ge f(c) - \sum_j r_j |\partial_j f(c)|
            - \frac{1}{2} \sum_i \alpha_i \hat E_i \Bigl(\sum_j |u_{ij}| r_j\Bigr)^2.

    On large cells `-Σ_i α_i Ê_i` is the better bound. Cells whose bound is within `tolerance` of
    the best value seen, or above it, are dropped, and the others bisected until none is left.

    Args:
        alphas: The `k` weights, positive.
        A: The `k x d`-dim array of inverse squared widths, positive.
        P: The `k x d`-dim array of centers in the unit cube.
        tolerance: The accuracy to certify.
    """
    x = _fixed_points(alphas, A, P)
    values = -_gaussians(x, A, P) @ alphas
    best_x, best = x[values.argmin()], float(values.min())
    centers, radii = np.full((1, P.shape[1]), 0.5), np.full((1, P.shape[1]), 0.5)
    while len(centers):
        values = -_gaussians(centers, A, P) @ alphas
        if values.min() < best:
            best_x, best = centers[values.argmin()], float(values.min())
        bounds, shares = _lower_bounds(centers, radii, alphas, A, P)
        left = bounds < best - tolerance
        centers, radii, axes = centers[left], radii[left], shares[left].argmax(axis=1)
        step = np.zeros_like(radii)
        np.put_along_axis(step, axes[:, None], 0.5, axis=1)
        step *= radii
        centers = np.concatenate([centers - step, centers + step])
        radii = np.concatenate([radii - step, radii - step])
    return GaussiansMinimum(best_x, best, tolerance)


def _gaussians(x: Array, A: Array, P: Array) -> Array:
    """The `n x k` values of the Gaussians at `n x d` points."""
    squares = (x[:, None, :] - P) ** 2
    return np.exp(-np.einsum("nkd,kd->nk", squares, A))


def _fixed_points(alphas: Array, A: Array, P: Array) -> Array:
    """Descend from the `k` centers to as many stationary points, `k x d`.

    A step minimizes the tangent of `f` in the exponents, a quadratic function of `x` that lies
    above `f`: none ascends, nor leaves the centers' bounding box. It is the mean shift (Comaniciu
    and Meer, Mean shift: a robust approach toward feature space analysis, PAMI 2002) for Gaussians
    of several widths.
    """
    x = P
    for _ in range(100):
        weights = alphas * _gaussians(x, A, P)
        x = (weights @ (A * P)) / (weights @ A)
    return x


def _lower_bounds(
    centers: Array, radii: Array, alphas: Array, A: Array, P: Array
) -> tuple[Array, Array]:
    """Bound `f` on `n` cells from below; also each input's share of its curvature, `n x d`."""
    offsets, r = centers[:, None, :] - P, radii[:, None, :]
    weights = alphas * np.exp(-np.einsum("nkd,kd->nk", offsets**2, A))
    nearest = np.maximum(np.abs(offsets) - r, 0.0)
    largest = alphas * np.exp(-np.einsum("nkd,kd->nk", nearest**2, A))
    u = 2.0 * A * offsets
    taylor = weights.sum(axis=1)
    taylor += (np.abs(np.einsum("nk,nkd->nd", weights, u)) * radii).sum(axis=1)
    taylor += 0.5 * (largest * (np.abs(u) * r).sum(axis=2) ** 2).sum(axis=1)
    return -np.minimum(taylor, largest.sum(axis=1)), (largest @ A) * radii**2

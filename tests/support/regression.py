"""Weighted least squares problems, and their solutions by other means."""

import numpy as np
import pytest
import torch


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def normal_equations(phi, weight, Y):
    weighted = (phi * weight.unsqueeze(-1)).transpose(-1, -2)
    return weighted @ phi, weighted @ Y


def row_weights(kind: str, *shape: int) -> torch.Tensor:
    if kind == "equal":
        return torch.ones(*shape, dtype=torch.double)
    weight = 0.2 + randn(*shape, seed=7).abs()
    return weight if kind == "weighted" else weight * (randn(*shape, seed=8) > -0.4)


BY_WEIGHTS = pytest.mark.parametrize("kind", ["equal", "weighted", "zeros"])


def ridge_by_stacking(phi, weight, y, penalty) -> np.ndarray:
    """Ridge regression as ordinary least squares on rows added for the penalty."""
    root = np.sqrt(weight)
    A = np.vstack([root[:, None] * phi, np.diag(np.sqrt(penalty))])
    b = np.concatenate([root * y, np.zeros(len(penalty))])
    return np.linalg.lstsq(A, b, rcond=None)[0]


# -- independent tasks -----------------------------------------------------------------------------

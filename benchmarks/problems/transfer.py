"""Tasks related to the first of them as closely as wanted, however many they are."""

from __future__ import annotations

import torch
from torch import Tensor

from botorch_cll.test_functions import CorrelatedTasks

_DIM = 4
_LOW_NOISE, _HIGH_NOISE = 0.01, 0.5

TRANSFER_PROBLEMS = {
    "2 tasks": (2, _LOW_NOISE),
    "4 tasks": (4, _LOW_NOISE),
    "8 tasks": (8, _LOW_NOISE),
    "2 tasks noisy": (2, _HIGH_NOISE),
    "4 tasks noisy": (4, _HIGH_NOISE),
}
"""Names, number of tasks and standard deviation of the noise, beside task values of some 2.5."""


def star_correlation(p: float, num_tasks: int, dim: int, generator: torch.Generator) -> Tensor:
    """A `T x T`-dim tensor: each task has correlation `p` with the first, in its own way.

    The directions behind it are `w_1 = u` and `w_t = p u + √(1 - p²) v_t` with independent random
    unit vectors `v_t` orthogonal to `u`, in `dim` dimensions, at least 2: any `p` in [-1, 1] works
    for any number `T` of tasks.
    """
    v = torch.randn(num_tasks - 1, dim - 1, generator=generator, dtype=torch.double)
    v = v / v.norm(dim=-1, keepdim=True)
    first = torch.eye(1, dim, dtype=torch.double)
    others = torch.cat([v.new_full((num_tasks - 1, 1), p), (1.0 - p * p) ** 0.5 * v], dim=-1)
    directions = torch.cat([first, others])
    return (directions @ directions.T).fill_diagonal_(1.0)


def transfer_problem(name: str, p: float, seed: int, generator: torch.Generator) -> CorrelatedTasks:
    """One of `TRANSFER_PROBLEMS` with correlation `p`; the generator draws the relations."""
    num_tasks, noise = TRANSFER_PROBLEMS[name]
    correlation = star_correlation(p, num_tasks, _DIM, generator)
    return CorrelatedTasks(_DIM, num_tasks, correlation, num_sines=5, noise_std=noise, seed=seed)

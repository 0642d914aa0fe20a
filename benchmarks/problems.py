"""The problems of the studies, as far as the package does not have them by name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from botorch_cll.test_functions import (
    CEC17Tasks,
    CompositeTasks,
    CorrelatedTasks,
    MultiTaskTestProblem,
    ShiftedTasks,
    SklearnTuningTasks,
)
from botorch_cll.test_functions.composite import PAIRS
from botorch_cll.test_functions.shifted import SHIFTED_FUNCTIONS

CEC17_PAIRS = ("CI+HS", "CI+MS", "CI+LS", "PI+HS", "PI+MS", "PI+LS", "NI+HS", "NI+MS", "NI+LS")
FAMILIES = ("pairs", "cec17", "shifted")  # the paper's, CEC 2017's, functions and shifted copies
DATA_SETS = ("breast_cancer", "digits", "iris", "wine")

TRANSFER_PROBLEMS = {
    "2 tasks": (2, 0.01),
    "4 tasks": (4, 0.01),
    "8 tasks": (8, 0.01),
    "2 tasks noisy": (2, 0.5),
    "4 tasks noisy": (4, 0.5),
}
"""Names, number of tasks and standard deviation of the noise, beside task values of some 2.5."""

_TRANSFER_DIM = 4


class Problem(NamedTuple):
    """A problem of two tasks on the unit cube, made from a seed; only pairs have a correlation."""

    family: str
    correlation: float | None
    build: Callable[..., MultiTaskTestProblem]


_cec17: Callable[..., MultiTaskTestProblem] = CEC17Tasks  # which checks the names itself
PROBLEMS = {
    f"{name} p={p:g}": Problem("pairs", p, partial(CompositeTasks, name, p, noise_std=None))
    for name in PAIRS
    for p in (1.0, 0.9, 0.5, 0.0, -0.5, -0.9)
}
PROBLEMS |= {x: Problem("cec17", None, partial(_cec17, x)) for x in CEC17_PAIRS}
PROBLEMS |= {x: Problem("shifted", None, partial(ShiftedTasks, x)) for x in SHIFTED_FUNCTIONS}


def problem_labels(families: Sequence[str], correlations: Sequence[float]) -> tuple[str, ...]:
    """The labels of some of `FAMILIES`, the paper's pairs at some of the correlations there are."""
    return tuple(
        label
        for family in families
        for label, problem in PROBLEMS.items()
        if problem.family == family and problem.correlation in (None, *correlations)
    )


def star_correlation(p: float, num_tasks: int, dim: int, generator: torch.Generator) -> Tensor:
    """A `T x T`-dim tensor: each task has correlation `p` in [-1, 1] with the first.

    The directions behind it are `w_1 = u` and `w_t = p u + √(1 - p²) v_t` with independent random
    unit vectors `v_t` orthogonal to `u`, in `dim` dimensions, at least 2.
    """
    v = torch.randn(num_tasks - 1, dim - 1, generator=generator, dtype=torch.double)
    v = v / v.norm(dim=-1, keepdim=True)
    first = torch.eye(1, dim, dtype=torch.double)
    others = torch.cat([v.new_full((num_tasks - 1, 1), p), (1.0 - p * p) ** 0.5 * v], dim=-1)
    directions = torch.cat([first, others])
    return (directions @ directions.T).fill_diagonal_(1.0)


def transfer_problem(name: str, p: float, seed: int, generator: torch.Generator) -> CorrelatedTasks:
    """One of `TRANSFER_PROBLEMS`, its tasks related by a `star_correlation`."""
    num_tasks, noise = TRANSFER_PROBLEMS[name]
    relation = star_correlation(p, num_tasks, _TRANSFER_DIM, generator)
    return CorrelatedTasks(
        _TRANSFER_DIM, num_tasks, relation, num_sines=5, noise_std=noise, seed=seed
    )


def log_losses(
    estimator: Literal["hist_gradient_boosting", "svc"],
    data_sets: tuple[str, ...],
    task: int | None,
    seed: int,
) -> Callable[[Tensor], Tensor]:
    """Logarithms of cross-validated log losses at `n x d` points: of a task, or of all (`None`)."""
    chosen = data_sets if task is None else data_sets[task : task + 1]
    losses = SklearnTuningTasks(estimator, data_sets=chosen, seed=seed)
    return lambda X: losses(X).log()

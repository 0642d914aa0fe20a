"""Problems of two tasks on the unit cube, without noise, in three families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botorch_cll.test_functions import (
    CEC17Tasks,
    CompositeTasks,
    MultiTaskTestProblem,
    ShiftedTasks,
)
from botorch_cll.test_functions.composite import PAIRS
from botorch_cll.test_functions.shifted import SHIFTED_FUNCTIONS

CEC17_PAIRS = ("CI+HS", "CI+MS", "CI+LS", "PI+HS", "PI+MS", "PI+LS", "NI+HS", "NI+MS", "NI+LS")
FAMILIES = ("pairs", "cec17", "shifted")


@dataclass(frozen=True)
class Problem:
    """A problem of two tasks.

    Attributes:
        family: One of `FAMILIES`: the paper's pairs, the CEC 2017 pairs, or a function and a
            shifted copy.
        name: The name within the family.
        correlation: The correlation `p` of the directions of the paper's pairs, else `None`.
    """

    family: str
    name: str
    correlation: float | None = None

    @property
    def label(self) -> str:
        """The name and the correlation, different for each problem."""
        return self.name if self.correlation is None else f"{self.name} p={self.correlation:g}"

    def build(self, seed: int) -> MultiTaskTestProblem:
        """The problem, with its random parameters drawn from a seed."""
        if self.correlation is not None:
            return CompositeTasks(
                self.name, correlation=self.correlation, noise_std=None, seed=seed
            )
        if self.family == "cec17":
            return CEC17Tasks(self.name, seed=seed)  # type: ignore[arg-type] # it checks the name
        return ShiftedTasks(self.name, seed=seed)


_PROBLEMS = [
    *(Problem("pairs", name, p) for name in PAIRS for p in (1.0, 0.9, 0.5, 0.0, -0.5, -0.9)),
    *(Problem("cec17", name) for name in CEC17_PAIRS),
    *(Problem("shifted", name) for name in SHIFTED_FUNCTIONS),
]

PROBLEMS: dict[str, Problem] = {problem.label: problem for problem in _PROBLEMS}
"""All problems by their labels."""


def problem_labels(families: Sequence[str], correlations: Sequence[float]) -> tuple[str, ...]:
    """The labels of some families' problems, family by family.

    Args:
        families: Some of `FAMILIES`.
        correlations: Those of the correlations of `PROBLEMS` at which the paper's pairs are taken.
    """
    return tuple(
        label
        for family in families
        for label, problem in PROBLEMS.items()
        if problem.family == family and problem.correlation in (None, *correlations)
    )

"""The problems of the studies."""

from benchmarks.problems.pairs import FAMILIES, PROBLEMS, Problem, problem_labels
from benchmarks.problems.transfer import TRANSFER_PROBLEMS, star_correlation, transfer_problem
from benchmarks.problems.tuning import DATA_SETS, log_losses

__all__ = [
    "DATA_SETS",
    "FAMILIES",
    "PROBLEMS",
    "TRANSFER_PROBLEMS",
    "Problem",
    "log_losses",
    "problem_labels",
    "star_correlation",
    "transfer_problem",
]

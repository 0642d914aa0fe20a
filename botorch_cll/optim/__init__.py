"""Optimizers of acquisition functions."""

from botorch_cll.optim.loop import run_bay_mrbfcor
from botorch_cll.optim.pso import gen_candidates_pso, optimize_acqf_pso
from botorch_cll.optim.tasks import (
    best_by_task,
    expected_best_by_task,
    optimize_acqf_per_task,
)

__all__ = [
    "best_by_task",
    "expected_best_by_task",
    "gen_candidates_pso",
    "optimize_acqf_per_task",
    "optimize_acqf_pso",
    "run_bay_mrbfcor",
]

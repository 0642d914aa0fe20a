"""Optimizers of acquisition functions."""

from botorch_cll.optim.any_task import optimize_acqf_any_task
from botorch_cll.optim.incumbents import best_by_task, expected_best_by_task
from botorch_cll.optim.loop import run_bay_mrbfcor
from botorch_cll.optim.per_task import optimize_acqf_per_task
from botorch_cll.optim.pso import gen_candidates_pso, optimize_acqf_pso

__all__ = [
    "best_by_task",
    "expected_best_by_task",
    "gen_candidates_pso",
    "optimize_acqf_any_task",
    "optimize_acqf_per_task",
    "optimize_acqf_pso",
    "run_bay_mrbfcor",
]

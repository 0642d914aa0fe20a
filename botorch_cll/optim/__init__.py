"""Optimizers of acquisition functions."""

from botorch_cll.optim.pso import gen_candidates_pso, optimize_acqf_pso

__all__ = ["gen_candidates_pso", "optimize_acqf_pso"]

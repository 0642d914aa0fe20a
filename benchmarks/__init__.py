"""Experiments, reports and measurements of botorch_cll: `python -m benchmarks`, from a clone."""

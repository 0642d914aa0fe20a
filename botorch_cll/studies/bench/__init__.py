"""The benchmark: our fit, proposal and swarm against what a user would otherwise pick."""

from botorch_cll.studies.bench.run import PARTS, BenchOptions, run_bench

__all__ = ["PARTS", "BenchOptions", "run_bench"]

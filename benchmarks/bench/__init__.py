"""The benchmark: our fit, proposal and swarm against what a user would otherwise pick."""

from benchmarks.bench.report import report_bench
from benchmarks.bench.run import PARTS, BenchOptions, read_bench, run_bench

__all__ = ["PARTS", "BenchOptions", "read_bench", "report_bench", "run_bench"]

"""The reports of a target beside logs."""

from benchmarks.report import Report
from benchmarks.runner.results import Results


def report_logs(results: Results, report: Report) -> None:
    """TODO."""


def report_log_prediction(results: Results, report: Report) -> None:
    """TODO."""

"""The checks, by subject. Importing this package completes the list of them."""

from botorch_cll.testing.checks import (  # noqa: I001  (the order in which they are run)
    posterior as posterior,
    outputs as outputs,
    samples as samples,
    transforms as transforms,
    data as data,
    state as state,
    fantasies as fantasies,
    single_output as single_output,
    multi_output as multi_output,
    objectives as objectives,
)
from botorch_cll.testing.registry import CHECKS

__all__ = ["CHECKS"]

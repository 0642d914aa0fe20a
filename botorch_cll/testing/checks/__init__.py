"""The checks, by subject; importing this package adds all of them to the list."""

from botorch_cll.testing.checks import (  # noqa: I001  (the order in which checks are run)
    posterior,
    outputs,
    samples,
    transforms,
    data,
    state,
    fantasies,
    single_output,
    multi_output,
    objectives,
)

__all__ = [
    "data",
    "fantasies",
    "multi_output",
    "objectives",
    "outputs",
    "posterior",
    "samples",
    "single_output",
    "state",
    "transforms",
]

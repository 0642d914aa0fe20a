"""The checks, by subject, and the order in which they are run."""

from botorch_cll.testing.checks import (
    data,
    fantasies,
    multi_output,
    objectives,
    outputs,
    posterior,
    samples,
    single_output,
    state,
    transforms,
)
from botorch_cll.testing.checks.acquisition import add_acquisitions
from botorch_cll.testing.registry import CHECKS, add_functions

__all__ = ["CHECKS"]

for module in (posterior, outputs, samples, transforms, data, state, fantasies):
    add_functions(module)
add_acquisitions("one output", single_output.ONE_OUTPUT)
add_acquisitions("several outputs", multi_output.SEVERAL_OUTPUTS)
add_acquisitions("objectives", objectives.OBJECTIVES)
add_acquisitions("risk measures", objectives.RISK_MEASURES)

"""Checks of surrogates: does a model do all that BoTorch asks of it?

`check_surrogate(factory)` runs them, `surrogate_checks()` lists them for pytest, `run_checks`
returns a table. What a factory is, and which options the checks give it, says `SurrogateFactory`.
A surrogate names the checks that it does not pass, each with the reason, as expected failures.
"""

from botorch_cll.testing.registry import Check
from botorch_cll.testing.subject import SurrogateFactory
from botorch_cll.testing.suite import (
    CheckResult,
    Outcome,
    check_surrogate,
    run_checks,
    surrogate_checks,
)

__all__ = [
    "Check",
    "CheckResult",
    "Outcome",
    "SurrogateFactory",
    "check_surrogate",
    "run_checks",
    "surrogate_checks",
]

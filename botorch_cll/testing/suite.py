"""Run the checks: one table of results, or one error that names everything unexpected."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from botorch.exceptions.errors import UnsupportedError

from botorch_cll.testing.checks import CHECKS
from botorch_cll.testing.registry import Check
from botorch_cll.testing.subject import Subject, SurrogateFactory

MAX_REASON = 160


class Outcome(StrEnum):
    """How a check went."""

    PASSED = "passed"
    FAILED = "failed"
    EXPECTED_FAILURE = "expected failure"
    UNEXPECTED_PASS = "unexpected pass"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: The check's name.
        group: What the check is about.
        outcome: How it went.
        reason: Why it failed, in a line; for an expected failure as it was expected. For a check
            that passed a note on how, usually empty.
        seconds: How long it took.
    """

    name: str
    group: str
    outcome: Outcome
    reason: str
    seconds: float

    @property
    def is_as_expected(self) -> bool:
        """Whether the check passed, or failed where that was expected."""
        return self.outcome in (Outcome.PASSED, Outcome.EXPECTED_FAILURE)


def surrogate_checks() -> list[Check]:
    """All checks, for `pytest.mark.parametrize`.

    Example:
        >>> @pytest.mark.parametrize("check", surrogate_checks(), ids=str)
        ... def test_my_model(check):
        ...     check(my_factory)

    Returns:
        The checks in the order in which `check_surrogate` runs them.
    """
    return list(CHECKS.values())


def run_checks(
    factory: SurrogateFactory,
    expected_failures: Mapping[str, str] | None = None,
    names: Iterable[str] | None = None,
    callback: Callable[[CheckResult], None] | None = None,
) -> list[CheckResult]:
    """Run checks on a surrogate and say how each went.

    Args:
        factory: Makes the models, see `SurrogateFactory`. Checks that leave a model as it is share
            one.
        expected_failures: Reasons by the names of the checks that the surrogate does not pass.
        names: The checks to run; all if omitted.
        callback: Called with each result as soon as it is there.

    Returns:
        The results.

    Raises:
        UnsupportedError: If a name is that of no check, or a reason is empty.
    """
    expected = dict(expected_failures or {})
    chosen = list(CHECKS if names is None else names)
    unknown = sorted({*chosen, *expected} - CHECKS.keys())
    if unknown:
        raise UnsupportedError(f"Expected names of checks, got {unknown}; see surrogate_checks().")
    unexplained = sorted(name for name, reason in expected.items() if not reason)
    if unexplained:
        raise UnsupportedError(f"Expected a reason for each failure, got none for {unexplained}.")
    subject = Subject(factory)
    results = []
    for name in chosen:
        results.append(_run(CHECKS[name], subject, expected.get(name)))
        if callback is not None:
            callback(results[-1])
    return results


def check_surrogate(
    factory: SurrogateFactory, expected_failures: Mapping[str, str] | None = None
) -> None:
    """Check that a surrogate does what BoTorch's loops and acquisition functions ask of a model.

    Args:
        factory: Makes the models, see `SurrogateFactory`.
        expected_failures: As in `run_checks`. A check named here has to fail: one that passes is an
            error too, so that the list stays true.

    Raises:
        AssertionError: If a check fails that is not named, or passes that is.
        UnsupportedError: If a name is that of no check, or a reason is empty.

    Example:
        >>> def factory(train_X, train_Y, **options):
        ...     model = SingleTaskGP(train_X, train_Y, **options)
        ...     fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        ...     return model
        >>> check_surrogate(factory, {"same_seed_same_bits": "the fit has no seed", ...})
    """
    results = run_checks(factory, expected_failures)
    unexpected = [result for result in results if not result.is_as_expected]
    if unexpected:
        lines = [f"  {result.name}: {result.outcome}. {result.reason}" for result in unexpected]
        counts = f"{len(unexpected)} of {len(results)}"
        raise AssertionError("\n".join([f"{counts} checks went other than expected:", *lines]))


def _run(check: Check, subject: Subject, expected: str | None) -> CheckResult:
    started = time.perf_counter()
    try:
        reason = check.run(subject) or ""
        outcome = Outcome.PASSED if expected is None else Outcome.UNEXPECTED_PASS
    except Exception as error:
        reason = _one_line(error) if expected is None else expected
        outcome = Outcome.FAILED if expected is None else Outcome.EXPECTED_FAILURE
    return CheckResult(check.name, check.group, outcome, reason, time.perf_counter() - started)


def _one_line(error: Exception) -> str:
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    text = kind + " ".join(str(error).split())
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"

import subprocess
import sys
import warnings

import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models import SingleTaskGP

from botorch_cll.testing import Outcome, check_surrogate, run_checks, suite, surrogate_checks
from botorch_cll.testing.registry import CHECKS, add_check


def gp(train_X, train_Y):
    """A Gaussian process as it is made; not fitting it makes the tests quick."""
    return SingleTaskGP(train_X, train_Y)


def outcomes(factory, expected_failures=None, names=None):
    results = run_checks(factory, expected_failures, names)
    return {result.name: result.outcome for result in results}


def test_results_have_outcome_reason_and_time() -> None:
    seen = []
    names = ["shapes", "one_member", "same_seed_same_bits"]
    expected = {"same_seed_same_bits": "it has no seed"}
    results = run_checks(gp, expected, names, callback=seen.append)
    assert [result.name for result in results] == names
    assert seen == results
    assert [result.outcome for result in results] == [
        Outcome.PASSED,
        Outcome.FAILED,
        Outcome.EXPECTED_FAILURE,
    ]
    assert [result.reason for result in results] == [
        "",
        "UnsupportedError: The surrogate has no option num_restarts.",
        "it has no seed",
    ]
    assert [result.is_as_expected for result in results] == [True, False, True]
    assert all(result.seconds > 0 and "\n" not in result.reason for result in results)


def test_expected_failures_are_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    some = {name: CHECKS[name] for name in ("shapes", "num_outputs", "one_member")}
    monkeypatch.setattr(suite, "CHECKS", some)
    check_surrogate(gp, {"one_member": "it is no ensemble"})
    with pytest.raises(AssertionError, match="one_member: failed. UnsupportedError: The surrogate"):
        check_surrogate(gp)
    with pytest.raises(AssertionError, match="1 of 3 .*\n  shapes: unexpected pass"):
        check_surrogate(gp, {"one_member": "it is no ensemble", "shapes": "not thought of"})


def test_names_and_reasons_of_expected_failures_are_checked() -> None:
    with pytest.raises(UnsupportedError, match=r"names of checks, got \['shape', 'sizes'\]"):
        check_surrogate(gp, {"shape": "a typo", "sizes": "another"})
    with pytest.raises(UnsupportedError, match=r"a reason .* none for \['shapes'\]"):
        check_surrogate(gp, {"shapes": ""})
    with pytest.raises(UnsupportedError, match="names of checks"):
        run_checks(gp, names=["sizes"])


def test_checks_are_made_for_parametrize() -> None:
    checks = surrogate_checks()
    assert len({str(check) for check in checks}) == len(checks) > 100
    assert all(check.demand.endswith(".") for check in checks)
    assert all("\n" not in check.demand for check in checks)
    by_name = {str(check): check for check in checks}
    by_name["shapes"](gp)
    with pytest.raises(UnsupportedError, match="no option num_restarts"):
        by_name["one_member"](gp)


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="'shapes' a second time"):
        add_check("shapes", "posterior", "Something else.", lambda s: None)


def test_checks_leave_no_trace_in_the_global_state() -> None:
    before, filters = torch.get_rng_state(), list(warnings.filters)
    assert outcomes(gp, names=["gradients_reach_inputs", "qExpectedImprovement"]) == {
        "gradients_reach_inputs": Outcome.PASSED,
        "qExpectedImprovement": Outcome.PASSED,
    }
    assert torch.equal(torch.get_rng_state(), before)
    assert list(warnings.filters) == filters


def test_an_acquisition_function_may_need_one_model_per_task() -> None:
    class Whole(SingleTaskGP):
        """Refuses to be evaluated with more than one output."""

        def posterior(self, X, **options):
            if self.num_outputs > 1:
                raise RuntimeError("one output only")
            return super().posterior(X, **options)

    (result,) = run_checks(Whole, names=["qExpectedHypervolumeImprovement"])
    assert (result.outcome, result.reason) == (Outcome.PASSED, "with one model per task")


def test_the_suite_needs_neither_pytest_nor_an_extra() -> None:
    code = (
        "import sys\n"
        "for name in ('pytest', 'ax', 'typer', 'rich', 'pandas', 'matplotlib', 'pymoo'):\n"
        "    sys.modules[name] = None\n"
        "from botorch_cll.testing import surrogate_checks\n"
        "assert surrogate_checks()\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)

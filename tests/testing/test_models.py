"""Our models pass the whole suite."""

import pytest

from benchmarks.methods import FACTORIES
from botorch_cll.testing import Outcome, run_checks

MOVING_MEAN = "fantasies_keep_the_mean_on_average"
EXPECTED_FAILURES = {
    MOVING_MEAN: "each member learns on its own, and their mean moves",
    "qMultiObjectivePredictiveEntropySearch": "it wants one copy of train_inputs per output",
}


@pytest.mark.parametrize("name", ["MultiRBFCorrelation", "RMLA", "Single-RBF"])
def test_models_pass_all_checks(name: str) -> None:
    results = run_checks(FACTORIES[name], EXPECTED_FAILURES)
    assert [result for result in results if not result.is_as_expected] == []
    # All acquisition functions take the model of all tasks and subsets of its outputs.
    assert [r for r in results if r.outcome == Outcome.PASSED and r.reason] == []

"""Our models pass the whole suite."""

import pytest

from benchmarks.methods.peers import rbf_factory
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.testing import Outcome, run_checks

MOVING_MEAN = "fantasies_keep_the_mean_on_average"
EXPECTED_FAILURES = {
    MOVING_MEAN: "each member learns on its own, and their mean moves",
    "qMultiObjectivePredictiveEntropySearch": "it wants one copy of train_inputs per output",
}


@pytest.mark.parametrize(
    "model_class",
    [MultiRBFCorrelationModel, RegularizedMultiTaskRBFModel, SingleRBFModel],
    ids=lambda model_class: model_class.__name__,
)
def test_models_pass_all_checks(model_class) -> None:
    results = run_checks(rbf_factory(model_class), EXPECTED_FAILURES)
    assert [result for result in results if not result.is_as_expected] == []
    # All acquisition functions take the model of all tasks and subsets of its outputs.
    assert [r for r in results if r.outcome == Outcome.PASSED and r.reason] == []

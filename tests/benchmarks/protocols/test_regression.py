"""The paper's regression experiment: the networks, their errors, determinism."""

import pytest
import torch

from benchmarks.protocols.regression import (
    FAST_PROTOCOL,
    NETWORK_NAMES,
    PAPER_PROTOCOL,
    make_network,
    run_fig8,
)
from benchmarks.studies import STUDIES
from botorch_cll.couplings import CorrelationLayers, IndependentTasks
from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.test_functions import CorrelatedTasks

CONFIG = {
    **FAST_PROTOCOL,
    "num_steps": 100,
    "milestones": [50],
    "num_centers": 10,
    "dim": 3,
    "num_train": 40,
    "num_test": 50,
}

# The experiment trains one network on all rows and looks at its mean only.
pytestmark = pytest.mark.filterwarnings("ignore:Expected observations that at least two members")


def key(method: str, correlation: float = 0.5, seed: int = 0) -> dict:
    return {"correlation": correlation, "method": method, "seed": seed}


def test_the_protocol_is_the_papers():
    assert PAPER_PROTOCOL["learning_rate"] == 1e-4
    assert PAPER_PROTOCOL["milestones"] == [1000, 3000, 7000]
    assert PAPER_PROTOCOL["num_centers"] == 50
    assert len(STUDIES["fig8"]) == 20 * 3 * 4


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_errors_fall_and_rows_are_the_ends_of_the_curves(name):
    output = run_fig8(key(name), CONFIG)
    assert output.curves == run_fig8(key(name), CONFIG).curves
    ends = {(curve.task, curve.name): curve.y for curve in output.curves}
    assert len(ends) == 4
    for row in output.rows:
        for quantity in ("train_error", "test_error"):
            y = ends[row["task"], quantity]
            assert y[-1] == row[quantity]
            assert y[-1] < 0.7 * y[0]
    assert list(output.curves[0].x) == list(range(0, 101, 2))


def test_errors_are_those_of_the_posterior_mean():
    problem = CorrelatedTasks(3, correlation=0.5, seed=0)
    generator = torch.Generator().manual_seed(0)
    X, Y = problem.sample(40, seed=generator)
    test_X, test_Y = problem.sample(50, seed=generator)
    options = GradientOptions(100, 1e-2, (50,), sample_fraction=1.0)
    model = fit_rbf_ensemble(make_network("MultiRBF+", X, Y, 10, 0), "gradient", options)
    error = ((model.posterior(test_X).mean - test_Y) / Y.std(0)).square().mean(0)
    rows = run_fig8(key("MultiRBF+"), CONFIG).rows
    assert [row["test_error"] for row in rows] == pytest.approx(error.tolist())


def test_single_networks_do_not_know_of_the_other_task():
    # Task 1 is the same at every correlation; only MultiRBF's shared layer feels the difference.
    first = {
        name: [run_fig8(key(name, p), CONFIG).rows[0]["test_error"] for p in (0.5, -0.5, 1.0)]
        for name in ("SingleRBF", "MultiRBF")
    }
    assert first["SingleRBF"] == pytest.approx(3 * first["SingleRBF"][:1], rel=1e-6)
    assert abs(first["MultiRBF"][0] - first["MultiRBF"][1]) > 1e-4


def test_networks_have_the_layers_of_the_paper():
    X, Y = torch.rand(9, 2).double(), torch.rand(9, 2).double()
    couplings = {name: make_network(name, X, Y, 5, 0).coupling for name in NETWORK_NAMES}
    assert couplings == {
        "SingleRBF": IndependentTasks(share_hidden_layer=False),
        "MultiRBF": IndependentTasks(),
        "MultiRBF+": CorrelationLayers(),
        "MultiRBF+ReLU": CorrelationLayers(activation="leaky_relu"),
    }

"""The named methods on equal terms: the same first design, the same number of evaluations."""

import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement

from benchmarks.methods import INDEPENDENT_GPS, METHODS, REFERENCE_METHOD, SURROGATES
from benchmarks.methods import run as module
from benchmarks.methods.run import propose_by_gradient, run_method

from support.two_tasks import data

BOUNDS = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)
CENTERS = torch.tensor([[0.2, 0.7], [0.4, 0.6]], dtype=torch.double)


def tasks(X: torch.Tensor) -> torch.Tensor:
    return (X.unsqueeze(1) - CENTERS).square().sum(-1)


def objective(task):
    return tasks if task is None else lambda X: tasks(X)[:, [task]]


def run(name: str, budget: int = 10, **options):
    return run_method(METHODS[name], objective, BOUNDS, 2, budget, 6, seed=3, **options)


# BoTorch's fits may warn and retry; `optimize_acqf_per_task` for one task standardizes one value.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", METHODS)
def test_every_method_spends_its_budget_from_the_same_first_design(name):
    counts = []
    result = run(name, callback=counts.append)
    assert result.X.shape == (2, 10, 2)
    assert result.Y.shape == (2, 10)
    for task in (0, 1):
        torch.testing.assert_close(result.Y[task], tasks(result.X[task])[:, task])
    assert torch.equal(result.X[:, :6], run("Sobol").X[:, :6])
    assert ((result.X >= 0) & (result.X <= 1)).all()
    assert counts[-1] == 20
    assert counts == sorted(counts)
    again = run(name)
    assert torch.equal(again.X, result.X)
    assert torch.equal(again.Y, result.Y)
    if name != "Sobol":
        assert result.fit_seconds > 0.0


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("name", ["Bay_MRBFCor", "Single-RBF"])
def test_joint_methods_share_points_and_single_task_methods_do_not(name):
    result = run(name)
    joint = not METHODS[name].one_task_at_a_time
    assert torch.equal(result.X[0], result.X[1]) == joint
    assert joint == (name == REFERENCE_METHOD)


def test_one_task_at_a_time_evaluates_nothing_else():
    asked = []

    def recorded(task):
        asked.append(task)
        return objective(task)

    run_method(METHODS["independent GPs"], recorded, BOUNDS, 2, budget=6, num_initial=6, seed=0)
    assert asked == [0, 1]
    asked.clear()
    run_method(METHODS["MultiTaskGP"], recorded, BOUNDS, 2, budget=6, num_initial=6, seed=0)
    assert asked == [None]


def test_sobol_points_are_one_sequence_and_distinct():
    X = run("Sobol", budget=300).X[0]
    assert len(X.unique(dim=0)) == 300


def test_proposals_by_gradient_are_one_per_task_and_within_bounds() -> None:
    X, Y = data()
    bounds = torch.tensor([[0.0, 0.0], [3.0, 3.0]]).double()
    before = torch.random.get_rng_state()
    model = SURROGATES[INDEPENDENT_GPS](X, Y, 0)
    candidates = propose_by_gradient(model, bounds, X, Y, seed=1)
    assert candidates.shape == (2, 2)
    assert torch.equal(candidates, propose_by_gradient(model, bounds, X, Y, seed=1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert ((candidates >= 0) & (candidates <= 3)).all()


def test_proposals_by_gradient_improve_on_the_best_observations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incumbents = []

    class Recording(LogExpectedImprovement):
        def __init__(self, model, best_f, **options):
            incumbents.append(float(best_f))
            super().__init__(model, best_f, **options)

    monkeypatch.setattr(module, "LogExpectedImprovement", Recording)
    X, Y = data()
    bounds = torch.tensor([[0.0, 0.0], [3.0, 3.0]]).double()
    propose_by_gradient(SURROGATES[INDEPENDENT_GPS](X, Y, 0), bounds, X, Y, seed=1)
    assert incumbents == Y.amax(0).tolist()

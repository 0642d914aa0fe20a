"""Candidates are admissible, and start where they are told to."""

from dataclasses import replace

import pytest
import torch
from botorch.acquisition import qLogExpectedImprovement
from botorch.exceptions.errors import CandidateGenerationError
from botorch.optim import optimize_acqf
from botorch.optim.initializers import gen_batch_initial_conditions
from botorch.optim.parameter_constraints import evaluate_feasibility
from botorch.sampling import SobolQMCNormalSampler

from botorch_cll.optim import optimize_acqf_pso, proposal
from botorch_cll.optim.swarm import SwarmResult

from support.surfaces import DISC, LINEAR, Surface, box, hill, maximize, search_of, waves

# Nearly equal points in one candidate, and nothing the user could do about it.
pytestmark = pytest.mark.filterwarnings("ignore:A not p.d., added jitter")


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
@pytest.mark.parametrize(
    "constraints",
    [{"inequality_constraints": LINEAR}, {"nonlinear_inequality_constraints": DISC}],
    ids=["linear", "nonlinear"],
)
def test_a_maximum_on_the_boundary_of_the_constraints(constraints, polish):
    candidate, _ = maximize(hill(0.9), 2, options={"polish": polish}, **constraints)
    assert torch.allclose(candidate, torch.full_like(candidate, 0.5), atol=5e-3)
    assert evaluate_feasibility(candidate.unsqueeze(0), **constraints).all()


def test_constraints_across_points():
    # The second point may not be less than 0.2 above the first.
    apart = [(torch.tensor([[1, 0], [0, 0]]), torch.tensor([1.0, -1.0], dtype=torch.double), 0.2)]
    candidates, value = maximize(hill(0.5), 1, q=2, inequality_constraints=apart)
    assert candidates.flatten().tolist() == pytest.approx([0.4, 0.6], abs=1e-3)
    assert value.item() == pytest.approx(-0.02, abs=1e-4)
    circle = [(lambda X: 0.02 - X.square().sum(), False)]
    candidates, _ = maximize(hill(0.5), 1, q=2, nonlinear_inequality_constraints=circle)
    assert candidates.flatten().tolist() == pytest.approx([0.1, 0.1], abs=1e-3)


def test_a_small_feasible_set_is_found_and_all_results_are_in_it():
    d, few = 4, {"num_restarts": 3, "raw_samples": 32, "return_best_only": False}
    # 1 / 15 000 of the box.
    corner = [(torch.arange(d), torch.ones(d, dtype=torch.double), d - 0.2)]
    candidates, values = maximize(hill(0.0), d, **few, inequality_constraints=corner)
    assert evaluate_feasibility(candidates, corner).all()
    assert values.tolist() == pytest.approx([-d * 0.95**2] * 3, abs=1e-2)
    tiny = [(lambda x: 1e-4 - (x - 0.77).square().sum(), True)]
    candidates, _ = maximize(hill(0.0), d, **few, nonlinear_inequality_constraints=tiny)
    assert evaluate_feasibility(candidates, nonlinear_inequality_constraints=tiny).all()


@pytest.mark.parametrize(
    "constraints",
    [
        {"inequality_constraints": [(torch.tensor([0]), torch.ones(1).double(), 2.0)]},
        {"nonlinear_inequality_constraints": [(lambda x: -1.0 - x.sum(), True)]},
    ],
    ids=["linear", "nonlinear"],
)
def test_constraints_that_exclude_everything(constraints):
    with pytest.raises(CandidateGenerationError, match=r"satisf"):
        maximize(waves, 2, num_restarts=2, options={"maxiter": 5}, **constraints)


def test_constraints_hold_together_with_fixed_features():
    # With x0 = 0.75 the linear constraint leaves x1 <= 0.25.
    fixed = {0: 0.75}
    candidate, _ = maximize(hill(0.9), 3, inequality_constraints=LINEAR, fixed_features=fixed)
    assert candidate.flatten().tolist() == pytest.approx([0.75, 0.25, 0.9], abs=1e-3)


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
def test_fixed_features(polish):
    fixed = {-1: 5.0, 0: 0.125}  # the first of them out of bounds, as contexts may be
    candidate, _ = maximize(hill(0.4), 3, fixed_features=fixed, options={"polish": polish})
    assert candidate[0, 0].item() == 0.125
    assert candidate[0, 2].item() == 5.0
    assert candidate[0, 1].item() == pytest.approx(0.4, abs=1e-3)
    start = torch.tensor([[[0.125, 0.6, 5.0]]], dtype=torch.double)
    candidate, _ = maximize(hill(0.4), 3, fixed_features=fixed, batch_initial_conditions=start)
    assert candidate.flatten().tolist() == pytest.approx([0.125, 0.4, 5.0], abs=1e-3)


def ridge(X):
    return -(X[..., 0] - X[..., 1]).square().sum(dim=-1)


@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("timeout_sec", [None, 60.0], ids=["no timeout", "timeout"])
def test_fixed_features_per_swarm(q, timeout_sec):
    contexts = torch.tensor([0.1, 0.5, 0.9], dtype=torch.double)
    candidates, _ = maximize(
        ridge,
        2,
        q,
        num_restarts=3,
        fixed_features={1: contexts},
        return_best_only=False,
        timeout_sec=timeout_sec,
    )
    assert torch.equal(candidates[..., 1], contexts.unsqueeze(-1).expand(3, q))
    assert torch.allclose(candidates[..., 0], candidates[..., 1], atol=1e-3)


def test_swarms_next_to_given_ones_start_where_their_own_fixed_features_are_best():
    candidates, _ = maximize(
        ridge,
        2,
        num_restarts=3,
        fixed_features={1: torch.tensor([0.1, 0.5, 0.9], dtype=torch.double)},
        batch_initial_conditions=torch.full((1, 1, 2), 0.5, dtype=torch.double),
        return_best_only=False,
        options={"maxiter": 0, "polish": False},
    )
    assert candidates[1:, 0, 0].tolist() == pytest.approx([0.5, 0.9], abs=0.05)


@pytest.mark.parametrize("return_best_only", [True, False], ids=["best", "all"])
def test_all_features_fixed(fitted, return_best_only):
    model, Y = fitted["branin"]
    acqf = qLogExpectedImprovement(model, Y.max(), SobolQMCNormalSampler(torch.Size([16]), seed=0))
    kwargs = {"fixed_features": {0: 0.25, 1: 0.5}, "return_best_only": return_best_only}
    expected, expected_value = optimize_acqf(acqf, box(2), 2, 4, 16, **kwargs)
    candidates, value = optimize_acqf_pso(acqf, box(2), 2, 4, 16, **kwargs)
    assert torch.equal(candidates, expected)
    assert candidates.shape == expected.shape
    assert torch.allclose(value, expected_value)
    assert value.shape == expected_value.shape


def test_post_processing_happens_inside_the_swarm():
    def process(X):
        X = X.clone()
        X[..., 0] = X[..., 0].round()
        return X

    def function(X):  # increases toward 2.6, but only 2 allows the best second feature
        bonus = (X[..., 0] == 2).to(X) * (1 - (X[..., 1] - 1.7).square())
        return (-(X[..., 0] - 2.6).square() + bonus).sum(dim=-1)

    acqf = Surface(function)
    candidate, value = optimize_acqf_pso(
        acqf, box(2, high=5.0), 1, 4, 64, post_processing_func=process
    )
    assert all(torch.equal(X, process(X)) for X in acqf.X)
    assert candidate[0, 0].item() == 2.0
    assert candidate[0, 1].item() == pytest.approx(1.7, abs=1e-2)
    assert value.item() == pytest.approx(-0.36 + 1, abs=1e-3)


def test_batch_initial_conditions_start_the_first_swarms():
    seeds = torch.tensor([[[0.31, 0.32]], [[0.71, 0.12]]], dtype=torch.double)
    acqf = Surface(waves)
    options = {"maxiter": 0, "polish": False, "num_particles": 9, "spread": 0.01}
    kwargs = {"batch_initial_conditions": seeds, "return_best_only": False, "options": options}
    candidates, _ = maximize(acqf, 2, **kwargs)
    X = acqf.X[-1].view(4, 9, 1, 2)
    assert torch.equal(X[:2, 0], seeds)
    assert (X[:2] - seeds.unsqueeze(1)).abs().max() < 0.06
    assert (X[2:].amax(dim=1) - X[2:].amin(dim=1)).min() > 0.1
    assert candidates.shape == (4, 1, 2)
    assert (waves(candidates[:2]) >= waves(seeds)).all()


def test_two_dimensional_initial_conditions_are_one_candidate():
    seed = torch.tensor([[0.2, 0.3], [0.6, 0.7], [0.1, 0.1]], dtype=torch.double)
    candidates, value = maximize(hill(0.5), 2, q=3, batch_initial_conditions=seed)
    assert candidates.shape == (3, 2)
    assert value.item() == pytest.approx(0.0, abs=1e-6)


def test_ic_generator_is_called_as_by_optimize_acqf():
    calls = []

    def ic_generator(**kwargs):
        calls.append(kwargs)
        return gen_batch_initial_conditions(**{k: v for k, v in kwargs.items() if k != "extra"})

    acqf = Surface(hill(0.5))
    candidate, _ = optimize_acqf_pso(
        acqf, box(2), 1, 3, 32, options={"eta": 2.0}, ic_generator=ic_generator, extra="mine"
    )
    assert torch.allclose(candidate, torch.full_like(candidate, 0.5), atol=1e-4)
    (kwargs,) = calls
    assert kwargs["acq_function"] is acqf
    assert (kwargs["num_restarts"], kwargs["raw_samples"], kwargs["q"]) == (3, 32, 1)
    assert kwargs["options"] == {"eta": 2.0, "seed": 0}
    assert kwargs["extra"] == "mine"


def test_each_task_has_the_best_of_its_own_swarms_whatever_the_others_found():
    known = torch.tensor([[0.5]], dtype=torch.double)
    search = replace(search_of(hill(0.5), box(1), X_avoid=known), num_tasks=3)
    X = torch.tensor([0.1, 0.2, 0.5, 0.5, 0.5, 0.3], dtype=torch.double).view(6, 1, 1)
    # The second task knows of known points only, the third one has no incumbent.
    values = torch.tensor([1.0, 2.0, 1.0, 2.0, -torch.inf, -torch.inf], dtype=torch.double)
    result = SwarmResult(X, values, torch.zeros_like(values), 0)
    candidates, found = proposal._choose(search, result)
    assert candidates.flatten().tolist() == [0.2, 0.5, 0.3]
    assert found.tolist() == [2.0, 2.0, -torch.inf]

"""Swarms first, gradients second, and only where gradients help."""

import warnings
from dataclasses import replace

import pytest
import torch
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation import gen_candidates_scipy
from botorch.optim.parameter_constraints import evaluate_feasibility

from botorch_cll.optim import polish as polish_module
from botorch_cll.optim.proposal import run_swarms

from support.surfaces import DISC, box, hill, search_of

top = hill(0.9)


def run(function=top, options=None, num_swarms=18, num_tasks=None, X=None, **given):
    """The swarms' best points, after a start anywhere."""
    if X is None:
        generator = torch.Generator().manual_seed(0)
        X = torch.rand(num_swarms, 1, 2, generator=generator, dtype=torch.double)
    options = {"num_particles": 4, "spread": 0.3, **(options or {})}
    search = search_of(function, box(2), options, batch_initial_conditions=X, **given)
    return run_swarms(replace(search, num_tasks=num_tasks), None)


class Sqrt(torch.autograd.Function):
    """A function whose gradient is not a number on part of the box."""

    @staticmethod
    def forward(ctx, X):
        ctx.save_for_backward(X)
        return X.clone()

    @staticmethod
    def backward(ctx, gradient):
        (X,) = ctx.saved_tensors
        return gradient.where(X < 0.7, torch.nan)


def test_swarms_run_longer_where_gradients_do_not_finish_the_work():
    disc = [(lambda x: 1.0 - x.square().sum(), True)]
    polished = run().num_iterations
    assert polished < 10
    assert run(options={"polish": False}).num_iterations > 5 * polished
    assert run(nonlinear_inequality_constraints=disc).num_iterations > 2 * polished
    assert run(options={"maxiter": 13}).num_iterations == 13


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ({}, {}, [12]),
        ({"num_polish": 1}, {"return_best_only": False}, [18]),
        ({"num_polish": 2}, {}, [2]),
        ({"num_polish": 2}, {"num_tasks": 3}, [2] * 3),
    ],
    ids=["only the best matters", "all matter", "as asked", "as asked, of each group"],
)
def test_the_best_swarms_are_polished(options, given, expected):
    result = run(options={"maxiter": 1, **options}, **given)
    at_the_top = (result.X - 0.9).abs().amax(dim=(-2, -1)) < 1e-6
    assert at_the_top.view(len(expected), -1).sum(-1).tolist() == expected
    assert torch.equal(result.values, top(result.X))


@pytest.mark.parametrize(
    "constraints",
    [
        {"inequality_constraints": [(torch.tensor([0]), torch.ones(1).double(), 0.5)]},
        {"nonlinear_inequality_constraints": [(lambda x: 0.5 - (x**4).sum().exp() / 4, True)]},
    ],
    ids=["linear", "nonlinear"],
)
def test_polished_points_are_feasible_and_no_worse(constraints):
    swarm_only = run(options={"maxiter": 3, "polish": False}, **constraints)
    result = run(options={"maxiter": 3}, **constraints)
    was_feasible = swarm_only.violations == 0
    assert was_feasible.any()
    assert evaluate_feasibility(result.X[was_feasible], **constraints).all()
    assert (result.values >= swarm_only.values)[was_feasible].all()
    assert result.values.max() > swarm_only.values.max()


def test_a_climb_that_ends_a_little_outside_is_not_lost():
    # The best feasible point is (0.5, 0.5).
    result = run(options={"maxiter": 3}, num_swarms=4, nonlinear_inequality_constraints=DISC)
    assert result.values.tolist() == pytest.approx([-0.32] * 4, abs=1e-3)
    assert (result.violations == 0).all()


def test_swarms_without_a_feasible_point_do_not_take_the_place_of_others():
    linear = [(torch.tensor([0]), torch.tensor([-1.0]).double(), -0.5)]
    # The first swarm is near the top of the hill, where the constraint does not allow it to be.
    X = torch.tensor([0.88, 0.2], dtype=torch.double).view(2, 1, 1).expand(2, 1, 2)
    options = {"maxiter": 0, "num_polish": 1, "spread": 0.0}
    result = run(options=options, X=X, inequality_constraints=linear)
    expected = torch.tensor([[0.5, 0.9]], dtype=torch.double)
    torch.testing.assert_close(result.X[1], expected, atol=1e-4, rtol=0)


def test_a_broken_gradient_costs_nothing_but_the_climb():
    expected = run(options={"maxiter": 5, "polish": False})
    result = run(lambda X: top(Sqrt.apply(X)), {"polish": True, "maxiter": 5})
    assert torch.equal(result.values, expected.values)


def test_optimization_warnings_are_dropped_and_others_are_kept(monkeypatch):
    def warn(*args, **kwargs):
        warnings.warn("ABNORMAL", OptimizationWarning, stacklevel=1)
        warnings.warn("something else", DeprecationWarning, stacklevel=1)
        return gen_candidates_scipy(*args, **kwargs)

    monkeypatch.setattr(polish_module, "gen_candidates_scipy", warn)
    with pytest.warns(DeprecationWarning, match="something else"):
        run()

"""Swarms first, gradients second, and only where gradients help."""

import warnings

import pytest
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.exceptions.errors import BotorchTensorDimensionError, UnsupportedError
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation import gen_candidates_scipy
from botorch.optim.parameter_constraints import evaluate_feasibility

from botorch_cll.optim import search as search_module
from botorch_cll.optim.constraints import FixedFeatures
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.search import SwarmSearch

BOX = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)


class Function(AcquisitionFunction):
    def __init__(self, function):
        torch.nn.Module.__init__(self)
        self.function = function

    def forward(self, X):
        return self.function(X)


def hill(X):
    return -(X - 0.9).square().sum(dim=(-2, -1))


def make(function=hill, options=None, fixed_features=None, **kwargs) -> SwarmSearch:
    return SwarmSearch(
        acq_function=Function(function),
        bounds=BOX,
        q=1,
        options=SearchOptions.parse(options),
        fixed_features=FixedFeatures(fixed_features, 2),
        **kwargs,
    )


def run(search, num_swarms=18, num_groups=1, deadline=None):
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(num_swarms, 4, 1, 2, generator=generator, dtype=torch.double)
    return search.run(X, generator=generator, deadline=deadline, num_groups=num_groups)


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


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (hill, True),
        (lambda X: hill(X).detach(), False),
        (lambda X: hill(X.round() + 0.0 * X), False),
        (lambda X: hill(X) + (0.0 * X).sqrt().sum(dim=(-2, -1)), False),
    ],
    ids=["smooth", "no gradient", "zero gradient", "gradient is NaN"],
)
def test_gradients_are_used_where_they_exist_are_finite_and_not_zero(function, expected):
    assert make(function).can_polish is expected
    assert make(function, {"polish": False}).can_polish is False


def test_gradients_that_were_asked_for_and_do_not_exist():
    with pytest.raises(UnsupportedError, match="not differentiable"):
        run(make(lambda X: hill(X).detach(), {"polish": True}))
    per_point = {0: torch.tensor([[0.1, 0.2]])}
    search = make(options={"polish": True}, fixed_features=per_point)
    with pytest.raises(UnsupportedError, match="differ between the points"):
        _ = search.can_polish


def test_the_gradient_is_tried_at_admissible_points_only():
    def only_context_3(X):
        assert (X[..., 0] == 3.0).all()
        return hill(X)

    assert make(only_context_3, fixed_features={0: 3.0}).can_polish


def test_swarms_run_longer_where_gradients_do_not_finish_the_work():
    disc = [(lambda x: 1.0 - x.square().sum(), True)]
    polished = run(make()).num_iterations
    assert polished < 10
    assert run(make(options={"polish": False})).num_iterations > 5 * polished
    assert run(make(nonlinear_inequality_constraints=disc)).num_iterations > 2 * polished
    assert run(make(options={"maxiter": 13})).num_iterations == 13


@pytest.mark.parametrize(
    ("options", "num_groups", "expected"),
    [
        ({}, 1, [12]),
        ({}, 18, [1] * 18),
        ({"num_polish": 2}, 1, [2]),
        ({"num_polish": 2}, 3, [2] * 3),
    ],
    ids=["only the best matters", "all matter", "as asked", "as asked, of each group"],
)
def test_the_best_swarms_are_polished(options, num_groups, expected):
    result = run(make(options={"maxiter": 1, **options}), num_groups=num_groups)
    at_the_top = (result.X - 0.9).abs().amax(dim=(-2, -1)) < 1e-6
    assert at_the_top.view(num_groups, -1).sum(-1).tolist() == expected
    assert torch.equal(result.values, hill(result.X))


@pytest.mark.parametrize(
    "constraints",
    [
        {"inequality_constraints": [(torch.tensor([0]), torch.ones(1).double(), 0.5)]},
        {"nonlinear_inequality_constraints": [(lambda x: 0.5 - (x**4).sum().exp() / 4, True)]},
    ],
    ids=["linear", "nonlinear"],
)
def test_polished_points_are_feasible_and_no_worse(constraints):
    swarm_only = run(make(options={"maxiter": 3, "polish": False}, **constraints))
    result = run(make(options={"maxiter": 3}, **constraints))
    was_feasible = swarm_only.violations == 0
    assert was_feasible.any()
    assert evaluate_feasibility(result.X[was_feasible], **constraints).all()
    assert (result.values >= swarm_only.values)[was_feasible].all()
    assert result.values.max() > swarm_only.values.max()


def test_a_climb_that_ends_a_little_outside_is_not_lost():
    # The best feasible point is (0.5, 0.5).
    disc = [(lambda x: 0.5 - x.square().sum(), True)]
    search = make(options={"maxiter": 3}, nonlinear_inequality_constraints=disc)
    result = run(search, num_swarms=4)
    assert result.values.tolist() == pytest.approx([-0.32] * 4, abs=1e-3)
    assert (result.violations == 0).all()


def test_swarms_without_a_feasible_point_do_not_take_the_place_of_others():
    linear = [(torch.tensor([0]), torch.tensor([-1.0]).double(), -0.5)]
    # The first swarm is near the top of the hill, where the constraint does not allow it to be.
    X = torch.tensor([0.88, 0.2], dtype=torch.double).view(2, 1, 1, 1).expand(2, 4, 1, 2)
    search = make(options={"maxiter": 0, "num_polish": 1}, inequality_constraints=linear)
    result = search.run(X, generator=torch.Generator(), deadline=None, num_groups=1)
    torch.testing.assert_close(
        result.X[1], torch.tensor([[0.5, 0.9]], dtype=torch.double), atol=1e-4, rtol=0
    )


def test_a_broken_gradient_costs_nothing_but_the_climb():
    search = make(lambda X: hill(Sqrt.apply(X)), {"polish": True, "maxiter": 5})
    expected = run(make(options={"maxiter": 5, "polish": False}))
    assert torch.equal(run(search).values, expected.values)


def test_optimization_warnings_are_dropped_and_others_are_kept(monkeypatch):
    def warn(*args, **kwargs):
        warnings.warn("ABNORMAL", OptimizationWarning, stacklevel=1)
        warnings.warn("something else", DeprecationWarning, stacklevel=1)
        return gen_candidates_scipy(*args, **kwargs)

    monkeypatch.setattr(search_module, "gen_candidates_scipy", warn)
    with pytest.warns(DeprecationWarning, match="something else"):
        run(make())


def test_acquisition_functions_must_return_one_value_per_candidate():
    with pytest.raises(BotorchTensorDimensionError, match=r"72 candidates, got shape \(72, 1\)"):
        run(make(lambda X: X.sum(dim=-1), {"polish": False}))

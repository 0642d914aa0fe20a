"""Constraint violations agree with BoTorch's idea of feasibility; fixed features are fixed."""

import pytest
import torch
from botorch.exceptions.errors import InputDataError
from botorch.optim.parameter_constraints import evaluate_feasibility
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.optim.constraints import ConstraintViolation, FixedFeatures

BOUNDS = torch.tensor([[0.0] * 3, [1.0] * 3], dtype=torch.double)


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.double)


INTRA = (torch.tensor([0, 2]), tensor(3.0, 4.0), 2.0)
INTER = (torch.tensor([[0, 1], [1, 0]]), tensor(1.0, -1.0), 0.1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_zero_exactly_where_botorch_says_feasible(seed):
    X = torch.rand(40, 2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    nonlinear = [
        (lambda x: 0.9 - x.square().sum(), True),
        (lambda X: 2.5 - X.sum(), False),
    ]
    violation = ConstraintViolation(BOUNDS, 2, [INTRA, INTER], nonlinear)
    feasible = evaluate_feasibility(X, [INTRA, INTER], nonlinear_inequality_constraints=nonlinear)
    assert torch.equal(violation(X) == 0, feasible)
    assert torch.equal(violation(X.view(4, 10, 2, 3)), violation(X).view(4, 10))


def test_linear_violation_is_the_distance_to_the_half_space():
    X = tensor(0.1, 0.5, 0.2).view(1, 1, 3)
    violation = ConstraintViolation(BOUNDS, 1, [INTRA])
    # 3 * 0.1 + 4 * 0.2 = 1.1 falls short of 2 by 0.9, at a gradient of norm 5.
    assert violation(X).item() == pytest.approx(0.9 / 5, abs=1e-8)


def test_points_that_pass_are_feasible_on_the_very_boundary():
    X = tensor(0.4, 0.0, 0.2).view(1, 1, 3)  # 3 * 0.4 + 4 * 0.2 = 2 up to rounding
    assert ConstraintViolation(BOUNDS, 1, [INTRA])(X).item() == 0
    assert evaluate_feasibility(X, [INTRA]).all()


def test_what_counts_as_no_violation_is_feasible_whatever_the_rounding():
    slack = torch.linspace(-2e-8, 2e-8, 4001, dtype=torch.double)
    X = tensor(0.4, 0.0, 0.2).expand(4001, 1, 3).clone()
    X[:, 0, 0] += slack / 3
    at_rest = ConstraintViolation(BOUNDS, 1, [INTRA])(X) == 0
    assert 0 < at_rest.sum() < 4001
    assert evaluate_feasibility(X, [INTRA])[at_rest].all()
    # Also where what BoTorch computes is off by a third of what it tolerates.
    assert evaluate_feasibility(X - 5e-10, [INTRA])[at_rest].all()


def python_branch(x):
    return x[0] - 0.5 if x[1].item() > 0.5 else torch.tensor(1.0)


@pytest.mark.parametrize(
    "constraint",
    [lambda x: x[0] - 0.5, python_branch, lambda x: float(x.sum()) - 1.0],
    ids=["vmap", "branches on values", "returns a float"],
)
def test_any_callable_of_one_point_gives_its_own_values(constraint):
    X = torch.rand(20, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    violation = ConstraintViolation(BOUNDS, 2, (), [(constraint, True)])
    expected = [sum(max(0.0, -float(constraint(x))) for x in points) for points in X]
    assert violation(X).tolist() == pytest.approx(expected, abs=1e-7)


def test_callables_are_mapped_where_that_is_possible():
    calls = []

    def constraint(x):
        calls.append(x)
        return x.sum()

    violation = ConstraintViolation(BOUNDS, 1, (), [(constraint, True)])
    violation(torch.rand(500, 1, 3, dtype=torch.double))
    assert len(calls) < 20


def test_nan_from_a_callable_is_infinitely_infeasible():
    violation = ConstraintViolation(BOUNDS, 1, (), [(lambda x: x.sum() * torch.nan, True)])
    assert violation(torch.rand(5, 1, 3, dtype=torch.double)).tolist() == [torch.inf] * 5


def test_errors_of_a_callable_reach_the_user():
    def broken(x):
        raise KeyError("my own mistake")

    with pytest.raises(KeyError, match="my own mistake"):
        ConstraintViolation(BOUNDS, 1, (), [(broken, True)])(torch.rand(5, 1, 3))


def test_no_constraints_are_false():
    assert not ConstraintViolation(BOUNDS, 1)
    assert not ConstraintViolation(BOUNDS, 1, [], [])
    assert ConstraintViolation(BOUNDS, 1, [INTRA])


@pytest.mark.parametrize(
    ("indices", "coefficients", "match"),
    [
        (torch.tensor([0, 3]), tensor(1.0, 1.0), r"in \[0, 3\) for features, got \[0, 3\]"),
        (torch.tensor([-1]), tensor(1.0), r"in \[0, 3\) for features, got \[-1\]"),
        (torch.tensor([[2, 0]]), tensor(1.0), r"\[0, 2\) for points, got \[\[2, 0\]\]"),
        (torch.tensor([0, 1]), tensor(1.0), r"shape \(2,\), got \(1,\)"),
        (torch.tensor(0), tensor(1.0), r"shape `k` or `k x 2`, got \(\)"),
        ([0, 1], [1.0, 1.0], r"both tensors, and a number, got .* as number 0"),
    ],
    ids=["feature", "negative", "point", "coefficients", "ndim", "lists"],
)
def test_constraints_that_do_not_fit_are_refused(indices, coefficients, match):
    with pytest.raises(InputDataError, match=match):
        ConstraintViolation(BOUNDS, 2, [(indices, coefficients, 0.0)])


@pytest.mark.parametrize(
    ("linear", "nonlinear", "match"),
    [
        ((torch.tensor([0]), tensor(1.0), 0.5), (), "both tensors, and a number, got tensor"),
        ((), [(torch.sum, True), torch.sum], r"`\(constraint, True\)`, got .* as number 1"),
    ],
    ids=["one tuple", "no tuple"],
)
def test_constraints_that_are_no_tuples_are_refused(linear, nonlinear, match):
    with pytest.raises(InputDataError, match=match):
        ConstraintViolation(BOUNDS, 2, linear, nonlinear)


def test_truth_values_of_constraints_are_refused():
    violation = ConstraintViolation(BOUNDS, 1, (), [(lambda x: x.sum() > 1, True)])
    with pytest.raises(InputDataError, match="at least zero where .* got a truth value"):
        violation(torch.rand(3, 1, 3))


def test_fixed_features_are_set_per_swarm_and_point():
    X = torch.rand(2, 5, 3, 4, dtype=torch.double)
    per_swarm, per_point = torch.tensor([1.0, 2.0]).double(), torch.arange(6.0).view(2, 3)
    fixed = FixedFeatures({0: 7.0, -1: per_swarm, 1: per_point, 2: torch.tensor([8.0])}, d=4)
    Z = fixed(X)
    assert (Z[..., 0] == 7.0).all()
    assert torch.equal(Z[..., 3], per_swarm.view(2, 1, 1).expand(2, 5, 3))
    assert torch.equal(Z[..., 1], per_point.unsqueeze(1).expand(2, 5, 3).double())
    assert (Z[..., 2] == 8.0).all()
    assert fixed.scalars == {0: 7.0, 2: 8.0}


@pytest.mark.parametrize(
    ("fixed_features", "match"),
    [
        ({4: 0.0}, r"\[-4, 3\], got 4"),
        ({0: 0.0, -4: 1.0}, "Feature 0 is fixed twice"),
        ({0: torch.zeros(5)}, r"here \(2,\), got \(5,\)"),
        ({0: torch.zeros(2, 2)}, r"here \(2, 3\), got \(2, 2\)"),
    ],
    ids=["index", "twice", "per swarm", "per point"],
)
def test_fixed_features_that_do_not_fit_are_refused(fixed_features, match):
    with pytest.raises(InputDataError, match=match):
        FixedFeatures(fixed_features, d=4)(torch.rand(2, 5, 3, 4))

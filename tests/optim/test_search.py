"""What was asked for, and what it says of gradients and values."""

import pytest
import torch
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import BotorchTensorDimensionError, UnsupportedError

from support.surfaces import Surface, box, hill, search_of

top = hill(0.9)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (top, True),
        (lambda X: top(X).detach(), False),
        (lambda X: top(X.round() + 0.0 * X), False),
        (lambda X: top(X) + (0.0 * X).sqrt().sum(dim=(-2, -1)), False),
    ],
    ids=["smooth", "no gradient", "zero gradient", "gradient is NaN"],
)
def test_gradients_are_used_where_they_exist_are_finite_and_not_zero(function, expected):
    assert search_of(function, box(2)).can_polish is expected
    assert search_of(function, box(2), {"polish": False}).can_polish is False


def test_a_plateau_on_half_of_the_box_does_not_hide_the_gradients_of_the_other_half():
    for seed in range(6):
        assert search_of(lambda X: top(X.clamp(min=0.5)), box(1), {"seed": seed}).can_polish


def test_gradients_that_differ_between_the_points_of_a_candidate_are_not_to_be_had():
    per_point = {0: torch.tensor([[0.1, 0.2]])}
    with pytest.raises(UnsupportedError, match="differ between the points"):
        _ = search_of(top, box(2), {"polish": True}, per_point, q=2).can_polish


def test_the_gradient_is_tried_at_admissible_points_only():
    def only_context_3(X):
        assert (X[..., 0] == 3.0).all()
        return top(X)

    assert search_of(only_context_3, box(2), fixed_features={0: 3.0}).can_polish


def test_acquisition_functions_must_return_one_value_per_candidate():
    with pytest.raises(BotorchTensorDimensionError, match=r"72 candidates, got shape \(72, 1\)"):
        search_of(lambda X: X.sum(dim=-1), box(2)).fitness(torch.rand(18, 4, 1, 2))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 5),
        ({"raw_samples": 8, "batch_initial_conditions": torch.zeros(2, 1, 2)}, 3),
        ({"raw_samples": 8, "batch_initial_conditions": torch.zeros(7, 1, 2)}, 0),
        ({"raw_samples": 8, "batch_initial_conditions": torch.zeros(1, 2)}, 0),
        ({"batch_initial_conditions": torch.zeros(2, 1, 2)}, 0),
    ],
    ids=["none given", "some", "enough", "the only one", "no raw samples"],
)
def test_swarms_that_no_initial_conditions_are_given_for_are_generated(given, expected):
    assert search_of(top, box(2), num_restarts=5, **given).num_generated == expected


def test_fantasies_need_not_differ_from_known_points():
    search = search_of(top, box(2), X_avoid=torch.full((1, 2), 0.5), q=1, num_fantasies=1)
    X = torch.tensor([[[0.6, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.6, 0.5]]], dtype=torch.double)
    assert search.is_new(X).tolist() == [True, False]


@pytest.mark.parametrize(("q", "expected"), [(1, 12), (2, 12), (5, 20)])
def test_as_many_swarms_are_finished_as_the_points_of_a_candidate_ask_for(q, expected):
    assert search_of(top, box(2), q=q).num_finished(100) == expected
    assert search_of(top, box(2), q=q).num_finished(3) == 3
    assert search_of(top, box(2), {"num_polish": 2}, q=q).num_finished(100) == 2
    assert search_of(top, box(2), {"polish": False}, q=q).num_finished(100) == 100


class OneShot(Surface, OneShotAcquisitionFunction):
    def get_augmented_q_batch_size(self, q):
        return q + 3

    def extract_candidates(self, X_full):
        return X_full[..., :-3, :]


def test_joint_searches_take_more_iterations_unless_they_are_one_shot():
    assert search_of(top, box(2)).default_maxiter() == 4
    assert search_of(top, box(2), q=2).default_maxiter() == 20
    assert search_of(OneShot(top), box(2), q=1, num_fantasies=3).default_maxiter() == 4
    assert search_of(top, box(2), {"polish": False}).default_maxiter() is None

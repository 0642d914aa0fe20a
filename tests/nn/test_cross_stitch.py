"""Cross-stitch units: which task gets what of which."""

import pytest
import torch

from botorch_cll.nn import CrossStitchUnit, MultiLeNet, MultiLeNetCS, cross_stitch_parameters


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_off_diagonals_are_not_swapped():
    unit = CrossStitchUnit(2)
    unit.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    activations = torch.tensor([[[10.0]], [[100.0]]])
    # Task 1: 1 * 10 + 2 * 100. Task 2: 3 * 10 + 4 * 100.
    assert unit(activations).flatten().tolist() == [210.0, 430.0]


@pytest.mark.parametrize("num_tasks", [2, 3, 5])
def test_unit_equals_a_loop_over_tasks(num_tasks):
    unit = CrossStitchUnit(num_tasks)
    unit.weight.data = randn(num_tasks, num_tasks)
    activations = randn(num_tasks, 4, 3, seed=1)
    mixed = unit(activations)
    assert mixed.shape == activations.shape
    for s in range(num_tasks):
        by_hand = sum(unit.weight[s, t] * activations[t] for t in range(num_tasks))
        torch.testing.assert_close(mixed[s], by_hand)


def test_first_weights():
    torch.testing.assert_close(
        CrossStitchUnit(2).weight.data, torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    )
    three = CrossStitchUnit(3, own=0.8).weight.data
    torch.testing.assert_close(three, 0.7 * torch.eye(3) + 0.1)
    activations = torch.ones(3, 2, 4)
    torch.testing.assert_close(CrossStitchUnit(3)(activations), activations)


def test_the_identity_matrix_changes_nothing():
    activations = randn(3, 5, 4)
    assert torch.equal(CrossStitchUnit(3, own=1.0)(activations), activations)


def test_parameters_of_the_units_of_a_network():
    generator = torch.Generator().manual_seed(0)
    network = MultiLeNetCS(num_tasks=3, generator=generator)
    found = cross_stitch_parameters(network)
    assert [tuple(parameter.shape) for parameter in found] == [(3, 3), (3, 3)]
    assert {id(p) for p in found} <= {id(p) for p in network.parameters()}
    assert cross_stitch_parameters(MultiLeNet(generator=generator)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_tasks": 1}, "at least 2 tasks to mix, got 1"),
        ({"num_tasks": 2, "own": 1.5}, r"weight in \[0, 1\], got own=1.5"),
    ],
    ids=["one-task", "weight-out-of-range"],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossStitchUnit(**arguments)

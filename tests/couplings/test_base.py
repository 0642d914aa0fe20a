"""What all couplings share: what errors say of settings."""

import math

import pytest
import torch

from botorch_cll.couplings import IndependentTasks, SharedWeights
from botorch_cll.settings import SearchSettings


def log_evidence(errors, count, pooling_rows, half_rows):
    """By a coupling that pools so: all, some, or nothing."""
    pools_all = math.isinf(pooling_rows)
    coupling = SharedWeights() if pools_all else IndependentTasks(pooling_rows > 0)
    return coupling.log_evidence(
        errors, count, half_rows, SearchSettings(pooling_rows=pooling_rows)
    )


ERRORS = torch.tensor([[1.0, 8.0], [4.0, 2.0], [2.0, 4.0]], dtype=torch.double)
COUNT = torch.tensor([10.0, 30.0], dtype=torch.double)
# Relative to each task's best: [[1, 4], [4, 1], [2, 2]]; over all 40 rows: 3.25, 1.75, 2.


def test_evidence_of_each_task_alone():
    found = log_evidence(ERRORS, COUNT, pooling_rows=0.0, half_rows=0.0)
    expected = [
        [0.0, -15 * math.log(4)],
        [-5 * math.log(4), 0.0],
        [-5 * math.log(2), -15 * math.log(2)],
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_evidence_of_all_tasks_together():
    found = log_evidence(ERRORS, COUNT, pooling_rows=math.inf, half_rows=0.0)
    expected = [[-20.0 * math.log(r)] * 2 for r in (3.25, 1.75, 2.0)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_evidence_in_between():
    found = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=0.0)
    expected = [
        [-5 * math.log((10 * own_0 + 10 * r) / 20), -15 * math.log((30 * own_1 + 10 * r) / 40)]
        for (own_0, own_1), r in zip([(1, 4), (4, 1), (2, 2)], (3.25, 1.75, 2.0), strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double))


def test_errors_of_few_rows_weigh_less():
    full = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=0.0)
    found = log_evidence(ERRORS, COUNT, pooling_rows=10.0, half_rows=30.0)
    torch.testing.assert_close(found, full * torch.tensor([0.25, 0.5]).double())


@pytest.mark.parametrize("pooling_rows", [0.0, 5.0, math.inf])
def test_evidence_does_not_depend_on_the_unit_and_survives_perfect_fits(pooling_rows):
    found = log_evidence(ERRORS, COUNT, pooling_rows, 0.5)
    unit = torch.tensor([100.0, 0.01], dtype=torch.double)
    torch.testing.assert_close(log_evidence(unit * ERRORS, COUNT, pooling_rows, 0.5), found)
    perfect = torch.zeros_like(ERRORS)
    assert torch.equal(log_evidence(perfect, COUNT, pooling_rows, 0.5), perfect)


def test_errors_that_are_rounding_are_all_alike():
    errors = torch.tensor([[1e-14], [1e-12], [1e-3]], dtype=torch.double)
    found = log_evidence(errors, COUNT[:1], 0.0, 0.0)
    assert found[0] == found[1] > found[2]


@pytest.mark.parametrize("pooling_rows", [0.0, 5.0, math.inf])
def test_evidence_of_a_task_without_rows_is_finite(pooling_rows):
    errors, count = ERRORS.clone(), COUNT.clone()
    errors[:, 0] = count[0] = 0.0
    found = log_evidence(errors, count, pooling_rows, 0.5)
    assert found.isfinite().all()
    alone = log_evidence(errors[:, 1:], count[1:], 0.0, 0.5)
    torch.testing.assert_close(found[:, 1:], alone)


def test_evidence_is_batched():
    errors = torch.stack([ERRORS, ERRORS.flip(0)])
    count = torch.stack([COUNT, 2 * COUNT])
    found = log_evidence(errors, count, 7.0, 0.5)
    for b in range(2):
        torch.testing.assert_close(found[b], log_evidence(errors[b], count[b], 7.0, 0.5))

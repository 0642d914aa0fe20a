"""The data sets of several metrics in one."""

import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset

from botorch_cll.ax.data import merge_datasets, same_data

NAN = float("nan")


def data_set(name, rows, Yvar=None, features=("x", "y")):
    """Rows of trial, inputs and value."""
    return SupervisedDataset(
        X=torch.tensor([[x, 0.0] for _, x, _ in rows], dtype=torch.double),
        Y=torch.tensor([[y] for _, _, y in rows], dtype=torch.double),
        Yvar=None if Yvar is None else torch.tensor(Yvar, dtype=torch.double).unsqueeze(-1),
        feature_names=list(features),
        outcome_names=[name],
        group_indices=torch.tensor([trial for trial, _, _ in rows]),
    )


A = data_set("a", [(0, 1.0, 10.0), (1, 2.0, 11.0), (1, 2.0, 12.0)])
B = data_set("b", [(2, 1.0, 20.0), (1, 2.0, 21.0), (0, 1.0, 22.0)], Yvar=[0.1, NAN, 0.0])


def test_rows_are_joined_on_trial_inputs_and_repeat():
    merged = merge_datasets([A, B])
    assert merged.outcome_names == ["a", "b"]
    assert merged.X[:, 0].tolist() == [1.0, 2.0, 2.0, 1.0]
    assert merged.group_indices.tolist() == [0, 1, 1, 2]
    expected = torch.tensor([[10.0, 22.0], [11.0, 21.0], [12.0, NAN], [NAN, 20.0]])
    assert torch.equal(merged.Y.nan_to_num(-1.0), expected.double().nan_to_num(-1.0))
    expected = torch.tensor([[NAN, 0.0], [NAN, NAN], [NAN, NAN], [NAN, 0.1]]).double()
    torch.testing.assert_close(merged.Yvar, expected, equal_nan=True, rtol=0, atol=1e-8)


def test_the_order_of_metrics_and_rows_makes_no_difference():
    merged, swapped = merge_datasets([A, B]), merge_datasets([B, A])
    assert torch.equal(merged.X, swapped.X)
    assert torch.equal(merged.Y.nan_to_num(), swapped.Y.flip(-1).nan_to_num())


def test_no_variances_at_all():
    assert merge_datasets([A, data_set("b", [(0, 1.0, 2.0)])]).Yvar is None


def test_data_with_gaps_are_the_same_as_themselves():
    assert same_data(merge_datasets([A, B]), merge_datasets([A, B]))
    other = data_set("b", [(2, 1.0, 20.0), (1, 2.0, 21.0), (0, 1.0, 23.0)], Yvar=[0.1, NAN, 0.0])
    assert not same_data(merge_datasets([A, B]), merge_datasets([A, other]))
    assert not same_data(A, merge_datasets([A, B]))


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(UnsupportedError, match="at least one metric, got none"):
        merge_datasets([])
    with pytest.raises(UnsupportedError, match="same parameters for all metrics"):
        merge_datasets([A, data_set("b", [(0, 1.0, 2.0)], features=("x", "z"))])
    long = MultiTaskDataset([A, data_set("b", [(0, 1.0, 2.0)])], target_outcome_name="a")
    with pytest.raises(UnsupportedError, match=r"single metric .* with a MultiTaskDataset"):
        merge_datasets([long, B])

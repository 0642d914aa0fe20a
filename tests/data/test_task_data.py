"""Training data in canonical order: what was observed counts, not how it was written down."""

import pytest
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.data.task_data import TaskData
from botorch_cll.models.checks import check_training_data

NAN, INF = float("nan"), float("inf")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def tensor(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.double)


def assert_same(first: TaskData, second: TaskData) -> None:
    for name in ("X", "Y", "Yvar"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None), name
        if one is not None:
            torch.testing.assert_close(one, other, rtol=0.0, atol=0.0, equal_nan=True)


def observations(data: TaskData) -> list[tuple[float, ...]]:
    row, task = data.observed.nonzero(as_tuple=True)
    parts = [data.X[row], task.unsqueeze(-1).double(), data.Y[row, task].unsqueeze(-1)]
    if data.Yvar is not None:
        parts.append(data.Yvar[row, task].unsqueeze(-1))
    return sorted(tuple(o) for o in torch.cat(parts, dim=-1).tolist())


@st.composite
def long_data(draw):
    """Observations with repeated points and repeated tasks, in any order."""
    num_tasks = draw(st.integers(1, 3))
    size = draw(st.integers(1, 12))
    grid = st.sampled_from([0.0, 0.5, 1.0])
    rows = draw(
        st.lists(
            st.tuples(grid, grid, st.integers(0, num_tasks - 1), st.floats(-5, 5)),
            min_size=size,
            max_size=size,
            unique=True,
        )
    )
    order = draw(st.permutations(range(size)))
    table = torch.tensor(rows, dtype=torch.double)
    X, task, Y = table[:, :2], table[:, 2].long(), table[:, 3]
    return X, task, Y, 0.1 + rand(size), num_tasks, torch.tensor(order)


@given(long_data())
@settings(max_examples=100, deadline=None)
def test_every_observation_is_kept_once(data):
    X, task, Y, Yvar, num_tasks, _ = data
    table = torch.cat([X, *(v.double().unsqueeze(-1) for v in (task, Y, Yvar))], dim=-1)
    kept = TaskData.from_long(X, task, Y, Yvar, num_tasks)
    assert observations(kept) == sorted(tuple(row) for row in table.tolist())
    assert kept.num_observed.tolist() == [int((task == t).sum()) for t in range(num_tasks)]


@given(long_data())
@settings(max_examples=100, deadline=None)
def test_order_of_long_rows_is_irrelevant(data):
    X, task, Y, Yvar, num_tasks, order = data
    assert_same(
        TaskData.from_long(X, task, Y, Yvar, num_tasks),
        TaskData.from_long(X[order], task[order], Y[order], Yvar[order], num_tasks),
    )


@given(long_data())
@settings(max_examples=100, deadline=None)
def test_wide_form_of_long_data_gives_the_same(data):
    X, task, Y, Yvar, num_tasks, order = data
    # The least dense wide form there is: one observation a row.
    wide_Y = torch.full((len(X), num_tasks), NAN, dtype=torch.double)
    wide_Yvar = wide_Y.clone()
    wide_Y[torch.arange(len(X)), task] = Y
    wide_Yvar[torch.arange(len(X)), task] = Yvar
    long = TaskData.from_long(X, task, Y, Yvar, num_tasks)
    assert_same(TaskData.from_wide(X[order], wide_Y[order], wide_Yvar[order]), long)
    # The densest: what `TaskData` itself makes of them.
    assert_same(TaskData.from_wide(long.X, long.Y, long.Yvar), long)


def test_wide_data_at_distinct_points_is_only_sorted():
    X, Y, Yvar = rand(9, 2), rand(9, 3, seed=1), rand(9, 3, seed=2)
    order = torch.tensor(sorted(range(9), key=lambda i: X[i].tolist()))
    assert_same(TaskData.from_wide(X, Y, Yvar), TaskData(X[order], Y[order], Yvar[order]))


def test_masked_entries_equal_deleted_ones():
    X, Y = rand(6, 2), rand(6, 2, seed=1)
    masked = Y.clone()
    masked[0] = NAN
    masked[1, 0] = NAN
    task = torch.tensor([0, 1]).repeat(6)
    keep = torch.tensor([False, False, False] + [True] * 9)
    deleted = TaskData.from_long(
        X.repeat_interleave(2, 0)[keep], task[keep], Y.flatten()[keep], None, 2
    )
    data = TaskData.from_wide(X, masked, None)
    assert_same(data, deleted)
    assert len(data.X) == 5
    assert data.num_observed.tolist() == [4, 5]


def test_tasks_share_the_rows_of_a_repeated_point():
    X = tensor([0.5], [0.5], [0.5], [0.1])
    data = TaskData.from_long(X, torch.tensor([0, 0, 1, 1]), tensor(2.0, 1.0, 7.0, 5.0), None, 2)
    assert_same(
        data,
        TaskData(tensor([0.1], [0.5], [0.5]), tensor([NAN, 5.0], [1.0, 7.0], [2.0, NAN]), None),
    )


def test_single_task():
    data = TaskData.from_wide(tensor([0.7], [0.2], [0.7]), tensor([3.0], [1.0], [2.0]), None)
    assert_same(data, TaskData(tensor([0.2], [0.7], [0.7]), tensor([1.0], [2.0], [3.0]), None))
    assert data.observed.all()


def test_a_task_without_observations_keeps_its_column():
    data = TaskData.from_long(rand(4, 2), torch.tensor([0, 2, 0, 2]), rand(4), None, 4)
    assert data.Y.shape[-1] == 4
    assert data.num_observed.tolist() == [2, 0, 2, 0]


@pytest.mark.parametrize("form", ["wide", "long"])
def test_order_of_equal_observations_of_different_variance_is_irrelevant(form):
    X, Y = tensor([0.5], [0.5], [0.1]), tensor([1.0], [1.0], [2.0])
    Yvar = tensor([0.3], [0.1], [0.2])
    order = torch.tensor([1, 0, 2])

    def make(X, Y, Yvar) -> TaskData:
        if form == "wide":
            return TaskData.from_wide(X, Y, Yvar)
        return TaskData.from_long(X, torch.zeros(3).long(), Y[:, 0], Yvar[:, 0], 1)

    assert_same(make(X, Y, Yvar), make(X[order], Y[order], Yvar[order]))


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
def test_rows_are_a_choice(noisy):
    Yvar = rand(6, 2, seed=2) if noisy else None
    data = TaskData.from_wide(rand(6, 2), rand(6, 2, seed=1), Yvar)
    index = torch.tensor([4, 0])
    expected = TaskData(data.X[index], data.Y[index], data.Yvar[index] if noisy else None)
    assert_same(data.rows(index), expected)


def test_variance_is_that_of_the_observed_targets():
    Y = tensor([1.0, NAN, 5.0, NAN], [2.0, 8.0, 5.0, NAN], [6.0, NAN, 5.0, NAN])
    variance = TaskData(rand(3, 1), Y, None).variance
    # One target, equal targets and no target say nothing; the task that says something stands in.
    torch.testing.assert_close(variance, torch.full((4,), 7.0, dtype=torch.double))
    both = TaskData(rand(3, 1), torch.cat([Y[:, :1], 2 * Y[:, :1], Y[:, 1:2]], dim=-1), None)
    torch.testing.assert_close(both.variance, tensor(7.0, 28.0, 17.5))
    # Seven times 0.1 have a mean that is not quite 0.1.
    constant = TaskData(rand(7, 1), torch.full((7, 2), 0.1, dtype=torch.double), None)
    torch.testing.assert_close(constant.variance, tensor(1.0, 1.0))


def test_minus_zero_is_zero():
    X = tensor([0.0, 0.2], [-0.0, 0.1])
    data = TaskData.from_long(X, torch.tensor([0, 1]), tensor(1.0, 2.0), None, 2)
    assert_same(
        data, TaskData(tensor([0.0, 0.1], [0.0, 0.2]), tensor([NAN, 2.0], [1.0, NAN]), None)
    )


@pytest.mark.parametrize("missing", ["raise", "mask"])
def test_good_data_are_accepted(missing):
    X, Y, Yvar = rand(5, 2), rand(5, 2), torch.zeros(5, 2, dtype=torch.double)
    check_training_data(X, Y, Yvar, missing=missing, long_format=False)
    check_training_data(X, Y[:, :1], None, missing=missing, long_format=True)


def test_nan_is_accepted_where_it_is_announced():
    Y = tensor([1.0, NAN], [NAN, 2.0], [3.0, NAN])
    Yvar = tensor([0.1, NAN], [NAN, NAN], [NAN, 0.2])
    check_training_data(rand(3, 2), Y, Yvar, missing="mask", long_format=False)


GOOD = {"X": rand(4, 2), "Y": rand(4, 2), "Yvar": None, "missing": "raise", "long_format": False}
SHAPES = {
    "X-1d": ({"X": rand(4)}, r"train_X to be 2-dimensional, got shape \(4,\)"),
    "Y-1d": ({"Y": rand(4)}, r"train_Y to be 2-dimensional, got shape \(4,\)"),
    "X-3d": ({"X": rand(1, 4, 2)}, r"train_X to be 2-dimensional, got shape \(1, 4, 2\)"),
    "rows": ({"Y": rand(3, 2)}, "same number of rows, got 4 and 3"),
    "no-inputs": ({"X": rand(4, 0)}, "at least one column"),
    "no-targets": ({"Y": rand(4, 0)}, "at least one column"),
    "long-Y": ({"long_format": True}, r"n x 1 with a task_feature, got \(4, 2\)"),
    "Yvar": ({"Yvar": rand(4, 1)}, r"train_Yvar of the shape of train_Y, \(4, 2\), got \(4, 1\)"),
}
VALUES = {
    "dtype-Y": ({"Y": rand(4, 2).float()}, "share one dtype, got .*float32"),
    "dtype-Yvar": ({"Yvar": rand(4, 2).float()}, "share one dtype, got .*float32"),
    "device": ({"Y": torch.empty(4, 2, dtype=torch.double, device="meta")}, "share one device"),
    "integers": ({"X": torch.ones(4, 2).int(), "Y": torch.ones(4, 2).int()}, "got torch.int32"),
    "half": ({"X": rand(4, 2).half(), "Y": rand(4, 2).half()}, "double precision, got .*float16"),
    "array": ({"X": rand(4, 2).numpy()}, "train_X to be a tensor, got ndarray"),
    "list": ({"Y": [[1.0, 2.0]] * 4}, "train_Y to be a tensor, got list"),
    "X-nan": ({"X": tensor([NAN, 0], [0, 0], [0, NAN], [0, 0])}, "finite train_X, got 2 entr"),
    "X-inf": ({"X": tensor([INF, 0], [0, 0], [0, 0], [0, 0])}, "finite train_X, got 1 entr"),
    "Y-inf": ({"Y": tensor([-INF, 0], [0, INF], [0, 0], [0, 0])}, "finite train_Y, got 2"),
    "Y-inf-masked": (
        {"Y": tensor([INF, 0], [0, NAN], [0, 0], [0, 0]), "missing": "mask"},
        "finite train_Y, got 1",
    ),
    "Y-nan": ({"Y": tensor([NAN, 0], [0, 0], [0, 0], [0, 0])}, "no NaN in train_Y, got 1.*'mask'"),
    "Yvar-negative": ({"Yvar": rand(4, 2) - 1.0}, "non-negative, finite train_Yvar"),
    "Yvar-inf": ({"Yvar": torch.full((4, 2), INF).double()}, "non-negative, finite train_Yvar"),
    "Yvar-nan": ({"Yvar": torch.full((4, 2), NAN).double()}, "no NaN in train_Yvar, got 8"),
    "one-row": ({"X": rand(1, 2), "Y": rand(1, 1)}, "at least 2 observations, got 1"),
    "no-row": ({"X": rand(0, 2), "Y": rand(0, 2)}, "at least 2 observations, got 0"),
    "only-one": (
        {"X": rand(2, 2), "Y": tensor([1.0, NAN], [NAN, NAN]), "missing": "mask"},
        "at least 2 observations, got 1",
    ),
}


@pytest.mark.parametrize(("change", "message"), SHAPES.values(), ids=SHAPES.keys())
def test_wrong_shapes_are_refused(change, message):
    arguments = {**GOOD, **change}
    with pytest.raises(BotorchTensorDimensionError, match=message):
        check_training_data(
            arguments.pop("X"), arguments.pop("Y"), arguments.pop("Yvar"), **arguments
        )


@pytest.mark.parametrize(("change", "message"), VALUES.values(), ids=VALUES.keys())
def test_wrong_values_are_refused(change, message):
    arguments = {**GOOD, **change}
    with pytest.raises(InputDataError, match=message):
        check_training_data(
            arguments.pop("X"), arguments.pop("Y"), arguments.pop("Yvar"), **arguments
        )

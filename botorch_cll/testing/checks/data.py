"""Training data: invariances, missing values, formats, known noise and difficult data."""

import math

import torch
from botorch.models.model import Model
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset
from torch import Tensor

from botorch_cll.testing.asserts import (
    assert_close,
    assert_same_bits,
    assert_same_fit,
    assert_sound,
)
from botorch_cll.testing.subject import NUM_INPUTS, NUM_TASKS, Subject, own_random_state, uniform


def _assert_usable(model: Model, X: Tensor, num_outputs: int = NUM_TASKS) -> None:
    shape = torch.Size([*X.shape[:-1], num_outputs])
    assert_sound(model.posterior(X), shape)
    assert_sound(model.posterior(X, observation_noise=True), shape, "the posterior with noise")


def inputs_may_be_scaled_and_shifted(s: Subject) -> None:
    """Other units of the inputs give the same predictions."""
    scale, shift = torch.tensor([7.0, 0.05]).double(), torch.tensor([100.0, -2.0]).double()
    found = s.moments(s.fit(shift + scale * s.X), shift + scale * s.test_X)
    assert_same_fit(found, s.moments(), "moments in other units of X")


def targets_may_be_scaled_and_shifted(s: Subject) -> None:
    """Other units of each task's targets give the same predictions in those units."""
    scale, shift = torch.tensor([300.0, 0.02]).double(), torch.tensor([-500.0, 3.0]).double()
    mean, variance = s.moments(s.fit(Y=shift + scale * s.Y))
    found = torch.stack([(mean - shift) / scale, variance / scale.square()])
    assert_same_fit(found, s.moments(), "moments in other units of Y")


def rows_may_be_permuted(s: Subject) -> None:
    """The order of the training rows does not matter."""
    order = torch.randperm(len(s.X), generator=torch.Generator().manual_seed(9))
    model = s.fit(s.X[order], s.Y[order])
    assert_same_fit(s.moments(model), s.moments(), "moments for permuted rows")


def tasks_may_be_permuted(s: Subject) -> None:
    """The order of the tasks does not matter, beyond chance in the fit."""
    X = uniform(32, NUM_INPUTS, seed=9)
    mean, variance = s.moments(X=X)
    found = s.moments(s.fit(Y=s.Y.flip(-1)), X)[0].flip(-1)
    error = ((found - mean).abs() / variance.sqrt()).mean().item()
    assert error < 0.5, f"Expected the same means, they are {error:.2f} deviations off on average."


def masked_row_is_a_deleted_row(s: Subject) -> None:
    """With `missing="mask"` a row of NaN does what leaving it out does."""
    Y = s.Y.clone()
    Y[5, 0] = math.nan
    shorter = torch.cat([Y[:3], Y[4:]])
    expected = s.moments(s.fit(torch.cat([s.X[:3], s.X[4:]]), shorter, missing="mask"))
    Y[3] = math.nan
    found = s.moments(s.fit(Y=Y, missing="mask"))
    assert_same_fit(found, expected, "moments with a masked row")


def masked_entry_is_an_observation_less(s: Subject) -> None:
    """With `missing="mask"` a NaN does what leaving that observation out of long data does."""
    Y = s.Y.clone()
    Y[:4, 1] = math.nan
    found = s.moments(s.fit(Y=Y, missing="mask"))
    X_long, Y_long = s.long_data
    seen = ~Y.T.reshape(-1).isnan()
    model = s.fit(X_long[seen], Y_long[seen], task_feature=NUM_INPUTS)
    assert_same_fit(found, s.moments(model), "moments with masked entries")


def long_data_do_what_wide_data_do(s: Subject) -> None:
    """With a `task_feature` one row per observation gives the same model as a column per task."""
    model = s.fit(*s.long_data, task_feature=NUM_INPUTS)
    assert_same_fit(s.moments(model), s.moments(), "moments for long data")


def output_tasks_choose_outputs(s: Subject) -> None:
    """`output_tasks` says which tasks of long data are outputs, in which order."""
    everything = s.moments(s.fit(*s.long_data, task_feature=NUM_INPUTS))
    for tasks in ([1], [1, 0]):
        model = s.fit(*s.long_data, task_feature=NUM_INPUTS, output_tasks=tasks)
        what = f"moments of output_tasks={tasks}"
        assert_same_fit(s.moments(model), everything[..., tasks], what)


def all_tasks_may_have_no_data(s: Subject) -> None:
    """`all_tasks` may name a task without data: it is an output, and finite."""
    model = s.fit(*s.long_data, task_feature=NUM_INPUTS, all_tasks=[0, 1, 2])
    _assert_usable(model, s.test_X, num_outputs=3)


def train_Yvar_is_used(s: Subject) -> None:  # noqa: N802
    """Known noise variances are taken, and larger ones make the fit less sure of itself."""
    variances = []
    for noise in (1e-4, 1.0):
        model = s.fit(train_Yvar=torch.full_like(s.Y, noise))
        _assert_usable(model, s.test_X)
        variances.append(s.moments(model, s.X, observation_noise=True)[1].mean())
    small, large = variances
    assert large > small, f"Expected more variance with more noise, got {large:g} <= {small:g}."


def train_Yvar_may_be_zero(s: Subject) -> None:  # noqa: N802
    """Known noise variances may be zero."""
    _assert_usable(s.fit(train_Yvar=torch.zeros_like(s.Y)), s.test_X)


def train_Yvar_may_be_partly_known(s: Subject) -> None:  # noqa: N802
    """With `missing="mask"` a NaN in `train_Yvar` is a noise variance to be inferred."""
    Yvar = torch.full_like(s.Y, 0.01)
    Yvar[::2] = math.nan
    _assert_usable(s.fit(train_Yvar=Yvar, missing="mask"), s.test_X)


def task_with_one_observation(s: Subject) -> None:
    """With `missing="mask"` a task may have a single observation."""
    Y = s.Y.clone()
    Y[1:, 1] = math.nan
    _assert_usable(s.fit(Y=Y, missing="mask"), s.test_X)


def task_without_observations(s: Subject) -> None:
    """With `missing="mask"` a task may have no observation at all."""
    Y = s.Y.clone()
    Y[:, 1] = math.nan
    _assert_usable(s.fit(Y=Y, missing="mask"), s.test_X)


def one_member(s: Subject) -> None:
    """An ensemble of one member has a finite variance, not NaN."""
    _assert_usable(s.fit(num_restarts=1), s.test_X)


def two_rows(s: Subject) -> None:
    """Two rows of data are enough for a fit."""
    _assert_usable(s.fit(s.X[:2], s.Y[:2]), s.test_X)


def constant_targets(s: Subject) -> None:
    """Targets that are all the same give finite predictions near that value."""
    model = s.fit(Y=torch.full_like(s.Y, 3.0))
    _assert_usable(model, s.test_X)
    mean = s.moments(model)[0]
    assert_close(mean, torch.full_like(mean, 3.0), "the mean of constant targets", 0.0, 0.1)


def duplicate_rows(s: Subject) -> None:
    """Rows may occur more than once, with the same and with other targets."""
    X, Y = torch.cat([s.X, s.X[:6]]), torch.cat([s.Y, s.Y[:3], s.Y[3:6] + 0.1])
    _assert_usable(s.fit(X, Y), s.test_X)
    _assert_usable(s.fit(X, Y), X)


def training_data_are_not_modified(s: Subject) -> None:
    """Fit and posterior leave the tensors that they are given as they are."""
    X, Y, test_X = s.X.clone(), s.Y.clone(), s.test_X.clone()
    with own_random_state():
        s.moments(s.factory(X, Y), test_X)
    assert_same_bits(X, s.X, "train_X after the fit")
    assert_same_bits(Y, s.Y, "train_Y after the fit")
    assert_same_bits(test_X, s.test_X, "X after the posterior")


def training_data_are_not_aliased(s: Subject) -> None:
    """Changing the training tensors in place after the fit changes nothing."""
    X, Y = s.X.clone(), s.Y.clone()
    with own_random_state():
        model = s.factory(X, Y)
    X.mul_(2.0)
    Y.add_(100.0)
    assert_close(s.moments(model), s.moments(), "moments after changing the data", 1e-6, 1e-8)


def _data_set(X: Tensor, Y: Tensor, names: list[str]) -> SupervisedDataset:
    return SupervisedDataset(X, Y, feature_names=["x0", "x1"], outcome_names=names)


def _assert_constructs(
    model_class: type[Model], data: SupervisedDataset, **options: object
) -> None:
    model = model_class(**model_class.construct_inputs(data, **options))
    assert model.num_outputs == NUM_TASKS, f"Expected 2 outputs, got {model.num_outputs}."


def construct_inputs(s: Subject) -> None:
    """`construct_inputs` turns a `SupervisedDataset` into arguments of the model's class."""
    _assert_constructs(type(s.model), _data_set(s.X, s.Y, ["a", "b"]))


def construct_inputs_of_several_tasks(s: Subject) -> None:
    """`construct_inputs` turns a `MultiTaskDataset` into arguments of the model's class."""
    model_class = type(s.fit(*s.long_data, task_feature=NUM_INPUTS))
    first = _data_set(s.X, s.Y[:, :1], ["a"])
    second = _data_set(uniform(5, NUM_INPUTS, seed=8), s.Y[:5, 1:], ["b"])
    data = MultiTaskDataset([first, second], target_outcome_name="a")
    _assert_constructs(model_class, data, task_feature=NUM_INPUTS, output_tasks=[0, 1])

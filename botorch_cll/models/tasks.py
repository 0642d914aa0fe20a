"""Which tasks there are, which are outputs, and where long data keep the task of a row."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from botorch.exceptions import BotorchTensorDimensionError, InputDataError, UnsupportedError
from torch import Tensor


def whole_number(name: str, value: Any) -> int:
    """A number given by a user as Python's integer, whatever library it comes from."""
    try:
        number = int(value)
        if bool(number == value):
            return number
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    raise UnsupportedError(f"Expected a whole number for {name}, got {value!r}.")


def whole_numbers(name: str, values: Iterable[Any]) -> list[int]:
    """Numbers given by a user in a list, tensor or array as a list of Python's integers."""
    try:
        return [whole_number(name, value) for value in values]
    except TypeError as error:
        message = f"Expected {name} as a list of whole numbers, got {values!r}."
        raise UnsupportedError(message) from error


@dataclass(frozen=True)
class TaskLayout:
    """The tasks of a model and how its inputs name them."""

    values: tuple[int, ...]  #: task values, ascending; in the wide format columns of the targets
    outputs: tuple[int, ...]  #: positions in `values` of the outputs
    feature: int | None = None  #: the column of the inputs with the task, `None` if wide

    @classmethod
    def of(
        cls,
        X: Tensor,
        Y: Tensor,
        feature: int | None,
        output_tasks: list[int] | None,
        all_tasks: list[int] | None,
    ) -> Self:
        """The layout of training data, wide if `feature` is `None`; see `RBFEnsembleModel`."""
        if feature is None:
            if output_tasks is not None or all_tasks is not None:
                raise UnsupportedError(
                    "output_tasks and all_tasks need a task_feature; in the wide format choose "
                    "outputs with subset_output."
                )
            columns = tuple(range(Y.shape[-1]))
            return cls(columns, columns)
        width, feature = X.shape[-1], whole_number("task_feature", feature)
        if not -width <= feature < width:
            raise UnsupportedError(
                f"Expected task_feature between {-width} and {width - 1}, got {feature}."
            )
        if width < 2:
            message = "Expected at least one input beside the task column, got none."
            raise BotorchTensorDimensionError(message)
        column = X[:, feature]
        if bool((column != column.round()).any()):
            raise InputDataError("Expected whole numbers in the task column, got fractions.")
        found = sorted({int(value) for value in column.unique().tolist()})
        values = found if all_tasks is None else sorted(set(whole_numbers("all_tasks", all_tasks)))
        if not set(found) <= set(values):
            raise UnsupportedError(
                f"Expected all_tasks to contain every task in train_X, {found}, got {values}."
            )
        chosen = values if output_tasks is None else whole_numbers("output_tasks", output_tasks)
        if not chosen or not set(chosen) <= set(values):
            raise UnsupportedError(f"Expected output_tasks among {values}, got {chosen}.")
        return cls(tuple(values), tuple(values.index(task) for task in chosen), feature % width)

    def subset(self, indices: list[int] | None) -> Self:
        """The layout with the outputs of some indices, all if `None`."""
        if indices is None:
            return self
        size, indices = len(self.outputs), whole_numbers("indices of outputs", indices)
        if not indices or any(not -size <= i < size for i in indices):
            raise UnsupportedError(f"Expected indices of {size} outputs, got {indices}.")
        return self.with_outputs([self.outputs[i] for i in indices])

    def with_outputs(self, outputs: list[int]) -> Self:
        """The layout with the given positions in `values` as outputs."""
        return replace(self, outputs=tuple(outputs))

    def without_task(self, X: Tensor) -> Tensor:
        """Inputs without the task column, which they have in the long format."""
        if self.feature is None:
            return X
        return torch.cat([X[..., : self.feature], X[..., self.feature + 1 :]], dim=-1)

    def with_task(self, X: Tensor, task: int) -> Tensor:
        """Inputs with a task column, in the long format: all of one task."""
        if self.feature is None:
            return X
        column = X.new_full((*X.shape[:-1], 1), float(task))
        return torch.cat([X[..., : self.feature], column, X[..., self.feature :]], dim=-1)

    def by_task(self, values: Tensor, task: Tensor | None) -> Tensor:
        """Spread values of outputs, or of a row's own task, over `T` columns, NaN for others."""
        num_tasks = len(self.values)
        if task is None and self.outputs == tuple(range(num_tasks)):
            return values
        columns = values.new_full((*values.shape[:-1], num_tasks), torch.nan)
        if task is None:
            columns[..., list(self.outputs)] = values
            return columns
        return columns.scatter(-1, task.unsqueeze(-1).expand_as(values), values)

    def index(self, X: Tensor) -> Tensor:
        """Positions in `values` of the tasks in the task column of `X`."""
        task = X[..., self.feature]
        values = torch.tensor(self.values, device=X.device)
        index = torch.searchsorted(values, task.long().contiguous()).clamp(max=len(values) - 1)
        if bool((values[index] != task).any()):
            found = sorted(task.unique().tolist())
            raise InputDataError(f"Expected tasks among {list(self.values)}, got {found}.")
        return index

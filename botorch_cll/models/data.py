"""Training data as the models see it: rows in canonical order, one column per task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from torch import Tensor


@dataclass(frozen=True)
class TaskData:
    """Observations of `T` tasks at `n` distinct rows, in an order that does not depend on theirs.

    Rows are sorted, and observations of different tasks at the same point share a row. The wide
    and the long form of the same observations therefore give the same `TaskData`, and so do a
    masked entry and one that is left out.

    Attributes:
        X: A `n x d`-dim tensor of inputs.
        Y: A `n x T`-dim tensor of targets, NaN where a task was not observed.
        Yvar: A `n x T`-dim tensor of observation noise variances, NaN where they are not known;
            `None` if none is known.
        row: A `N`-dim tensor: the row of each of the `N` observations, in the order they were
            given in (of wide data: row by row); `None` for a choice of rows.
    """

    X: Tensor
    Y: Tensor
    Yvar: Tensor | None
    row: Tensor | None = None

    @property
    def observed(self) -> Tensor:
        """A `n x T`-dim boolean tensor: which task was observed in which row."""
        return ~self.Y.isnan()

    @property
    def num_observed(self) -> Tensor:
        """A `T`-dim tensor: how many observations each task has."""
        return self.observed.sum(0)

    @property
    def varies(self) -> Tensor:
        """A `T`-dim boolean tensor: which tasks have two distinct targets at least."""
        return self.Y.nan_to_num(-torch.inf).amax(0) > self.Y.nan_to_num(torch.inf).amin(0)

    @property
    def variance(self) -> Tensor:
        """A `T`-dim tensor: the variance of each task's targets.

        Where a task has fewer than two distinct targets it is the mean over the others, or one.
        """
        deviation = (self.Y - self.Y.nanmean(0)).square().nansum(0)
        variance = deviation / (self.num_observed - 1).clamp_min(1)
        # Deviations from the mean of equal targets are rounding errors.
        known = self.varies & (variance > 0)
        usual = variance[known].mean() if bool(known.any()) else torch.ones_like(variance[0])
        return torch.where(known, variance, usual)

    def fingerprint(self) -> Tensor:
        """A number that tells these observations from others, a tensor of one `int64`.

        It is the same in single and in double precision.
        """
        values = torch.cat([self.X, self.Y], dim=-1).float().cpu().numpy()
        digest = hashlib.blake2b(values.tobytes(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        return torch.tensor(number, device=self.X.device)

    def rows(self, index: Tensor) -> TaskData:
        """The data of some rows."""
        Yvar = None if self.Yvar is None else self.Yvar[index]
        return TaskData(X=self.X[index], Y=self.Y[index], Yvar=Yvar)

    @classmethod
    def from_wide(cls, X: Tensor, Y: Tensor, Yvar: Tensor | None) -> TaskData:
        """From one row per point and one column per task.

        Args:
            X: A `n x d`-dim tensor.
            Y: A `n x T`-dim tensor, NaN where a task was not observed.
            Yvar: A `n x T`-dim tensor or `None`.

        Returns:
            The data.
        """
        row, task = (~Y.isnan()).nonzero(as_tuple=True)
        noise = None if Yvar is None else Yvar[row, task]
        return cls.from_long(X[row], task, Y[row, task], noise, Y.shape[-1])

    @classmethod
    def from_long(
        cls, X: Tensor, task: Tensor, Y: Tensor, Yvar: Tensor | None, num_tasks: int
    ) -> TaskData:
        """From one row per observation.

        Args:
            X: A `N x d`-dim tensor of inputs without the task column.
            task: A `N`-dim tensor of task indices, `0` to `num_tasks - 1`.
            Y: A `N`-dim tensor of observed targets.
            Yvar: A `N`-dim tensor of noise variances, NaN where unknown, or `None`.
            num_tasks: The number `T` of tasks.

        Returns:
            The data. The `k`-th observation of a task at a point shares a row with the `k`-th
            observations of the other tasks there.
        """
        x, t = X.detach().cpu().numpy(), task.cpu().numpy()
        targets = (
            [Y.detach().cpu().numpy()] if Yvar is None else [Yvar.cpu().numpy(), Y.cpu().numpy()]
        )
        order = np.lexsort((*targets, t, *x.T[::-1]))
        x, t = x[order], t[order]
        new_point = np.ones(len(x), dtype=bool)
        new_point[1:] = (x[1:] != x[:-1]).any(1)
        new_run = new_point.copy()
        new_run[1:] |= t[1:] != t[:-1]
        position = np.arange(len(x))
        repeat = position - np.maximum.accumulate(np.where(new_run, position, 0))
        point = np.cumsum(new_point) - 1
        _, first, row = np.unique(
            point * (repeat.max(initial=0) + 1) + repeat, return_index=True, return_inverse=True
        )
        index = torch.from_numpy(order).to(X.device)
        rows = torch.from_numpy(row.reshape(-1)).to(X.device)
        columns = task[index].long()

        def wide(values: Tensor) -> Tensor:
            table = values.new_full((len(first), num_tasks), float("nan"))
            table[rows, columns] = values[index]
            return table

        first_index = index[torch.from_numpy(first).to(X.device)]
        return cls(
            X=X[first_index],
            Y=wide(Y),
            Yvar=None if Yvar is None else wide(Yvar),
            row=torch.empty_like(rows).scatter_(0, index, rows),
        )


def check_training_data(
    X: Tensor, Y: Tensor, Yvar: Tensor | None, *, missing: str, long_format: bool
) -> None:
    """Refuse training data that no fit can make sense of, before any work is done.

    Args:
        X: A `n x d`-dim tensor of inputs.
        Y: A `n x m`-dim tensor of targets.
        Yvar: A `n x m`-dim tensor of noise variances or `None`.
        missing: `"raise"` or `"mask"`: whether NaN in `Y` and `Yvar` are allowed.
        long_format: Whether `Y` has to have one column.

    Raises:
        BotorchTensorDimensionError: If a shape is not as above.
        InputDataError: If these are no tensors, dtypes or devices differ, an entry is NaN or
            infinite where it must not be, a variance is negative, or there are fewer than two
            observations.
    """
    tensors = {"train_X": X, "train_Y": Y} | ({} if Yvar is None else {"train_Yvar": Yvar})
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise InputDataError(f"Expected {name} to be a tensor, got {type(tensor).__name__}.")
        if tensor.ndim != 2:
            raise BotorchTensorDimensionError(
                f"Expected {name} to be 2-dimensional, got shape {tuple(tensor.shape)}. "
                "An explicit output dimension is required; batches of models are not supported."
            )
    if X.shape[0] != Y.shape[0]:
        raise BotorchTensorDimensionError(
            "Expected train_X and train_Y to have the same number of rows, got "
            f"{X.shape[0]} and {Y.shape[0]}."
        )
    if X.shape[1] == 0 or Y.shape[1] == 0:
        raise BotorchTensorDimensionError(
            "Expected at least one column in train_X and train_Y, got shapes "
            f"{tuple(X.shape)} and {tuple(Y.shape)}."
        )
    if long_format and Y.shape[1] != 1:
        raise BotorchTensorDimensionError(
            f"Expected train_Y of shape n x 1 with a task_feature, got {tuple(Y.shape)}."
        )
    if Yvar is not None and Yvar.shape != Y.shape:
        raise BotorchTensorDimensionError(
            f"Expected train_Yvar of the shape of train_Y, {tuple(Y.shape)}, got "
            f"{tuple(Yvar.shape)}."
        )
    for what in ("dtype", "device"):
        found = {name: getattr(tensor, what) for name, tensor in tensors.items()}
        if len(set(found.values())) > 1:
            raise InputDataError(f"Expected all training data to share one {what}, got {found}.")
    if X.dtype not in (torch.float32, torch.float64):
        raise InputDataError(f"Expected a dtype of single or double precision, got {X.dtype}.")
    if not bool(X.isfinite().all()):
        raise InputDataError(
            "Expected finite train_X, got "
            f"{int((~X.isfinite()).sum())} entries that are NaN or infinite."
        )
    if bool(Y.isinf().any()):
        raise InputDataError(f"Expected finite train_Y, got {int(Y.isinf().sum())} infinities.")
    if missing == "raise" and bool(Y.isnan().any()):
        raise InputDataError(
            f"Expected no NaN in train_Y, got {int(Y.isnan().sum())}. Pass missing='mask' if NaN "
            "stands for a task that was not observed at that point."
        )
    if Yvar is not None:
        check_noise("train_Yvar", Yvar)
        if missing == "raise" and bool(Yvar.isnan().any()):
            raise InputDataError(
                f"Expected no NaN in train_Yvar, got {int(Yvar.isnan().sum())}. Pass "
                "missing='mask' if NaN stands for an unknown variance."
            )
    count = int((~Y.isnan()).sum())
    if count < 2:
        raise InputDataError(f"Expected at least 2 observations, got {count}.")


def check_finite(Y: Tensor, missing: Tensor) -> None:
    """Raise an `InputDataError` if a transformed target that is not missing is no finite number.

    Args:
        Y: A tensor of transformed targets.
        missing: A boolean tensor of that shape.

    Raises:
        InputDataError: If it is so.
    """
    broken = ~Y.isfinite() & ~missing
    if bool(broken.any()):
        raise InputDataError(
            "Expected finite targets, also on the scale of the outcome transform, got "
            f"{int(broken.sum())} that are NaN or infinite."
        )


def check_noise(name: str, variance: Tensor) -> None:
    """Raise an `InputDataError` if a noise variance is negative or infinite; NaN may be unknown.

    Args:
        name: What to call it in the message.
        variance: A tensor of noise variances.

    Raises:
        InputDataError: If it is so.
    """
    broken = (variance < 0) | variance.isinf()
    if bool(broken.any()):
        raise InputDataError(
            f"Expected non-negative, finite {name}, got {variance[broken][0].item():g}."
        )

"""Training data as fits see it: rows in canonical order, one column per task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class TaskData:
    """Observations of `T` tasks at `n` distinct rows, in an order that does not depend on theirs.

    Rows are sorted, and observations of different tasks at the same point share a row: wide and
    long form, masked entries and ones left out give the same `TaskData`.
    """

    X: Tensor  #: `n x d`, inputs
    Y: Tensor  #: `n x T`, targets, NaN where a task was not observed
    Yvar: Tensor | None  #: `n x T`, noise variances, NaN where unknown; `None` if all are
    #: The row of each of `N` observations in the order they were given in (of wide data; row by
    #: row); `None` for a choice of rows.
    row: Tensor | None = None

    @property
    def observed(self) -> Tensor:
        """A `n x T`-dim boolean tensor: which task was observed in which row."""
        return ~self.Y.isnan()

    @property
    def num_tasks(self) -> int:
        """The number `T` of tasks."""
        return self.Y.shape[-1]

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
        """The variance of each task's targets; where they are all equal the others' mean, or 1."""
        deviation = (self.Y - self.Y.nanmean(0)).square().nansum(0)
        variance = deviation / (self.num_observed - 1).clamp_min(1)
        # Deviations from the mean of equal targets are rounding errors.
        known = self.varies & (variance > 0)
        usual = variance[known].mean() if bool(known.any()) else torch.ones_like(variance[0])
        return torch.where(known, variance, usual)

    def fingerprint(self) -> Tensor:
        """An `int64` that tells these observations from others, in whatever precision."""
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
        """From one row per point and one column per task, NaN in `Y` where it was not observed."""
        row, task = (~Y.isnan()).nonzero(as_tuple=True)
        noise = None if Yvar is None else Yvar[row, task]
        return cls.from_long(X[row], task, Y[row, task], noise, Y.shape[-1])

    @classmethod
    def from_long(
        cls, X: Tensor, task: Tensor, Y: Tensor, Yvar: Tensor | None, num_tasks: int
    ) -> TaskData:
        """From `N` observations: inputs, task indices, targets and noise variances.

        The `k`-th observations of the tasks at a point share a row.
        """
        x, t = X.detach().cpu().numpy(), task.cpu().numpy()
        noise = [] if Yvar is None else [Yvar.cpu().numpy()]
        order = np.lexsort((*noise, Y.detach().cpu().numpy(), t, *x.T[::-1]))
        x, t = x[order], t[order]
        new_point = np.ones(len(x), dtype=bool)
        new_point[1:] = (x[1:] != x[:-1]).any(1)
        new_run = new_point.copy()
        new_run[1:] |= t[1:] != t[:-1]
        position = np.arange(len(x))
        repeat = position - np.maximum.accumulate(np.where(new_run, position, 0))
        key = (np.cumsum(new_point) - 1) * (repeat.max(initial=0) + 1) + repeat
        _, first, row = np.unique(key, return_index=True, return_inverse=True)
        index = torch.from_numpy(order).to(X.device)
        rows = torch.from_numpy(row.reshape(-1)).to(X.device)
        columns = task[index].long()

        def wide(values: Tensor) -> Tensor:
            table = values.new_full((len(first), num_tasks), float("nan"))
            table[rows, columns] = values[index]
            return table

        inputs = X[index[torch.from_numpy(first).to(X.device)]]
        given = torch.empty_like(rows).scatter_(0, index, rows)
        return cls(inputs, wide(Y), None if Yvar is None else wide(Yvar), given)

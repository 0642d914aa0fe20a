"""The rows of each task in blocks of equal length, and how much each of them weighs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from botorch_cll.data.task_data import TaskData
from botorch_cll.settings import NETWORK

MAX_ELEMENTS = 1_500_000  #: values held at a time where memory must not grow with the rows


@dataclass(frozen=True)
class TaskBlocks:
    """The rows of groups of tasks, padded to one length: `G` groups of `m` tasks each.

    Tasks that were all observed in the same rows form one group, so that their features and normal
    equations are computed once; otherwise every task is a group of its own.
    """

    index: Tensor  #: `G x b`, row numbers
    Y: Tensor  #: `G x b x m`, targets
    weight: Tensor  #: `G x b`, row weights, zero for padding

    @classmethod
    def from_data(cls, data: TaskData, per_task: bool) -> TaskBlocks:
        """All rows, weighed by known noise; with `per_task` every task is a group of its own."""
        observed = data.observed
        if bool(observed.all()) and data.Yvar is None and not per_task:
            index = torch.arange(len(data.X), device=data.X.device).unsqueeze(0)
            return cls(index=index, Y=data.Y.unsqueeze(0), weight=torch.ones_like(index).to(data.X))
        # Sort each task's observed rows to the front; what follows is padding.
        length = int(observed.sum(0).max())
        index = (~observed).to(torch.uint8).sort(dim=0, stable=True).indices[:length].T
        mask = observed.T.gather(1, index)
        Y = data.Y.nan_to_num(0.0).T.gather(1, index).unsqueeze(-1)
        weight = noise_weights(data).T.gather(1, index) * mask
        return cls(index=index, Y=Y, weight=weight)

    @classmethod
    def of_rows(cls, data: TaskData, rows: Tensor) -> TaskBlocks:
        """Rows of given numbers, for all tasks; of weight zero where a task was not observed."""
        Y, weight = data.Y[rows].nan_to_num(0.0), (noise_weights(data) * data.observed)[rows].T
        if bool((weight == weight[:1]).all()):
            return cls(index=rows.unsqueeze(0), Y=Y.unsqueeze(0), weight=weight[:1])
        return cls(index=rows.expand(len(weight), -1), Y=Y.T.unsqueeze(-1), weight=weight)

    def sample(self, most: int, generator: torch.Generator) -> TaskBlocks:
        """A random choice of at most `most` rows of every group, shared where groups share rows."""
        if self.index.shape[1] <= most:
            return self
        key = torch.rand(int(self.index.max()) + 1, generator=generator, dtype=torch.double)
        key = key.to(self.index.device)[self.index].where(self.weight > 0, 2.0)
        chosen = key.topk(most, largest=False).indices.sort(-1).values
        Y = self.Y.gather(1, chosen.unsqueeze(-1).expand(-1, -1, self.Y.shape[-1]))
        return TaskBlocks(self.index.gather(1, chosen), Y, self.weight.gather(1, chosen))

    def per_task(self) -> TaskBlocks:
        """The same rows with every task a group of its own."""
        per_group = self.Y.shape[-1]
        if per_group == 1:
            return self
        index, weight = (x.repeat_interleave(per_group, dim=0) for x in (self.index, self.weight))
        return TaskBlocks(index, self.Y.movedim(-1, 1).flatten(0, 1).unsqueeze(-1), weight)

    def in_bags(self, bags: Tensor, most: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The rows that restarts are fitted to, at most `most` of a restart and task at a time.

        Tasks have to be groups of their own. Of `S x T x n`-dim bags come row numbers, targets and
        weights, `S x T x b`-dim and zero for padding.
        """
        members = (len(bags), -1, -1)
        Y = self.Y.squeeze(-1)
        at_a_time = max(1, MAX_ELEMENTS // bags[..., 0].numel())
        columns = (values.split(at_a_time, dim=-1) for values in (self.index, Y, self.weight))
        for index, targets, row_weight in zip(*columns, strict=True):
            index, targets = index.expand(*members), targets.expand(*members)
            weight = bags.gather(-1, index) * row_weight
            # Restarts keep equal shares, so that little is left of the rows that weigh nothing.
            length = int((weight > 0).sum(-1).max())
            order = (weight == 0).to(torch.uint8).sort(dim=-1, stable=True).indices[..., :length]
            for some in order.split(most, dim=-1):
                yield index.gather(-1, some), targets.gather(-1, some), weight.gather(-1, some)


def noise_weights(data: TaskData) -> Tensor:
    """A `n x T`-dim tensor of row weights: one, or as in `weights_like` where noise is known."""
    return torch.ones_like(data.Y) if data.Yvar is None else weights_like(data, data.Yvar)


def weights_like(data: TaskData, Yvar: Tensor) -> Tensor:
    """Weights `1 / (floor + variance)` of further observations, relative to those of the data.

    The floor, a share of the variance of the task's targets, stands for what the network misses
    even without noise. The mean weight of a task's data is one. A NaN in the `batch_shape x T`-dim
    `Yvar` counts like the mean of the task's known variances.
    """
    known = torch.full_like(data.Y, torch.nan) if data.Yvar is None else data.Yvar
    known = known.where(data.observed, torch.nan)
    usual = known.nanmean(0).nan_to_num(0.0)
    floor = NETWORK.noise_floor * data.variance
    weight = 1.0 / (floor + known.where(~known.isnan(), usual))
    share = (weight * data.observed).sum(0) / data.num_observed.clamp_min(1)
    share = torch.where(data.num_observed > 0, share, 1.0)
    return 1.0 / (floor + Yvar.where(~Yvar.isnan(), usual)) / share

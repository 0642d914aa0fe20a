"""BoTorch's multi-task GP with the metrics of an experiment as its tasks."""

import copy
from typing import Self

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.models import MultiTaskGP
from botorch.models.transforms.input import Normalize
from botorch.models.transforms.outcome import OutcomeTransform
from torch import Tensor

MIN_VARIANCE = 1e-6
"""The least noise variance, in squared standard deviations of a metric, that a GP is given."""


class JointMultiTaskGP(MultiTaskGP):
    """`MultiTaskGP` on wide data: one column of the targets per task, NaN if not observed.

    Noise variances count if they are known for every observation, and are inferred otherwise: the
    likelihood of the GP has no way to use some of them.

    Args:
        train_X: A `n x d`-dim tensor of inputs.
        train_Y: A `n x T`-dim tensor of targets, standardized task by task.
        train_Yvar: A `n x T`-dim tensor of noise variances, NaN if not known.
        bounds: A `2 x d`-dim tensor: the box that is scaled to the unit cube; that of the inputs if
            omitted.
        outcome_transform: Has to be `None`: Ax standardizes each metric.
        rank: The rank of the covariance between the tasks, full by default.

    Raises:
        InputDataError: If a task was never observed.
        UnsupportedError: If there is an outcome transform.
    """

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None = None,
        bounds: Tensor | None = None,
        outcome_transform: OutcomeTransform | None = None,
        rank: int | None = None,
    ) -> None:
        if outcome_transform is not None:
            raise UnsupportedError(
                f"Expected no outcome_transform, got a {type(outcome_transform).__name__}."
            )
        d = train_X.shape[-1]
        row, task = (~train_Y.isnan()).nonzero(as_tuple=True)
        unseen = sorted(set(range(train_Y.shape[-1])) - set(task.tolist()))
        if unseen:
            raise InputDataError(f"Expected observations of every task, got none of {unseen}.")
        noise = None if train_Yvar is None else train_Yvar[row, task].unsqueeze(-1)
        if noise is not None:
            noise = None if bool(noise.isnan().any()) else noise.clamp_min(MIN_VARIANCE)
        if bounds is not None:
            # The task is not scaled; Normalize wants bounds for it all the same.
            bounds = torch.cat([bounds.to(train_X), train_X.new_tensor([[0.0], [1.0]])], dim=-1)
        super().__init__(
            train_X=torch.cat([train_X[row], task.unsqueeze(-1).to(train_X)], dim=-1),
            train_Y=train_Y[row, task].unsqueeze(-1),
            train_Yvar=noise,
            task_feature=d,
            rank=rank,
            outcome_transform=None,
            input_transform=Normalize(d + 1, indices=list(range(d)), bounds=bounds),
        )

    def subset_output(self, idcs: list[int]) -> Self:
        """The model of the outputs `idcs`, in that order; it shares the parameters of this one."""
        subset = copy.copy(self)
        subset._output_tasks = [self._output_tasks[i] for i in idcs]
        subset._num_outputs = len(idcs)
        return subset

"""The paper's baselines: what differs from the ensemble they share with our model."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor

from botorch_cll.models.ensemble import DEFAULT_NUM_RESTARTS, RBFEnsembleModel
from botorch_cll.nn.ridge import EXCLUDED, RidgeSolution, solve_regularized_tasks


class SingleRBFModel(RBFEnsembleModel):
    """One RBF network per task that knows nothing of the others (the paper's Single-RBF).

    Centers, widths and weights of a task come from its own observations alone; only where it has
    fewer of them than centers, these come from the inputs of all. The arguments are those of
    `RBFEnsembleModel`.

    Example:
        >>> model = fit_rbf_ensemble(SingleRBFModel(train_X, train_Y))
    """

    pooling_rows: ClassVar[float] = 0.0
    shares_hidden_layer: ClassVar[bool] = False


class RegularizedMultiTaskRBFModel(RBFEnsembleModel):
    r"""Regularised multi-task learning on RBF features (the paper's RMLA).

    All tasks share centers and widths, and a penalty pulls their weights `w_t = w_0 + v_t` together
    (Evgeniou and Pontil, "Regularized multi-task learning", KDD 2004):

    .. math:: \sum_t \sum_i (y_{ti} - w_t^\top \phi(x_{ti}))^2
        + \frac{\lambda_1}{T} \sum_t \lVert v_t \rVert^2 + \lambda_2 \lVert w_0 \rVert^2

    `λ_1 ≫ λ_2` pools the tasks, `λ_2 ≫ λ_1` separates them.

    Args:
        train_X: As in `RBFEnsembleModel`, like all arguments not named below.
        train_Y: Targets, `n x T`.
        train_Yvar: Known noise variances.
        task_feature: The task column of long data.
        output_tasks: The tasks to output.
        all_tasks: All tasks.
        num_restarts: The number of ensemble members.
        num_centers: The number of centers.
        lambda_1: The penalty `λ_1 > 0` of the tasks' own weights; chosen by leave-one-out with
            centers and widths if `None`.
        lambda_2: The penalty `λ_2 > 0` of the shared weights; likewise.
        missing: Whether NaN in the targets are allowed.
        input_transform: A BoTorch input transform.
        outcome_transform: A BoTorch outcome transform.
        seed: The seed of the fit.

    Raises:
        UnsupportedError: If a penalty is not positive.

    Example:
        >>> model = fit_rbf_ensemble(RegularizedMultiTaskRBFModel(train_X, train_Y))
    """

    pooling_rows: ClassVar[float] = math.inf
    num_ridges: ClassVar[int] = 2
    solves_tasks_jointly: ClassVar[bool] = True

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        num_restarts: int = DEFAULT_NUM_RESTARTS,
        num_centers: int | None = None,
        lambda_1: float | None = None,
        lambda_2: float | None = None,
        missing: str = "raise",
        input_transform: InputTransform | None = None,
        outcome_transform: OutcomeTransform | _DefaultType | None = DEFAULT,
        seed: int = 0,
    ) -> None:
        for name, value in (("lambda_1", lambda_1), ("lambda_2", lambda_2)):
            if value is not None and not (0.0 < value < math.inf):
                raise UnsupportedError(f"Expected {name} to be positive and finite, got {value}.")
        super().__init__(
            train_X=train_X,
            train_Y=train_Y,
            train_Yvar=train_Yvar,
            task_feature=task_feature,
            output_tasks=output_tasks,
            all_tasks=all_tasks,
            num_restarts=num_restarts,
            num_centers=num_centers,
            missing=missing,
            input_transform=input_transform,
            outcome_transform=outcome_transform,
            seed=seed,
        )
        self.lambda_1 = None if lambda_1 is None else float(lambda_1)
        self.lambda_2 = None if lambda_2 is None else float(lambda_2)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        return super().options | {"lambda_1": self.lambda_1, "lambda_2": self.lambda_2}

    def solve_output_weights(
        self, gram: Tensor, moment: Tensor, ridge: Tensor, included: Tensor
    ) -> RidgeSolution:
        """The joint solution of all tasks; `ridge` holds `λ_1` and `λ_2`.

        Args:
            gram: A `batch_shape x G x P x P`-dim tensor: of every task, or of one group of tasks
                that share their rows and weights.
            moment: A `batch_shape x G x P x m`-dim tensor of the `m` tasks of each group.
            ridge: A `batch_shape x T x 2`-dim tensor, the same for all tasks.
            included: A `batch_shape x T x P`-dim boolean tensor of the columns that take part, the
                same for all tasks.

        Returns:
            The solution.
        """
        lambda_1, lambda_2 = ridge[..., 0, :1], ridge[..., 0, 1:]
        if self.lambda_1 is not None:
            lambda_1 = torch.full_like(lambda_1, self.lambda_1)
        if self.lambda_2 is not None:
            lambda_2 = torch.full_like(lambda_2, self.lambda_2)
        included = included[..., 0, :]
        return solve_regularized_tasks(
            gram,
            moment,
            shared_penalty=torch.where(included, lambda_2, EXCLUDED),
            own_penalty=torch.where(included, lambda_1 / self.num_tasks, EXCLUDED),
        )

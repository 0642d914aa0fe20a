"""The paper's baselines: the same ensemble under another coupling."""

import math
from typing import Any

from botorch.exceptions import UnsupportedError
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor

from botorch_cll.couplings import IndependentTasks, SharedWeights
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.settings import NETWORK


class SingleRBFModel(RBFEnsembleModel):
    """One RBF network per task that knows nothing of the others (the paper's Single-RBF).

    Centers, widths and weights of a task come from its own observations alone; only where it has
    fewer of them than centers, these come from the inputs of all. The arguments are those of
    `RBFEnsembleModel`.

    Example:
        >>> model = fit_rbf_ensemble(SingleRBFModel(train_X, train_Y))
    """

    coupling = IndependentTasks(share_hidden_layer=False)


class RegularizedMultiTaskRBFModel(RBFEnsembleModel):
    """Regularised multi-task learning on RBF features (the paper's RMLA).

    All tasks share centers and widths, and a penalty pulls their weights `w_t = w_0 + v_t` together
    (Evgeniou and Pontil, "Regularized multi-task learning", KDD 2004): `λ_1 / T` times the sum of
    all `v_t^2` plus `λ_2` times `w_0^2`. `λ_1 ≫ λ_2` pools the tasks, `λ_2 ≫ λ_1` separates them.
    Arguments not named here are those of `RBFEnsembleModel`.

    Args:
        lambda_1: The penalty `λ_1 > 0` of the tasks' own weights; chosen by leave-one-out with
            centers and widths if `None`.
        lambda_2: The penalty `λ_2 > 0` of the shared weights; likewise.

    Raises:
        UnsupportedError: If a penalty is not positive.

    Example:
        >>> model = fit_rbf_ensemble(RegularizedMultiTaskRBFModel(train_X, train_Y))
    """

    coupling: SharedWeights

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        num_restarts: int = NETWORK.num_restarts,
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
        penalties = (None if value is None else float(value) for value in (lambda_1, lambda_2))
        self.coupling = SharedWeights(*penalties)
        data = (train_X, train_Y, train_Yvar, task_feature, output_tasks, all_tasks)
        size = (num_restarts, num_centers)
        super().__init__(*data, *size, missing, input_transform, outcome_transform, seed)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        coupling = self.coupling
        return super().options | {"lambda_1": coupling.lambda_1, "lambda_2": coupling.lambda_2}

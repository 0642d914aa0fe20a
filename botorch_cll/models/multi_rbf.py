"""The surrogate of the package: RBF networks behind a correlation learning layer."""

from typing import Any

from botorch.exceptions import UnsupportedError
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor

from botorch_cll.couplings import CorrelationLayers, IndependentTasks
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.models.tasks import whole_numbers
from botorch_cll.nn.correlation import ACTIVATIONS
from botorch_cll.settings import NETWORK


class MultiRBFCorrelationModel(RBFEnsembleModel):
    """Multi-task RBF networks with a correlation learning layer, as an ensemble.

    Every restart is one RBF network per task, on centers and widths chosen jointly over the tasks,
    and a layer that mixes the tasks' outputs once more (Xu, Luo, Li and Cao 2023); see `RBFNetwork`
    and `CorrelationLearningLayer`. The layer starts as the identity: unrelated tasks do each other
    no harm. Arguments not named here are those of `RBFEnsembleModel`.

    Args:
        correlation_layers: The widths of the hidden layers of the correlation layer: `()` is one
            linear layer (the paper's MultiRBF+), `(8,)` two layers with LeakyReLU between them (its
            Bay_MRBFCor), `None` no correlation layer at all.
        activation: `"leaky_relu"`, `"tanh"`, `"identity"` or `None` for the default, see
            `CorrelationLearningLayer`.

    Raises:
        UnsupportedError: If these are no such widths or no such activation.

    Example:
        >>> model = fit_rbf_ensemble(MultiRBFCorrelationModel(train_X, train_Y))
        >>> posterior = model.posterior(X)  # batch_shape x q x T
    """

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
        correlation_layers: tuple[int, ...] | None = (),
        activation: str | None = None,
        missing: str = "raise",
        input_transform: InputTransform | None = None,
        outcome_transform: OutcomeTransform | _DefaultType | None = DEFAULT,
        seed: int = 0,
    ) -> None:
        widths = correlation_layers
        if isinstance(widths, tuple):
            widths = tuple(whole_numbers("correlation_layers", widths))
        if widths is not None and not (isinstance(widths, tuple) and min(widths, default=1) > 0):
            raise UnsupportedError(
                "Expected correlation_layers to be a tuple of positive widths or None, got "
                f"{widths!r}."
            )
        if widths is None and activation is not None:
            raise UnsupportedError(
                f"Expected no activation without correlation layers, got {activation!r}."
            )
        if activation is not None and activation not in ACTIVATIONS:
            raise UnsupportedError(
                f"Expected activation in {sorted(ACTIVATIONS)} or None, got {activation!r}."
            )
        self.coupling = IndependentTasks()
        if widths is not None:
            self.coupling = CorrelationLayers(hidden=widths, activation=activation)
        data = (train_X, train_Y, train_Yvar, task_feature, output_tasks, all_tasks)
        size = (num_restarts, num_centers)
        super().__init__(*data, *size, missing, input_transform, outcome_transform, seed)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        of = self.coupling
        hidden, activation = getattr(of, "hidden", None), getattr(of, "activation", None)
        return super().options | {"correlation_layers": hidden, "activation": activation}

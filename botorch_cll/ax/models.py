"""How Ax makes and fits the models: the surrogates by name, their inputs, their fits."""

from typing import Any

from ax.core.search_space import SearchSpaceDigest
from ax.generators.torch.botorch_modular.surrogate import (
    Surrogate,
    _submodel_input_constructor_base,
    submodel_input_constructor,
)
from ax.generators.torch.botorch_modular.utils import (
    ModelConfig,
    fit_botorch_model,
    get_all_task_values_from_ssd,
)
from botorch.exceptions.errors import UnsupportedError
from botorch.models import MultiTaskGP
from botorch.models.model import Model
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset
from gpytorch.mlls import MarginalLogLikelihood

from botorch_cll.ax.multi_task_gp import JointMultiTaskGP
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import RBFEnsembleModel

MODEL_CLASSES: dict[str, type[Model]] = {
    "multi_rbf": MultiRBFCorrelationModel,
    "rmla": RegularizedMultiTaskRBFModel,
    "single_rbf": SingleRBFModel,
    "multi_task_gp": JointMultiTaskGP,
}
"""The surrogates of `make_generation_strategy`."""

TASK_PARAMETER_MODEL_CLASSES = {**MODEL_CLASSES, "multi_task_gp": MultiTaskGP}
"""The surrogates where the values of a parameter are the tasks: data in the long format."""


@submodel_input_constructor.register(RBFEnsembleModel)  # type: ignore[untyped-decorator]
def _ensemble_inputs(
    botorch_model_class: type[Model], search_space_digest: SearchSpaceDigest, **given: Any
) -> dict[str, Any]:
    """The arguments of one of our models, in the long format where there is a task parameter.

    Ax's own constructor drops the task feature of every class that is not a `MultiTaskGP`, and the
    task would pass for an ordinary input.
    """
    inputs = _submodel_input_constructor_base(
        botorch_model_class, search_space_digest=search_space_digest, **given
    )
    for task_feature in search_space_digest.task_features:
        inputs |= {
            "task_feature": task_feature,
            "output_tasks": [int(search_space_digest.target_values[task_feature])],
            "all_tasks": get_all_task_values_from_ssd(search_space_digest),
        }
    # Metrics differ in where and with what noise they are observed.
    inputs["missing"] = "mask"
    if inputs.get("correlation_layers") is not None:
        # Tuples come back from storage as lists.
        inputs["correlation_layers"] = tuple(inputs["correlation_layers"])
    return inputs


@submodel_input_constructor.register(JointMultiTaskGP)  # type: ignore[untyped-decorator]
def _gp_inputs(
    botorch_model_class: type[JointMultiTaskGP],
    model_config: ModelConfig,
    dataset: SupervisedDataset,
    search_space_digest: SearchSpaceDigest,
    surrogate: Surrogate,
) -> dict[str, Any]:
    """The arguments of the multi-task GP over the metrics."""
    if isinstance(dataset, MultiTaskDataset) or search_space_digest.task_features:
        raise UnsupportedError(
            "Expected no task parameter for the multi-task GP over metrics, got one."
        )
    return {
        "train_X": dataset.X,
        "train_Y": dataset.Y,
        "train_Yvar": dataset.Yvar,
        "bounds": dataset.X.new_tensor(search_space_digest.bounds).T,
        **model_config.model_options,
    }


@fit_botorch_model.register(RBFEnsembleModel)  # type: ignore[untyped-decorator]
def _fit_ensemble(
    model: RBFEnsembleModel,
    mll_class: type[MarginalLogLikelihood],
    mll_options: dict[str, Any] | None = None,
) -> None:
    """Fit one of our models, which have no marginal likelihood, by their own procedure."""
    fit_rbf_ensemble(model)

"""What we rely on inside Ax, checked at import.

Most of what `botorch_cll.ax` extends is declared alpha by Ax and may change in any release.
"""

import inspect
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

SUPPORTED_SERIES = "1.3"
SUPPORTED = "ax-platform>=1.3.1,<1.4"

_MODULAR = "ax.generators.torch.botorch_modular"
_NODES = "ax.generation_strategy"

HOOKS: dict[str, str] = {
    f"{_MODULAR}.surrogate:Surrogate.fit": "datasets search_space_digest candidate_metadata "
    "state_dict refit repeat_model_selection_if_dataset_changed",
    f"{_MODULAR}.surrogate:Surrogate.__init__": "surrogate_spec refit_on_cv warm_start_refit "
    "metric_to_best_model_config",
    f"{_MODULAR}.surrogate:Surrogate.clone_reset": "",
    f"{_MODULAR}.surrogate:Surrogate._dataset_matches_cache": "dataset",
    f"{_MODULAR}.surrogate:submodel_input_constructor": "",
    f"{_MODULAR}.surrogate:_submodel_input_constructor_base": "botorch_model_class model_config "
    "dataset search_space_digest surrogate",
    f"{_MODULAR}.acquisition:Acquisition.optimize": "n search_space_digest inequality_constraints "
    "equality_constraints fixed_features rounding_func optimizer_options candidate_set "
    "sampling_strategy",
    f"{_MODULAR}.acquisition:Acquisition._construct_botorch_acquisition": "botorch_acqf_class "
    "botorch_acqf_options model",
    f"{_MODULAR}.acquisition:Acquisition._update_objective_thresholds": "torch_opt_config",
    f"{_MODULAR}.acquisition:Acquisition.evaluate": "X",
    f"{_MODULAR}.utils:fit_botorch_model": "",
    f"{_MODULAR}.utils:validate_candidates": "candidates bounds discrete_choices "
    "inequality_constraints feature_names task_features",
    f"{_MODULAR}.generator:BoTorchGenerator.__init__": "surrogate acquisition_class "
    "acquisition_options botorch_acqf_class refit_on_cv warm_start_refit use_p_feasible",
    "ax.adapter.registry:Generators.BOTORCH_MODULAR": "",
    "ax.adapter.registry:MBM_X_trans": "",
    "ax.adapter.transfer_learning.adapter:TransferLearningAdapter": "",
    "ax.adapter.transforms.one_hot:OH_PARAM_INFIX": "",
    "ax.adapter.torch:TorchAdapter.model_best_point": "optimization_config",
    f"{_NODES}.generation_node:GenerationNode.__init__": "name generator_specs "
    "transition_criteria should_deduplicate suggested_experiment_status",
    f"{_NODES}.generation_node:GenerationNode.gen": "experiment pending_observations",
    f"{_NODES}.generator_spec:GeneratorSpec.__init__": "generator_enum generator_kwargs "
    "generator_gen_kwargs",
    f"{_NODES}.generator_spec:GeneratorSpec.fixed_features": "",
    "ax.storage.json_store.registry:CORE_ENCODER_REGISTRY": "",
    "ax.storage.json_store.registry:CORE_DECODER_REGISTRY": "",
    "ax.storage.json_store.encoders:surrogate_to_dict": "surrogate",
    "ax.storage.botorch_modular_registry:register_model": "model_class",
    "ax.storage.botorch_modular_registry:register_acquisition": "acq_class",
    "ax.api.client:Client.set_generation_strategy": "generation_strategy",
    "ax.api.client:Client._experiment": "",
    "ax.api.client:Client._generation_strategy": "",
    "ax.api.client:Client._to_json_snapshot": "",
}
"""What is imported from Ax, as `module:name`, and the parameters it must have."""


def check_ax() -> None:
    """Check that the installed Ax is one that `botorch_cll.ax` works with.

    Raises:
        ImportError: If Ax is not installed, of another series than 1.3, or lacks something that is
            relied on; names the supported versions and all that is missing.
    """
    try:
        found = version("ax-platform")
    except PackageNotFoundError as error:
        raise ImportError(
            f"botorch_cll.ax needs {SUPPORTED}, found none: pip install 'botorch_cll[ax]'."
        ) from error
    if found.split(".")[:2] != SUPPORTED_SERIES.split("."):
        problems = [f"it is not of the {SUPPORTED_SERIES} series"]
    else:
        problems = [problem for path in HOOKS for problem in _problems(path)]
    if problems:
        raise ImportError(
            f"botorch_cll.ax supports {SUPPORTED}, found ax-platform {found}: "
            f"{'; '.join(problems)}."
        )


def _problems(path: str) -> list[str]:
    """What a hook lacks, as sentences."""
    module, _, name = path.partition(":")
    try:
        hook: Any = import_module(module)
        for part in name.split("."):
            hook = getattr(hook, part)
    except (ImportError, AttributeError):
        return [f"{name} is not in {module}"]
    parameters = inspect.signature(hook).parameters if HOOKS[path] else {}
    missing = [parameter for parameter in HOOKS[path].split() if parameter not in parameters]
    return [f"{name} has no parameters {missing}"] if missing else []

"""A generation strategy in one call."""

from collections.abc import Mapping
from functools import partial
from inspect import signature
from typing import Any, Literal, get_args

import ax.adapter.transfer_learning.adapter  # noqa: F401, registers Generators.BOTL
from ax.adapter.registry import Cont_X_trans, Generators, MBM_X_trans
from ax.adapter.transforms.derelativize import Derelativize
from ax.adapter.transforms.stratified_standardize_y import StratifiedStandardizeY
from ax.adapter.transforms.task_encode import TaskChoiceToIntTaskChoice
from ax.core.experiment_status import ExperimentStatus
from ax.core.observation import ObservationFeatures
from ax.core.trial_status import TrialStatus
from ax.generation_strategy.dispatch_utils import get_derelativize_config
from ax.generation_strategy.generation_node import GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from ax.generation_strategy.transition_criterion import MinTrials
from ax.generators.torch.botorch_modular.surrogate import SurrogateSpec
from ax.generators.torch.botorch_modular.utils import ModelConfig
from botorch.exceptions.errors import UnsupportedError
from botorch.models import MultiTaskGP
from botorch.models.model import Model

from botorch_cll.ax.acquisition import SwarmAcquisition
from botorch_cll.ax.models import MODEL_CLASSES, TASK_PARAMETER_MODEL_CLASSES
from botorch_cll.ax.per_task import PerTaskNode
from botorch_cll.ax.surrogate import JointSurrogate
from botorch_cll.ax.surrogate_node import SurrogateNode
from botorch_cll.ax.target_task import TargetTaskNode

SurrogateName = Literal["multi_rbf", "rmla", "single_rbf", "multi_task_gp"]
AcquisitionName = Literal["log_ei", "log_nei"]

ACQUISITIONS = get_args(AcquisitionName)

MIN_SOBOL = 3
"""The fewest first trials: a model needs two observations, and a fold of them is one less."""

_OPTIMIZER_OPTIONS = {"num_restarts", "options", "raw_samples"}

# What follows from the data or the search space, or is an argument of its own.
_NO_OPTIONS = {
    "train_X", "train_Y", "train_Yvar", "task_feature", "output_tasks", "all_tasks", "bounds",
    "missing", "input_transform", "outcome_transform", "validate_task_values", "seed",
    "mean_module", "covar_module", "likelihood",
}  # fmt: skip


def make_generation_strategy(
    surrogate: SurrogateName = "multi_rbf",
    *,
    per_task: bool = False,
    acquisition: AcquisitionName = "log_ei",
    num_sobol: int = 8,
    seed: int = 0,
    target_task: Mapping[str, str | int] | None = None,
    auxiliary_sources: bool = False,
    model_options: Mapping[str, Any] | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
) -> GenerationStrategy:
    """Make a generation strategy for Ax: a Sobol design first, then one of our surrogates.

    All surrogates are joint models of all metrics of the experiment, tracking metrics included, and
    have the same acquisition functions, optimizer and budget.

    Args:
        surrogate: `"multi_rbf"` is `MultiRBFCorrelationModel`, `"rmla"`
            `RegularizedMultiTaskRBFModel`, `"single_rbf"` `SingleRBFModel` and `"multi_task_gp"`
            BoTorch's `MultiTaskGP` with the metrics as its tasks.
        per_task: Whether each objective is a task with an optimum of its own. Trials are then
            proposed for the tasks in turn, see `PerTaskNode`, and `best_by_task` gives the optima.
            Otherwise several objectives are traded off against each other, as Ax does.
        acquisition: What a single objective is optimized by: `"log_ei"`, the log expected
            improvement over the best observation, or `"log_nei"`, over what the model thinks of
            the observations, for metrics with much noise. Several objectives have Ax's default,
            the noisy expected hypervolume improvement.
        num_sobol: The number of first trials. Half of them, and at least three, have to be
            completed before the model takes over; until then there are more of them. Attached
            trials count.
        seed: The seed of everything random. The same seed and data give the same candidates, also
            after the client was stored and loaded.
        target_task: The task parameter of the experiment (a `ChoiceParameter` with `is_task=True`)
            and the value that candidates are proposed for, such as `{"data_set": "wine"}`. Trials
            of the other values count as observations of other tasks. The experiment has one metric.
        auxiliary_sources: Whether to learn from the experiment's auxiliary experiments, each of
            them another task, by Ax's transfer learning. The experiment has one metric.
        model_options: Further keyword arguments of the model, such as `num_restarts`.
        optimizer_options: `num_restarts`, `raw_samples` and `options` of `optimize_acqf_pso`.

    Returns:
        The generation strategy, for `client.set_generation_strategy`.

    Raises:
        UnsupportedError: If an argument has no meaning here; says what is expected.

    Example:
        >>> client.set_generation_strategy(make_generation_strategy())
        >>> client.get_next_trials(max_trials=1)
    """
    if surrogate not in MODEL_CLASSES:
        raise UnsupportedError(f"Expected surrogate in {list(MODEL_CLASSES)}, got {surrogate!r}.")
    if acquisition not in ACQUISITIONS:
        raise UnsupportedError(f"Expected acquisition in {ACQUISITIONS}, got {acquisition!r}.")
    if not isinstance(num_sobol, int) or num_sobol < MIN_SOBOL:
        raise UnsupportedError(
            f"Expected num_sobol as an integer of at least {MIN_SOBOL}, got {num_sobol!r}."
        )
    if per_task + (target_task is not None) + auxiliary_sources > 1:
        raise UnsupportedError(
            "Expected one of per_task, target_task and auxiliary_sources: each says what the tasks "
            "are."
        )
    if target_task is not None and not isinstance(target_task, Mapping):
        raise UnsupportedError(
            "Expected target_task as the task parameter and its value, such as "
            f'{{"data_set": "wine"}}, got {target_task!r}.'
        )
    is_long = target_task is not None or auxiliary_sources
    model_class = (TASK_PARAMETER_MODEL_CLASSES if is_long else MODEL_CLASSES)[surrogate]
    generator_kwargs = {
        **_model_kwargs(surrogate, model_class, model_options or {}, seed),
        "acquisition_class": SwarmAcquisition,
        "acquisition_options": {
            "criterion": acquisition if acquisition == "log_ei" else None,
            "seed": seed,
        },
        # The acquisition asks itself whether anything is feasible yet.
        "use_p_feasible": False,
        "transform_configs": get_derelativize_config(derelativize_with_raw_status_quo=True),
    }
    _check_names("optimizer_options", optimizer_options or {}, _OPTIMIZER_OPTIONS)
    gen_kwargs = {"model_gen_options": {"optimizer_kwargs": dict(optimizer_options or {})}}
    fixed = {}
    if target_task is not None:
        transforms = [Derelativize, StratifiedStandardizeY, TaskChoiceToIntTaskChoice]
        generator_kwargs["transforms"] = [*MBM_X_trans, *transforms]
        fixed = {"fixed_features": ObservationFeatures(parameters=dict(target_task))}
    spec = GeneratorSpec(
        generator_enum=Generators.BOTL if auxiliary_sources else Generators.BOTORCH_MODULAR,
        generator_kwargs=generator_kwargs,
        generator_gen_kwargs={**gen_kwargs, **fixed},
    )
    node_class = PerTaskNode if per_task else TargetTaskNode if target_task else SurrogateNode
    node = node_class(
        name=surrogate,
        generator_specs=[spec],
        should_deduplicate=True,
        suggested_experiment_status=ExperimentStatus.OPTIMIZATION,
    )
    return GenerationStrategy(
        name=f"Sobol+{surrogate}{' per task' if per_task else ''}",
        nodes=[_sobol_node(num_sobol, seed, surrogate, fixed), node],
    )


def _model_kwargs(
    name: str, model_class: type[Model], options: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """The arguments of Ax's generator that say what the model is and how it is cross-validated."""
    _check_names("model_options", options, {*signature(model_class).parameters} - _NO_OPTIONS)
    is_gp = issubclass(model_class, MultiTaskGP)
    config = ModelConfig(
        botorch_model_class=model_class,
        model_options={**options} if is_gp else {**options, "seed": seed},
        name=name,
    )
    # Hyper-parameters of a GP are kept in cross-validation, as Ax does for its own.
    folds: dict[str, Any] = {"refit_on_cv": not is_gp, "warm_start_refit": is_gp}
    surrogate = JointSurrogate(surrogate_spec=SurrogateSpec(model_configs=[config]), **folds)
    return {"surrogate": surrogate, **folds}


def _check_names(argument: str, options: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted({*options} - known)
    if unknown:
        raise UnsupportedError(f"Expected {argument} among {sorted(known)}, got {unknown}.")


def _sobol_node(
    num_sobol: int, seed: int, next_node: str, gen_kwargs: dict[str, Any]
) -> GenerationNode:
    """The first trials, and more of them if asked for before enough are completed."""
    has_task_parameter = bool(gen_kwargs)
    generator_kwargs: dict[str, Any] = {"seed": seed}
    if has_task_parameter:
        generator_kwargs["transforms"] = [TaskChoiceToIntTaskChoice, *Cont_X_trans]
    spec = GeneratorSpec(
        generator_enum=Generators.SOBOL,
        generator_kwargs=generator_kwargs,
        generator_gen_kwargs=gen_kwargs,
    )
    # Attached trials may be of other tasks than the target.
    count_all = not has_task_parameter
    until = partial(MinTrials, transition_to=next_node, use_all_trials_in_exp=count_all)
    ended, enough = [TrialStatus.FAILED, TrialStatus.ABANDONED], max(MIN_SOBOL, num_sobol // 2)
    node_class = TargetTaskNode if has_task_parameter else GenerationNode
    return node_class(
        name="Sobol",
        generator_specs=[spec],
        transition_criteria=[
            until(threshold=num_sobol, not_in_statuses=ended),
            until(threshold=enough, only_in_statuses=[TrialStatus.COMPLETED]),
        ],
        should_deduplicate=True,
        suggested_experiment_status=ExperimentStatus.INITIALIZATION,
    )

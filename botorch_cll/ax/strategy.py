"""A generation strategy in one call."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, Literal

from ax.adapter.registry import Generators
from ax.core.experiment_status import ExperimentStatus
from ax.core.trial_status import TrialStatus
from ax.generation_strategy.dispatch_utils import get_derelativize_config
from ax.generation_strategy.generation_node import GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from ax.generation_strategy.transition_criterion import MinTrials
from ax.generators.torch.botorch_modular.surrogate import SurrogateSpec
from ax.generators.torch.botorch_modular.utils import ModelConfig
from botorch.exceptions.errors import UnsupportedError

from botorch_cll.ax.acquisition import SwarmAcquisition
from botorch_cll.ax.models import SURROGATES
from botorch_cll.ax.per_task import PerTaskNode
from botorch_cll.ax.surrogate import JointSurrogate

SurrogateName = Literal["multi_rbf", "rmla", "single_rbf", "multi_task_gp"]
AcquisitionName = Literal["log_ei", "log_nei"]

ACQUISITIONS = ("log_ei", "log_nei")

MIN_SOBOL = 3
"""The fewest first trials: a model needs two observations, and a fold of them is one less."""

_MADE_OF_DATA = {
    "train_X", "train_Y", "train_Yvar", "task_feature", "output_tasks", "all_tasks", "bounds",
    "missing", "input_transform", "outcome_transform", "seed", "self",
}  # fmt: skip


def make_generation_strategy(
    surrogate: SurrogateName = "multi_rbf",
    *,
    per_task: bool = False,
    acquisition: AcquisitionName = "log_ei",
    num_sobol: int = 8,
    seed: int = 0,
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
    if surrogate not in SURROGATES:
        raise UnsupportedError(f"Expected surrogate in {list(SURROGATES)}, got {surrogate!r}.")
    if acquisition not in ACQUISITIONS:
        raise UnsupportedError(f"Expected acquisition in {ACQUISITIONS}, got {acquisition!r}.")
    if num_sobol < MIN_SOBOL:
        raise UnsupportedError(f"Expected num_sobol of at least {MIN_SOBOL}, got {num_sobol}.")
    options = _checked_model_options(surrogate, model_options or {})
    refits = surrogate != "multi_task_gp"
    spec = GeneratorSpec(
        generator_enum=Generators.BOTORCH_MODULAR,
        generator_kwargs={
            "surrogate": _joint_surrogate(surrogate, {**options, "seed": seed}, refits),
            "acquisition_class": SwarmAcquisition,
            "acquisition_options": {
                "criterion": "log_ei" if acquisition == "log_ei" else None,
                "seed": seed,
            },
            # Hyper-parameters of a GP are kept in cross-validation, as Ax does for its own.
            "refit_on_cv": refits,
            "warm_start_refit": not refits,
            # The acquisition asks itself whether anything is feasible yet.
            "use_p_feasible": False,
            "transform_configs": get_derelativize_config(derelativize_with_raw_status_quo=True),
        },
        generator_gen_kwargs={
            "model_gen_options": {"optimizer_kwargs": dict(optimizer_options or {})}
        },
    )
    node_class = PerTaskNode if per_task else GenerationNode
    node = node_class(
        name=surrogate,
        generator_specs=[spec],
        should_deduplicate=True,
        suggested_experiment_status=ExperimentStatus.OPTIMIZATION,
    )
    suffix = " per task" if per_task else ""
    return GenerationStrategy(
        name=f"Sobol+{surrogate}{suffix}",
        nodes=[_sobol_node(num_sobol, seed, next_node=surrogate), node],
    )


def _checked_model_options(surrogate: str, options: Mapping[str, Any]) -> dict[str, Any]:
    known = sorted(set(signature(SURROGATES[surrogate].__init__).parameters) - _MADE_OF_DATA)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UnsupportedError(f"Expected model_options among {known}, got {unknown}.")
    return dict(options)


def _joint_surrogate(surrogate: str, options: dict[str, Any], refits: bool) -> JointSurrogate:
    config = ModelConfig(
        botorch_model_class=SURROGATES[surrogate], model_options=options, name=surrogate
    )
    return JointSurrogate(
        surrogate_spec=SurrogateSpec(model_configs=[config]),
        refit_on_cv=refits,
        warm_start_refit=not refits,
    )


def _sobol_node(num_sobol: int, seed: int, next_node: str) -> GenerationNode:
    """The first trials, and more of them if asked for before enough are completed."""
    return GenerationNode(
        name="Sobol",
        generator_specs=[
            GeneratorSpec(generator_enum=Generators.SOBOL, generator_kwargs={"seed": seed})
        ],
        transition_criteria=[
            MinTrials(
                threshold=num_sobol,
                transition_to=next_node,
                use_all_trials_in_exp=True,
                not_in_statuses=[TrialStatus.FAILED, TrialStatus.ABANDONED],
            ),
            MinTrials(
                threshold=max(MIN_SOBOL, num_sobol // 2),
                transition_to=next_node,
                use_all_trials_in_exp=True,
                only_in_statuses=[TrialStatus.COMPLETED],
            ),
        ],
        should_deduplicate=True,
        suggested_experiment_status=ExperimentStatus.INITIALIZATION,
    )

"""The optimum of every task of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose

from ax.adapter.base import Adapter
from ax.adapter.torch import TorchAdapter
from ax.api.client import Client
from ax.core.experiment import Experiment
from ax.core.optimization_config import OptimizationConfig
from ax.core.types import TModelPredictArm, TParameterization
from ax.service.utils.best_point import get_best_by_raw_objective_with_trial_index

from botorch_cll.ax.per_task import task_configs


@dataclass(frozen=True)
class BestArm:
    """An arm and what is known of it.

    Attributes:
        parameters: Its parameters.
        values: Mean and standard error of each metric: observed or predicted ones.
        trial_index: The first trial that has it.
        arm_name: Its name.
    """

    parameters: TParameterization
    values: dict[str, tuple[float, float]]
    trial_index: int
    arm_name: str


@dataclass(frozen=True)
class TaskOptimum:
    """The best arms of one task among those tried.

    Attributes:
        observed: The arm with the best observation; `None` if the task was not observed yet, or
            nowhere with the outcome constraints met.
        predicted: The arm that the model thinks best; `None` as long as there is no model.
    """

    observed: BestArm | None
    predicted: BestArm | None


def best_by_task(client: Client) -> dict[str, TaskOptimum]:
    """Find the best arm of every task, each objective of the experiment being one.

    `Client.get_best_parameterization` refuses experiments with several objectives.

    Args:
        client: A client; its generation strategy usually made with `per_task=True`.

    Returns:
        The optima by name of the metric.

    Raises:
        UserInputError: If the experiment does not have one objective per task.

    Example:
        >>> best_by_task(client)["loss_a"].observed.parameters
    """
    experiment = client._experiment
    configs = task_configs(experiment)
    # Fitted anew, so that the observations of all completed trials count.
    adapter = client._generation_strategy.fit(experiment) if experiment.trials else None
    return {
        task: TaskOptimum(
            observed=_best_observed(experiment, config),
            predicted=_best_predicted(experiment, adapter, config),
        )
        for task, config in configs.items()
    }


def _best_observed(experiment: Experiment, config: OptimizationConfig) -> BestArm | None:
    found = get_best_by_raw_objective_with_trial_index(experiment, optimization_config=config)
    if found is None:
        return None
    _, parameters, values = found
    return _arm(experiment, parameters, values)


def _best_predicted(
    experiment: Experiment, adapter: Adapter | None, config: OptimizationConfig
) -> BestArm | None:
    if not isinstance(adapter, TorchAdapter):
        return None
    found = adapter.model_best_point(optimization_config=config)
    if found is None:
        return None
    arm, predictions = found
    assert predictions is not None
    return _arm(experiment, arm.parameters, predictions)


def _arm(
    experiment: Experiment, parameters: TParameterization, values: TModelPredictArm
) -> BestArm | None:
    """The arm with these parameters, which may have been through transforms and back."""
    means, covariances = values
    assert covariances is not None
    for trial_index, trial in experiment.trials.items():
        for arm in trial.arms:
            if _agree(arm.parameters, parameters):
                return BestArm(
                    parameters=arm.parameters,
                    values={
                        name: (float(mean), float(covariances[name][name]) ** 0.5)
                        for name, mean in means.items()
                    },
                    trial_index=trial_index,
                    arm_name=arm.name,
                )
    return None


def _agree(first: TParameterization, second: TParameterization) -> bool:
    return first.keys() == second.keys() and all(
        value == other
        or (
            isinstance(value, float)
            and isinstance(other, float)
            and isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
        )
        for value, other in ((first[name], second[name]) for name in first)
    )

"""The optimum of every task of an experiment."""

from dataclasses import dataclass
from math import isclose

from ax.adapter.torch import TorchAdapter
from ax.api.client import Client
from ax.core.experiment import Experiment
from ax.core.types import TModelPredictArm, TParameterization
from ax.service.utils.best_point import get_best_by_raw_objective_with_trial_index

from botorch_cll.ax.per_task import task_configs


@dataclass(frozen=True)
class BestArm:
    """An arm and what is known of it.

    Attributes:
        parameters: Its parameters.
        values: Observed or predicted mean and standard error by metric.
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
    optima = {}
    for task, config in configs.items():
        raw = get_best_by_raw_objective_with_trial_index(experiment, optimization_config=config)
        model = None
        if isinstance(adapter, TorchAdapter):
            model = adapter.model_best_point(optimization_config=config)
        optima[task] = TaskOptimum(
            observed=raw and _arm(experiment, *raw[1:]),
            predicted=model and _arm(experiment, model[0].parameters, model[1]),
        )
    return optima


def _arm(
    experiment: Experiment, parameters: TParameterization, values: TModelPredictArm | None
) -> BestArm | None:
    """The arm with these parameters, which may have been through transforms and back."""
    assert values is not None
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
        isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
        if isinstance(value, float) and isinstance(other, float)
        else value == other
        for value, other in ((first[name], second[name]) for name in first)
    )

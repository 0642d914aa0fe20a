"""Trials for one value of a task parameter."""

from collections.abc import Mapping
from typing import Any

from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.parameter import ChoiceParameter
from ax.exceptions.core import UserInputError

from botorch_cll.ax.surrogate_node import SurrogateNode


class TargetTaskNode(SurrogateNode):
    """A generation node whose candidates have the features that its generator spec fixes.

    Ax's own node forgets the `fixed_features` among the `generator_gen_kwargs` of a spec as soon as
    it is asked for trials without any.

    Arguments are those of Ax's `GenerationNode`.
    """

    def gen(
        self,
        *,
        experiment: Experiment,
        fixed_features: ObservationFeatures | None = None,
        **options: Any,
    ) -> GeneratorRun | None:
        """Generate candidates for the target task, as Ax's `GenerationNode` does.

        `fixed_features` are fixed on top of those of the spec, and win where both fix the same.

        Raises:
            UserInputError: If the experiment has no such task parameter, or it no such value.
        """
        own = self.generator_spec.fixed_features
        target = own.parameters if own else {}
        _check_target(experiment, target)
        fixed = {**target, **(fixed_features.parameters if fixed_features else {})}
        return super().gen(
            experiment=experiment,
            fixed_features=ObservationFeatures(parameters=fixed),
            **options,
        )


def _check_target(experiment: Experiment, target: Mapping[str, Any]) -> None:
    tasks = {
        name: parameter.values
        for name, parameter in experiment.search_space.parameters.items()
        if isinstance(parameter, ChoiceParameter) and parameter.is_task
    }
    for name, value in target.items():
        if name not in tasks:
            raise UserInputError(
                "Expected target_task to name a ChoiceParameter with is_task=True, got "
                f"{name!r}: the experiment has {sorted(tasks) or 'none'}."
            )
        if value not in tasks[name]:
            raise UserInputError(
                f"Expected target_task among the values {tasks[name]} of {name!r}, got {value!r}."
            )

"""Trials for one value of a task parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ax.core.data import Data
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
        pending_observations: dict[str, list[ObservationFeatures]] | None,
        skip_fit: bool = False,
        data: Data | None = None,
        n: int | None = None,
        **gs_gen_kwargs: Any,
    ) -> GeneratorRun | None:
        """Generate candidates for the target task.

        Args:
            experiment: The experiment.
            pending_observations: As in Ax's `GenerationNode`.
            skip_fit: As in Ax's `GenerationNode`.
            data: As in Ax's `GenerationNode`.
            n: As in Ax's `GenerationNode`.
            gs_gen_kwargs: As in Ax's `GenerationNode`. `fixed_features` are fixed on top of those
                of the spec, and win where both fix the same.

        Returns:
            The generator run.

        Raises:
            UserInputError: If the experiment has no such task parameter, or it no such value.
        """
        spec_features = self.generator_spec.fixed_features
        if spec_features is not None:
            _check_target(experiment, spec_features.parameters)
        fixed: dict[str, Any] = {}
        for features in (spec_features, gs_gen_kwargs.get("fixed_features")):
            if features is not None:
                fixed |= features.parameters
        gs_gen_kwargs["fixed_features"] = ObservationFeatures(parameters=fixed)
        return super().gen(
            experiment=experiment,
            pending_observations=pending_observations,
            skip_fit=skip_fit,
            data=data,
            n=n,
            **gs_gen_kwargs,
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

"""Trials that keep away from every point that was tried, whatever became of it."""

from typing import Any

from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.trial_status import TrialStatus
from ax.generation_strategy.generation_node import GenerationNode
from ax.storage.json_store.decoder import object_from_json

Pending = dict[str, list[ObservationFeatures]]


def tried_without_value(experiment: Experiment) -> Pending:
    """By metric, each arm in the search space of which no trial has a finite value of it, once.

    Ax's own list of pending observations lacks those of failed trials and those whose value is NaN.
    Stale trials, which nobody has run, are left out.
    """
    data = experiment.lookup_data().df
    known = data[data["mean"].notna()].groupby("metric_name")["arm_name"].agg(set).to_dict()
    tried = {
        arm.name: ObservationFeatures.from_arm(arm=arm, trial_index=trial.index)
        for trial in experiment.trials.values()
        if trial.status is not TrialStatus.STALE
        for arm in trial.arms
        if experiment.search_space.check_membership(arm.parameters)
    }
    return {
        metric: [features for name, features in tried.items() if name not in known.get(metric, ())]
        for metric in experiment.metrics
    }


class SurrogateNode(GenerationNode):
    """A generation node that takes every point without a value for a pending one.

    A surrogate learns nothing from a trial that has failed or was completed with NaN. The same data
    lead to the same candidate, so it would be proposed over and over, or be refused by Ax as one
    that the experiment has had.

    Arguments are those of Ax's `GenerationNode`.
    """

    def gen(
        self, *, experiment: Experiment, pending_observations: Pending | None, **options: Any
    ) -> GeneratorRun | None:
        """Generate candidates; arguments and result are those of Ax's `GenerationNode`."""
        pending = {metric: [*points] for metric, points in (pending_observations or {}).items()}
        for metric, points in tried_without_value(experiment).items():
            listed = pending.setdefault(metric, [])
            known = [features.parameters for features in listed]
            listed += [features for features in points if features.parameters not in known]
        return super().gen(
            experiment=experiment,
            pending_observations=pending if any(pending.values()) else None,
            **options,
        )

    @classmethod
    def deserialize_init_args(
        cls,
        args: dict[str, Any],
        decoder_registry: Any = None,
        class_decoder_registry: Any = None,
    ) -> dict[str, Any]:
        """Decode what Ax's storage has of a node of ours; see Ax's `SerializationMixin`."""
        return {
            name: object_from_json(value, decoder_registry, class_decoder_registry)
            for name, value in args.items()
        }

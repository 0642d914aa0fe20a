"""Trials that keep away from every point that was tried, whatever became of it."""

from __future__ import annotations

from typing import Any

from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.generator_run import GeneratorRun
from ax.core.observation import ObservationFeatures
from ax.core.trial_status import TrialStatus

from botorch_cll.ax.nodes import StoredNode

Pending = dict[str, list[ObservationFeatures]]


def tried_without_value(experiment: Experiment) -> Pending:
    """The arms of an experiment that have no value of a metric.

    Ax's own list of pending observations lacks those of failed trials and those whose value is NaN.

    Args:
        experiment: The experiment.

    Returns:
        By name of the metric, the features of the arms in the search space of which no trial has a
        finite value, each arm once. Stale trials, which nobody has run, are left out.
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


class SurrogateNode(StoredNode):
    """A generation node that takes every point without a value for a pending one.

    A surrogate learns nothing from a trial that has failed or was completed with NaN. The same data
    lead to the same candidate, so it would be proposed over and over, or be refused by Ax as one
    that the experiment has had.

    Arguments are those of Ax's `GenerationNode`.
    """

    def gen(
        self,
        *,
        experiment: Experiment,
        pending_observations: Pending | None,
        skip_fit: bool = False,
        data: Data | None = None,
        n: int | None = None,
        **gs_gen_kwargs: Any,
    ) -> GeneratorRun | None:
        """Generate candidates.

        Args:
            experiment: The experiment.
            pending_observations: As in Ax's `GenerationNode`; points without a value are added.
            skip_fit: As in Ax's `GenerationNode`.
            data: As in Ax's `GenerationNode`.
            n: As in Ax's `GenerationNode`.
            gs_gen_kwargs: As in Ax's `GenerationNode`.

        Returns:
            The generator run.
        """
        pending = {metric: [*points] for metric, points in (pending_observations or {}).items()}
        for metric, points in tried_without_value(experiment).items():
            listed = pending.setdefault(metric, [])
            known = [features.parameters for features in listed]
            listed += [features for features in points if features.parameters not in known]
        return super().gen(
            experiment=experiment,
            pending_observations=pending if any(pending.values()) else None,
            skip_fit=skip_fit,
            data=data,
            n=n,
            **gs_gen_kwargs,
        )

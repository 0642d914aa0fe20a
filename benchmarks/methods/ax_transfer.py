"""The transfer learning of Ax as its users get it, with finished tasks as auxiliary experiments."""

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from ax.adapter.registry import Generators
from ax.adapter.transfer_learning.adapter import TransferLearningAdapter
from ax.adapter.transforms.standardize_y import StandardizeY
from ax.core.arm import Arm
from ax.core.auxiliary import AuxiliaryExperimentPurpose
from ax.core.auxiliary_source import AuxiliarySource
from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.core.parameter import ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.utils.common.logger import ROOT_STREAM_HANDLER
from torch import Tensor

from benchmarks.methods.run import without_sparse_warning
from benchmarks.methods.target import FitTarget, Log, Scale, TargetModel, moments_of
from botorch_cll.optim.random_state import isolated_random_state

METRIC = "y"


def learn_ax_transfer(sources: Sequence[Log], seed: int) -> FitTarget:
    """Learn by `Generators.BOTL` of Ax and nothing but its defaults; a `Learn`.

    Ax chooses BoTorch's `MultiTaskGP` of all rows of all tasks. Every task is standardized by
    itself, after values below Tukey's lower fence were moved to it. The GP is fitted anew for every
    target, and Ax sets its optimizer no limit of time.
    """
    with _quiet_ax():
        auxiliary = [AuxiliarySource(_experiment(f"source{i}", x)) for i, x in enumerate(sources)]

    def fit(target: Log) -> AxTargetModel:
        with _quiet_ax(), isolated_random_state(seed):
            experiment = _experiment("target", target)
            experiment.auxiliary_experiments_by_purpose = {
                AuxiliaryExperimentPurpose.TRANSFERABLE_EXPERIMENT: [*auxiliary]
            }
            adapter = Generators.BOTL(experiment=experiment)
        assert isinstance(adapter, TransferLearningAdapter)
        return AxTargetModel(adapter)

    return fit


class AxTargetModel(TargetModel):
    """The target's predictions of a fitted adapter, those of `adapter.predict`, by its GP itself.

    The adapter takes parameters between 0 and 1 as they are, and its outcomes standardized.
    """

    def __init__(self, adapter: TransferLearningAdapter) -> None:
        standardize = adapter.transforms["StandardizeY"]
        assert isinstance(standardize, StandardizeY)
        scale = (x[METRIC] for x in (standardize.Ymean, standardize.Ystd))
        super().__init__(Scale(*(torch.tensor(x, dtype=torch.double) for x in scale)))
        self.adapter, self.gp = adapter, adapter.botorch_model

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the Gaussian process, of which Ax makes the target the only output."""
        return moments_of(self.gp, X, observation_noise)


@contextmanager
def _quiet_ax() -> Iterator[None]:
    """Hide, while inside, what Ax reports below errors, and what its imports find deprecated."""
    level = ROOT_STREAM_HANDLER.level
    ROOT_STREAM_HANDLER.setLevel(logging.ERROR)
    try:
        with without_sparse_warning():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"ax\.")
            yield
    finally:
        ROOT_STREAM_HANDLER.setLevel(level)


def _experiment(name: str, log: Log) -> Experiment:
    """A finished experiment with a trial for every row, its metric of unknown noise."""
    names = [f"x{i}" for i in range(log.X.shape[-1])]
    kind = ParameterType.FLOAT
    experiment = Experiment(
        name=name,
        search_space=SearchSpace(
            [RangeParameter(x, parameter_type=kind, lower=0.0, upper=1.0) for x in names]
        ),
        optimization_config=OptimizationConfig(
            Objective(expression=METRIC, metric_name_to_signature={METRIC: METRIC})
        ),
        tracking_metrics=[Metric(name=METRIC)],
    )
    arms = []
    for point in log.X.tolist():
        trial = experiment.new_trial().add_arm(Arm(dict(zip(names, point, strict=True))))
        trial.mark_running(no_runner_required=True)
        arms.append(trial.arm.name)
    rows = {
        "trial_index": range(len(arms)),
        "arm_name": arms,
        "metric_name": METRIC,
        "metric_signature": METRIC,
        "mean": log.Y.flatten().tolist(),
        "sem": math.nan,
    }
    experiment.attach_data(Data(df=pd.DataFrame(rows)))
    for trial in experiment.trials.values():
        trial.mark_completed()
    return experiment

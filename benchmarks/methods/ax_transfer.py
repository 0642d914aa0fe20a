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
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import InputDataError
from botorch.models.model import Model
from botorch.posteriors.gpytorch import scalarize_posterior
from botorch.posteriors.posterior import Posterior
from torch import Tensor

from benchmarks.methods.run import without_sparse_warning
from benchmarks.methods.target import FitTarget, Log, noise_of_one_output
from botorch_cll.optim.random_state import isolated_random_state

METRIC = "y"


def learn_ax_transfer(sources: Sequence[Log], seed: int) -> FitTarget:
    """Learn from finished tasks by `Generators.BOTL` of Ax with nothing but its defaults.

    Ax chooses BoTorch's `MultiTaskGP` of all rows of all tasks, on the CPU. Every task is
    standardized by itself, after values below Tukey's lower fence were moved to it. The GP is
    fitted anew for every target, and Ax sets its optimizer no limit of time.

    Args:
        sources: The logs of the finished tasks.
        seed: The seed of every fit.

    Returns:
        A fit of the target's rows so far, at least one: a model of one output, the target in its
        own unit.

    Raises:
        InputDataError: If there are no sources, their dimensions differ, or a log has no rows,
            values that are not finite or points outside of the unit cube, which Ax would leave out.
            The fit raises it as well.
    """
    if not sources:
        raise InputDataError("Expected the log of at least one source, got none.")
    d = sources[0].X.shape[-1]
    for i, source in enumerate(sources):
        _check(f"source{i}", source, d)
    with _quiet_ax():
        auxiliary = [AuxiliarySource(_experiment(f"source{i}", x)) for i, x in enumerate(sources)]

    def fit(target: Log) -> Model:
        _check("target", target, d)
        with _quiet_ax(), isolated_random_state(seed):
            experiment = _experiment("target", target)
            experiment.auxiliary_experiments_by_purpose = {
                AuxiliaryExperimentPurpose.TRANSFERABLE_EXPERIMENT: [*auxiliary]
            }
            adapter = Generators.BOTL(experiment=experiment)
        assert isinstance(adapter, TransferLearningAdapter)
        return AxTargetModel(adapter)

    return fit


class AxTargetModel(Model):
    """The target's predictions of a fitted adapter, those of `adapter.predict`, by its GP itself.

    The adapter takes parameters between 0 and 1 as they are, and its outcomes standardized.
    """

    batch_shape = torch.Size()
    num_outputs = 1

    def __init__(self, adapter: TransferLearningAdapter) -> None:
        super().__init__()
        self.adapter = adapter
        self.gp = adapter.botorch_model
        standardize = adapter.transforms["StandardizeY"]
        assert isinstance(standardize, StandardizeY)
        self.mean, self.std = standardize.Ymean[METRIC], standardize.Ystd[METRIC]

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior of the target at `batch_shape x q x d`-dim points of the unit cube."""
        noise = noise_of_one_output(output_indices, observation_noise)
        # Without a task in X these are its output tasks, of which Ax makes the target the only one.
        posterior = self.gp.posterior(X, observation_noise=noise)
        posterior = scalarize_posterior(posterior, X.new_tensor([self.std]), self.mean)
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


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


def _check(name: str, log: Log, d: int) -> None:
    X, Y = log
    n = len(X)
    if n == 0 or X.shape != (n, d) or Y.shape != (n, 1):
        raise InputDataError(
            f"Expected n x {d} points and n x 1 values of the {name} with n of at least 1, got "
            f"{tuple(X.shape)} and {tuple(Y.shape)}."
        )
    if not (Y.isfinite().all() and X.min() >= 0 and X.max() <= 1):
        raise InputDataError(
            f"Expected finite values at points in the unit cube of the {name}, got values from "
            f"{Y.min():g} to {Y.max():g} at coordinates from {X.min():g} to {X.max():g}."
        )


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

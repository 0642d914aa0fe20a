"""Models of one task, the target, beside logs of others, the sources.

All points are in the unit cube, and of all values the larger are better.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from benchmarks.methods.peers import wants_noise


class Log(NamedTuple):
    """The evaluations of one task: `n x d` points and `n x 1` values."""

    X: Tensor
    Y: Tensor

    @property
    def num_rows(self) -> int:
        """The number `n` of evaluations."""
        return len(self.X)

    def rows(self, index: Tensor | slice) -> "Log":
        """Some of the evaluations."""
        return Log(self.X[index], self.Y[index])


FitTarget = Callable[[Log], Model]  # a model of the target alone, from its rows
Learn = Callable[[Sequence[Log], int], FitTarget]  # from the logs of the sources and a seed


class LongData(NamedTuple):
    """Rows of all tasks below one another, the target first, as models of all tasks take them."""

    X: Tensor  # `n x (d + 1)`, the task in the last column
    Y: Tensor
    options: dict[str, Any]  # which column has the task, and that the target is the only output

    @classmethod
    def of(cls, logs: Sequence[Log]) -> Self:
        """The rows of logs, in order."""
        blocks = [
            torch.cat([log.X, log.X.new_full((log.num_rows, 1), task)], dim=-1)
            for task, log in enumerate(logs)
        ]
        X, tasks = torch.cat(blocks), list(range(len(logs)))
        options = {"task_feature": X.shape[-1] - 1, "output_tasks": [0], "all_tasks": tasks}
        return cls(X, torch.cat([log.Y for log in logs]), options)


class Scale(NamedTuple):
    """A mean and a standard deviation of values, the latter 1 where values do not differ."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, *logs: Log) -> Self:
        """The scale of a log; of several the mean of their scales."""
        mean = torch.stack([log.Y.mean() for log in logs])
        std = torch.stack([log.Y.std(correction=int(log.num_rows > 1)) for log in logs])
        # That of equal values need not be zero: their mean is rounded.
        differ = torch.stack([log.Y.amax() > log.Y.amin() for log in logs])
        return cls(mean.mean(), torch.where(differ, std, 1.0).mean())

    @classmethod
    def of_target(cls, target: Log, sources: Sequence[Log]) -> Self:
        """The scale of the target; the mean of the sources' where it has not two rows."""
        return cls.of(*([target] if target.num_rows > 1 else sources))

    def standardize(self, log: Log) -> Log:
        """The log with values in standard deviations from the mean."""
        return Log(log.X, (log.Y - self.mean) / self.std)


class TargetModel(Model, ABC):
    """A model of standardized values of the target with independent normal marginals."""

    num_outputs = 1
    batch_shape = torch.Size()

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.scale = scale

    @abstractmethod
    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Standardized means and variances, `batch_shape x q`, of `batch_shape x q x d` points."""

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior at `batch_shape x q x d`-dim points, in the target's own scale."""
        mean, variance = self.moments(X, wants_noise(output_indices, observation_noise))
        mean = self.scale.mean + self.scale.std * mean
        covariance = DiagLinearOperator(self.scale.std.square() * variance)
        posterior = GPyTorchPosterior(MultivariateNormal(mean, covariance))
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


def moments_of(model: Model, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
    """Means and variances, `batch_shape x q`, of a model of one output."""
    posterior = model.posterior(X, observation_noise=observation_noise)
    return posterior.mean.squeeze(-1), posterior.variance.squeeze(-1)

"""What a coupling of tasks has to be able to do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from botorch_cll.data import AddedRows, TaskBlocks, TaskData
from botorch_cll.nn import RBFNetwork
from botorch_cll.nn.ridge import RidgeSolution
from botorch_cll.settings import SearchSettings


@dataclass(frozen=True)
class NormalEquations:
    """Least squares problems of groups of tasks, `m` tasks each that share rows and features."""

    gram: Tensor  #: `batch_shape x G x P x P`, sums of `phi phi^T` over the rows
    moment: Tensor  #: `batch_shape x G x P x m`, sums of `phi y`
    ridge: Tensor  #: `batch_shape x G x num_ridges`, ridge parameters
    included: Tensor  #: `batch_shape x G x P`, boolean; the columns that take part
    num_tail: int  #: how many of the columns, the last ones, are the polynomial tail


class Coupling(ABC):
    """How the output weights of the tasks hang together; knows neither data nor members.

    A fit asks for the rows that settings of the hidden layer are scored on (`rows_to_score`), for
    output weights and left-out predictions (`solve`), for what the errors say of each setting
    (`log_evidence`), and for what is between the networks' outputs and the final ones
    (`make_layer`, `fit_layer`). Predictions ask for final outputs (`mix`), fantasies for the
    weights after further rows (`take_in`, `combine`). Only `solve` has to be defined: what else
    is here is that of tasks whose final outputs are those of their networks.
    """

    num_ridges: ClassVar[int] = 1  #: how many ridge parameters the output weights have

    def num_hidden_layers(self, num_tasks: int) -> int:
        """How many hidden layers a member has: one for all tasks, or one for each of `T`."""
        return 1

    def rows_to_score(self, data: TaskData, most: int, generator: torch.Generator) -> TaskBlocks:
        """The rows, `most` at most of each task, that settings are scored on."""
        per_task = self.num_hidden_layers(data.num_tasks) > 1
        return TaskBlocks.from_data(data, per_task).sample(most, generator)

    def pooling_rows(self, settings: SearchSettings) -> float:
        """How many rows' worth of say all tasks together have in a task's choice of a setting."""
        return settings.pooling_rows

    @abstractmethod
    def solve(self, equations: NormalEquations) -> RidgeSolution:
        """Output weights in closed form, and what left-out predictions and updates need."""

    def log_evidence(
        self, errors: Tensor, count: Tensor, half_rows: float, settings: SearchSettings
    ) -> Tensor:
        """How much the leave-one-out errors speak for each setting, on a log scale.

        A task with `n` rows weighs its own mean squared error, relative to the best setting's, with
        `n` rows and the mean over all tasks with `pooling_rows`; with `r` the weighted mean the
        score is `-n / 2 * log r`, times `n / (n + half_rows)`. The first factor is the
        log-likelihood of `n` normal errors at their own variance, which leave-one-out errors make a
        predictive one (Geisser and Eddy 1979). Pooling and the second factor are our own: errors of
        few rows say little of the errors elsewhere, and the best of many settings is best by luck.

        Args:
            errors: A `batch_shape x C x T`-dim tensor of mean squared errors, in units of the
                variance of the task's targets.
            count: A `batch_shape x T`-dim tensor: how many rows each task has in them.
            half_rows: How many rows it takes for half the weight of the likelihood.
            settings: The settings of the search.

        Returns:
            A `batch_shape x C x T`-dim tensor.
        """
        errors = errors.clamp_min(settings.tiny_error)
        relative = errors / errors.amin(-2, keepdim=True)
        rows = count.unsqueeze(-2)
        total = rows.sum(-1, keepdim=True)
        pooled = (relative * rows).sum(-1, keepdim=True) / total.clamp_min(1.0)
        pooling = self.pooling_rows(settings)
        if math.isinf(pooling):
            relative, rows = pooled.expand_as(relative), total.expand_as(rows)
        elif pooling > 0:
            relative = (rows * relative + pooling * pooled) / (rows + pooling)
        trust = rows / (rows + half_rows).clamp_min(1.0)
        return -0.5 * trust * rows * relative.log()

    def fill_in(self, weight: Tensor, data: TaskData, generator: torch.Generator) -> Tensor:
        """Output weights, `S x T x P x 1`: here a task without data gets a constant per member."""
        draws = torch.randn(len(weight), 1, generator=generator, dtype=torch.double).to(data.X)
        drawn = data.variance.sqrt() * (draws - draws.mean(0))
        columns = torch.arange(weight.shape[-2], device=weight.device)
        constant = columns == len(columns) - num_tail_columns(data.X.shape[-1])
        without = (data.num_observed == 0).unsqueeze(-1) & constant
        return torch.where(without.unsqueeze(-1), drawn[..., None, None], weight)

    def make_layer(
        self, num_restarts: int, num_tasks: int, seed: int, like: Tensor
    ) -> nn.Module | None:
        """What is between preliminary and final outputs as it starts, `None` if nothing is.

        Its parameters are what a gradient fit trains beside the networks, and what a state holds.

        Args:
            num_restarts: The number `S` of members.
            num_tasks: The number `T` of tasks.
            seed: The seed of its first parameters.
            like: A tensor of the dtype and device wanted.
        """
        return None

    def check_gradients(self) -> None:  # noqa: B027 - most couplings have nothing to refuse
        """Raise an `UnsupportedError` if gradients would lead elsewhere than the closed form."""

    def fit_layer(
        self, data: TaskData, rows: Tensor, bags: Tensor, outputs: Tensor, seed: int
    ) -> tuple[nn.Module | None, Tensor]:
        """Train the layer on out-of-sample outputs.

        Args:
            data: The data.
            rows: The numbers of `b` rows.
            bags: A `S x T x b`-dim boolean tensor: what of the rows each member was fitted to.
            outputs: A `S x T x b`-dim tensor of preliminary outputs of fits without the row.
            seed: The seed of its first parameters.

        Returns:
            The layer, and the `S x T x b`-dim tensor that it adds if it has not seen the row.
        """
        return None, torch.zeros_like(outputs)

    def mix(self, layer: Any, outputs: Tensor) -> Tensor:
        """Final outputs of preliminary ones, both `batch_shape x S x n x T`-dim."""
        return outputs

    def take_in(
        self, network: RBFNetwork, layer: Any, solution: RidgeSolution, rows: AddedRows
    ) -> Tensor:
        """Output weights of networks that together are the members after further rows.

        Here those of a fit to the old and the added rows; behind a layer, whose final outputs stay,
        every network takes in what is new to the final output of its own task.

        Args:
            network: The networks as they were fitted.
            layer: The layer as it was fitted.
            solution: The solution that their output weights are.
            rows: The rows.

        Returns:
            A `batch_shape' x S x T x P x m`-dim tensor: `m` kinds of weights, see `combine`.
        """
        update = RowUpdate.of(network, rows)
        final = self.mix(layer, update.fitted.permute(2, 0, 3, 1)).permute(1, 3, 0, 2)
        residual = update.Y.nan_to_num(0.0) - final.unsqueeze(-1)
        change = update.as_weights(solution.update(update.phi, update.row_weight, residual))
        if layer is None:
            return (update.old + change).unsqueeze(-1)
        return torch.stack([update.old, change], dim=-1)

    def combine(self, layer: Any, outputs: Tensor) -> Tensor:
        """Final outputs of those that `take_in` gave weights for.

        Args:
            layer: The layer as it was fitted.
            outputs: A `batch_shape x S x n x T x m`-dim tensor.

        Returns:
            A `batch_shape x S x n x T`-dim tensor.
        """
        if layer is None:
            return outputs.squeeze(-1)
        preliminary, change = outputs.unbind(-1)
        return self.mix(layer, preliminary) + change


def num_tail_columns(dim: int) -> int:
    """How many features of networks of `dim` inputs are the polynomial tail."""
    return 1 + 2 * dim


@dataclass(frozen=True)
class RowUpdate:
    """Further rows in the form that `RidgeSolution.update` takes: `B` sets of `k` rows each."""

    phi: Tensor  #: `S x T x B x k x P`, features
    Y: Tensor  #: `T x B x k x F`, `F` versions of targets
    row_weight: Tensor  #: `T x B x k`
    fitted: Tensor  #: `S x T x B x k`, what the networks predict
    old: Tensor  #: `batch_shape x S x T x P`, the weights of the networks

    @classmethod
    def of(cls, network: RBFNetwork, rows: AddedRows) -> RowUpdate:
        """The update of networks by rows."""
        batch, num_tasks, weight = rows.batch_shape, rows.Y.shape[-1], rows.row_weight
        # Where only the targets differ over leading dimensions, the rows are worked on once.
        lead = len(batch) - len(rows.X.shape[:-2])
        weight_varies = any(size > 1 for size in weight.shape[:-2][:lead])
        if rows.X.shape[:-2] != batch[lead:] or weight_varies:
            lead = 0
        sets = batch[lead:]
        X = rows.X.expand(*sets, -1, -1).flatten(0, -3) if sets else rows.X.unsqueeze(0)
        weight = weight.view(weight.shape[-(len(sets) + 2) :]).expand(*sets, *rows.Y.shape[-2:])
        weight = weight.reshape(*X.shape[:2], num_tasks)
        Y = rows.Y.reshape(math.prod(batch[:lead]), *X.shape[:2], num_tasks)
        phi = network.features(X.flatten(0, 1)).unflatten(-2, X.shape[:2])
        fitted = (phi @ network.weight[:, :, None, :, None]).squeeze(-1)
        targets, weight = Y.movedim(-1, 0).movedim(1, -1), weight.movedim(-1, 0)
        return cls(phi, targets, weight, fitted, network.weight.expand(*batch, -1, -1, -1))

    def as_weights(self, change: Tensor) -> Tensor:
        """Bring a `S x T x B x P x F`-dim change into the shape of `old`."""
        return change.movedim((-1, 2), (0, 1)).reshape(self.old.shape)

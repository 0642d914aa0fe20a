"""The paper's coupling: networks of their own, whose outputs a layer mixes once more."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from botorch_cll.couplings.base import RowUpdate
from botorch_cll.couplings.independent import IndependentTasks
from botorch_cll.couplings.layer_training import fit_hidden_layers, fit_linear_layer, shrink_layer
from botorch_cll.data import AddedRows, TaskData
from botorch_cll.data.bags import average_trusted, trusted_members
from botorch_cll.data.blocks import noise_weights
from botorch_cll.nn import CorrelationLearningLayer, RBFNetwork
from botorch_cll.nn.ridge import RidgeSolution
from botorch_cll.settings import LayerSettings


@dataclass(frozen=True)
class CorrelationLayers(IndependentTasks):
    """Independent output weights behind a `CorrelationLearningLayer`."""

    hidden: tuple[int, ...] = ()  #: the widths of the hidden layers of the correlation layer
    activation: str | None = None  #: its activation
    settings: LayerSettings = field(default_factory=LayerSettings)  #: how it is trained

    def make_layer(
        self, num_restarts: int, num_tasks: int, seed: int, like: Tensor
    ) -> CorrelationLearningLayer:
        """The identity: unconnected tasks."""
        generator = torch.Generator().manual_seed(seed)
        kind = (num_tasks, self.hidden, self.activation, num_restarts, generator)
        return CorrelationLearningLayer(*kind, like.dtype, like.device).requires_grad_(False)

    def fit_layer(
        self, data: TaskData, rows: Tensor, bags: Tensor, outputs: Tensor, seed: int
    ) -> tuple[CorrelationLearningLayer, Tensor]:
        """As in `Coupling`; penalties and steps take the tasks in units of standard deviations."""
        num_restarts, num_tasks, _ = outputs.shape
        layer = self.make_layer(num_restarts, num_tasks, seed, outputs)
        observed = data.observed[rows]
        weight = noise_weights(data)[rows] * observed
        unit = data.variance.sqrt() if layer.can_rescale else torch.ones_like(data.variance)
        in_units, Y = outputs.mT / unit, data.Y[rows] / unit
        if layer.is_linear:
            added = fit_linear_layer(layer, in_units, Y, weight, self.settings)
            trusted = trusted_members(observed, bags).mT.contiguous()
            residual = Y - average_trusted(in_units, trusted)
            average = average_trusted(added, trusted)
            added *= shrink_layer(layer, residual, average, weight, self.settings)
        else:
            in_bag = weight * bags.mT.contiguous()
            added = fit_hidden_layers(layer, in_units, Y, in_bag, self.settings)
        layer.rescale(unit)
        return layer, (added * unit).mT

    def mix(self, layer: Any, outputs: Tensor) -> Tensor:
        """What the layer makes of them."""
        return layer(outputs)

    def take_in(
        self, network: RBFNetwork, layer: Any, solution: RidgeSolution, rows: AddedRows
    ) -> Tensor:
        """As in `Coupling`: what is new to the members' *final* outputs, see docs/mathematics.md.

        A task learns of what its own network sees, and through the layer of what others see. Its
        rows have the weight of a fit times the share of the variance between members that the layer
        leaves of it: a task that is predicted well from others is not thrown by one observation.
        The three kinds of weights are those of `p`, of `U(e)` and of `U(e - c)`.
        """
        update = RowUpdate.of(network, rows)
        # The layer takes tasks last: B x S x k x T in place of S x T x B x k.
        preliminary = update.fitted.permute(2, 0, 3, 1)
        final = layer(preliminary)
        share = _share_left(preliminary, final, self.settings.least_share)
        weight = update.row_weight * share.permute(2, 0, 1)
        residual = update.Y.nan_to_num(0.0) - final.permute(1, 3, 0, 2).unsqueeze(-1)
        first = solution.update(update.phi, weight, residual)
        change = (update.phi @ first).permute(4, 2, 0, 3, 1)
        passed = layer.passed_on(preliminary.expand_as(change), change).permute(2, 4, 1, 3, 0)
        own = solution.update(update.phi, weight, residual - passed)
        kinds = [update.old, update.as_weights(first), update.as_weights(own)]
        return torch.stack(kinds, dim=-1)

    def combine(self, layer: Any, outputs: Tensor) -> Tensor:
        """As in `Coupling`, of the three kinds of outputs of `take_in`."""
        preliminary, change, own = outputs.unbind(-1)
        passed = layer.passed_on(preliminary, change)
        return layer(preliminary) + passed + own


def _share_left(preliminary: Tensor, final: Tensor, least: float) -> Tensor:
    """The `B x k x T` shares of the variance between members that a layer leaves, 1 at most."""
    if final.shape[1] == 1 or final.numel() == 0:
        return torch.ones_like(final[:, 0])
    tiny = torch.finfo(final.dtype).tiny
    return ((final.var(1) + tiny) / (preliminary.var(1) + tiny)).clamp(least, 1.0)

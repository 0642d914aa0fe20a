"""The networks of an ensemble, and what their output weights follow from."""

import torch
from torch import Tensor, nn

from botorch_cll.couplings.base import Coupling, NormalEquations, num_tail_columns
from botorch_cll.data import TaskBlocks, TaskData
from botorch_cll.data.blocks import MAX_ELEMENTS, noise_weights
from botorch_cll.nn import RBFNetwork
from botorch_cll.nn.rbf import included_columns
from botorch_cll.nn.ridge import RidgeSolution
from botorch_cll.settings import NETWORK


class Members(nn.Module):
    """One network per member and task, with the rows, ridge and tail that its weights solve for.

    Args:
        network: The networks.
        log_ridge: A `S x T x num_ridges`-dim tensor, logarithms of the ridge parameters.
        tail_degree: A `S x T`-dim tensor, the degree of the polynomial tail.
        bags: A `S x T x n`-dim boolean tensor, what each member was fitted to, or `None`.
    """

    log_ridge: Tensor
    tail_degree: Tensor
    bags: Tensor | None

    def __init__(
        self, network: RBFNetwork, log_ridge: Tensor, tail_degree: Tensor, bags: Tensor | None
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("log_ridge", log_ridge)
        self.register_buffer("tail_degree", tail_degree)
        self.register_buffer("bags", bags)
        self.requires_grad_(False)

    def solve(self, coupling: Coupling, data: TaskData) -> RidgeSolution:
        """The output weights of the members' own rows, which are streamed in blocks."""
        assert self.bags is not None
        network, like = self.network, self.network.weight
        blocks = TaskBlocks.from_data(data, per_task=True)
        gram, moment = (data.X.new_zeros(*like.shape, num) for num in (like.shape[-1], 1))
        for index, Y, weight in blocks.in_bags(self.bags, max(1, MAX_ELEMENTS // like.numel())):
            phi = network.features(data.X[index])
            weighted = (phi * weight.unsqueeze(-1)).transpose(-1, -2)
            gram += weighted @ phi
            moment += weighted @ Y.unsqueeze(-1)
        num_centers, dim = network.centers.shape[-2:]
        included = included_columns(self.tail_degree, num_centers, dim)
        ridge, num_tail = self.log_ridge.exp(), num_tail_columns(dim)
        return coupling.solve(NormalEquations(gram, moment, ridge, included, num_tail))

    def out_of_sample(
        self, data: TaskData, rows: Tensor, solution: RidgeSolution
    ) -> tuple[Tensor, Tensor]:
        """Preliminary outputs in training rows by fits without the task's row, and the remoteness.

        Both are `S x T x len(rows)`-dim; the output weights are those of the solution.
        """
        assert self.bags is not None
        weight = noise_weights(data)[rows].T * self.bags[..., rows]
        Y = data.Y[rows].nan_to_num(0.0).T.unsqueeze(-1)
        outputs, supports = [], []
        at_a_time = max(1, MAX_ELEMENTS // solution.weight.numel())
        for chosen in torch.arange(len(rows), device=rows.device).split(at_a_time):
            phi = self.network.features(data.X[rows[chosen]])
            supports.append(self.network.support(phi))
            targets = Y[:, chosen].expand(*phi.shape[:2], -1, -1)
            outputs.append(solution.leave_one_out(phi, weight[..., chosen], targets))
        return torch.cat(outputs, dim=-2).squeeze(-1), remoteness(torch.cat(supports, dim=-1))


def remoteness(support: Tensor) -> Tensor:
    """How far a point is from a network's centers: 1 far from all of them, nearly 0 at one."""
    return NETWORK.near / (NETWORK.near + support)

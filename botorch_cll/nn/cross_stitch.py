"""Cross-stitch units: a small trainable matrix mixes the tasks' activations."""

import torch
from torch import Tensor, nn


class CrossStitchUnit(nn.Module):
    r"""Every task's activations, replaced by a learned combination of all tasks' activations.

    .. math:: \tilde h_s = \sum_t \alpha_{st}\, h_t

    Misra, Shrivastava, Gupta and Hebert, "Cross-stitch networks for multi-task learning", CVPR
    2016, eq. 1, with one matrix for all units of a layer. It starts near the identity as a convex
    combination: `alpha_tt` is `own`, the other tasks share the rest equally. The authors train
    `alpha` at a larger learning rate than the networks: see `cross_stitch_parameters`.

    Args:
        num_tasks: The number `T` of tasks, at least 2.
        own: The first weight of a task's own activations, in `[0, 1]`.

    Raises:
        ValueError: If there are fewer than two tasks, or `own` is outside of `[0, 1]`.
    """

    def __init__(self, num_tasks: int, own: float = 0.9) -> None:
        super().__init__()
        if num_tasks < 2:
            raise ValueError(f"Expected at least 2 tasks to mix, got {num_tasks}.")
        if not 0.0 <= own <= 1.0:
            raise ValueError(f"Expected a weight in [0, 1], got own={own}.")
        weight = torch.full((num_tasks, num_tasks), (1.0 - own) / (num_tasks - 1))
        self.weight = nn.Parameter(weight.fill_diagonal_(own))

    def forward(self, activations: Tensor) -> Tensor:
        """Mix the `T x n x h` activations of the tasks' networks."""
        return torch.tensordot(self.weight, activations, dims=1)


def cross_stitch_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network's cross-stitch units, to be given their own learning rate."""
    units = (unit for unit in network.modules() if isinstance(unit, CrossStitchUnit))
    return [unit.weight for unit in units]

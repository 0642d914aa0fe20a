"""Which rows each restart is fitted to."""

from __future__ import annotations

import torch
from torch import Tensor

from botorch_cll.models.blocks import MAX_ELEMENTS


def draw_bags(
    observed: Tensor, num_restarts: int, fraction: float, generator: torch.Generator
) -> Tensor:
    """Draw for every restart a random share of each task's observations, without replacement.

    One random number per restart and row decides for all tasks, so that a row is held out for as
    many tasks at once as possible, and the draw does not depend on the order of the tasks.

    Args:
        observed: A `n x T`-dim boolean tensor.
        num_restarts: The number `S` of restarts.
        fraction: The share of rows to keep, in `(0, 1]`. At least two are kept where there are two.
        generator: The source of random numbers.

    Returns:
        A `S x n x T`-dim boolean tensor, true for the observations that a restart is fitted to.
    """
    n = len(observed)
    count = observed.sum(0)
    keep = (fraction * count).round().long().clamp_min(2).minimum(count)
    bags = observed.new_zeros(num_restarts, *observed.shape)
    at_a_time = max(1, MAX_ELEMENTS // observed.numel())
    for part in bags.split(at_a_time):
        key = torch.rand(len(part), n, generator=generator, dtype=torch.double)
        order = key.argsort(-1).to(observed.device)
        # Along the random order of the rows, a task keeps the first `keep` it was observed in.
        shuffled = observed[order]
        kept = shuffled & (shuffled.cumsum(1) <= keep)
        part.scatter_(1, order.unsqueeze(-1).expand_as(kept), kept)
    return bags

"""Which rows each restart is fitted to, and which predictions of rows are therefore honest."""

import torch
from torch import Tensor

from botorch_cll.data.blocks import MAX_ELEMENTS


def draw_bags(
    observed: Tensor, num_restarts: int, fraction: float, generator: torch.Generator
) -> Tensor:
    """Draw a random share of each task's observations for every restart, `S x T x n`, boolean.

    One random number per restart and row decides for all tasks: a row is held out for as many at
    once as possible, whatever their order. Two rows of a task at least are kept if there are two.
    """
    n, num_tasks = observed.shape
    count = observed.sum(0)
    keep = (fraction * count).round().long().clamp_min(2).minimum(count).unsqueeze(-1)
    bags = observed.new_zeros(num_restarts, num_tasks, n)
    for part in bags.split(max(1, MAX_ELEMENTS // observed.numel())):
        key = torch.rand(len(part), n, generator=generator, dtype=torch.double)
        order = key.argsort(-1).to(observed.device)
        # Along the random order of the rows, a task keeps the first `keep` it was observed in.
        shuffled = observed[order].mT
        kept = shuffled & (shuffled.cumsum(-1) <= keep)
        part.scatter_(-1, order.unsqueeze(1).expand_as(kept), kept)
    return bags


def choose_rows(observed: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """The numbers of all rows, or a random choice of `most`: tasks take turns in choosing."""
    n, device = len(observed), observed.device
    if n <= most:
        return torch.arange(n, device=device)
    order = torch.randperm(n, generator=generator).to(device)
    turn = observed[order].cumsum(0).where(observed[order], n).amin(-1)
    return order[turn.argsort(stable=True)[:most]].sort().values


def honest_members(observed: Tensor, bags: Tensor) -> Tensor:
    """Which members have not seen which observations, if two of them (one of one) have not."""
    unseen = observed.T & ~bags
    return unseen & (unseen.sum(0) >= min(2, len(bags)))


def trusted_members(observed: Tensor, bags: Tensor) -> Tensor:
    """`honest_members`, and where there are none all, whose predictions must leave the row out."""
    honest = honest_members(observed, bags)
    return honest | (observed.T & ~honest.any(0))


def average_trusted(values: Tensor, trusted: Tensor) -> Tensor:
    """The means over the trusted ones of `S` members; the values' other dimensions stay."""
    share = trusted.to(values)
    return (share * values).sum(0) / share.sum(0).clamp_min(1.0)

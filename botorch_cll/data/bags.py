"""Which rows each restart is fitted to, and which predictions of rows are therefore honest."""

from __future__ import annotations

import torch
from torch import Tensor

from botorch_cll.data.blocks import MAX_ELEMENTS


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
        A `S x T x n`-dim boolean tensor, true for the observations that a restart is fitted to.
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
    """All rows, or a sorted random choice of them where there are too many.

    The tasks take turns in choosing, so that one with few rows keeps them beside one with many.

    Args:
        observed: A `n x T`-dim boolean tensor: which tasks were observed in which rows.
        most: How many rows are not too many.
        generator: The source of the choice.

    Returns:
        A tensor of at most `most` row numbers.
    """
    n, device = len(observed), observed.device
    if n <= most:
        return torch.arange(n, device=device)
    order = torch.randperm(n, generator=generator).to(device)
    turn = observed[order].cumsum(0).where(observed[order], n).amin(-1)
    return order[turn.argsort(stable=True)[:most]].sort().values


def honest_members(observed: Tensor, bags: Tensor) -> Tensor:
    """Which members have not seen which observations, where there are two of them at least.

    Args:
        observed: A `n x T`-dim boolean tensor.
        bags: A `S x T x n`-dim boolean tensor: what each member was fitted to.

    Returns:
        A `S x T x n`-dim boolean tensor, false for all members where fewer than two (one, if the
        ensemble has no more) have not seen an observation.
    """
    unseen = observed.T & ~bags
    return unseen & (unseen.sum(0) >= min(2, len(bags)))


def trusted_members(observed: Tensor, bags: Tensor) -> Tensor:
    """Which members' predictions of which observations to use where all of them are honest.

    Args:
        observed: A `n x T`-dim boolean tensor.
        bags: A `S x T x n`-dim boolean tensor: what each member was fitted to.

    Returns:
        A `S x T x n`-dim boolean tensor: `honest_members`, and where there are none all members,
        whose predictions have to leave the row out instead.
    """
    honest = honest_members(observed, bags)
    return honest | (observed.T & ~honest.any(0))


def average_trusted(values: Tensor, trusted: Tensor) -> Tensor:
    """The means over the trusted ones of `S` members; the values' other dimensions stay."""
    share = trusted.to(values)
    return (share * values).sum(0) / share.sum(0).clamp_min(1.0)

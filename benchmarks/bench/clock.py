"""Timing works side by side: alternating in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

Row = dict[str, Any]
Clock = Callable[[], float]

LIMIT_SECONDS = 20.0
"""A method that has used this much is not repeated again."""


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let PyTorch and the linear algebra below it use so many threads, while inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        torch.set_num_threads(before)


def clock(threads: int) -> Clock:
    """Processor time, which other programs hardly change; with several threads that on the wall."""
    return time.process_time if threads == 1 else time.perf_counter


def timed(work: Callable[[], Any], now: Clock) -> tuple[Any, float]:
    """What a work returns, and the seconds that it took."""
    started = now()
    result = work()
    return result, now() - started


def time_side_by_side(
    works: Mapping[str, Callable[[], Any]], repeats: int, now: Clock, limit: float = LIMIT_SECONDS
) -> Iterator[Row | None]:
    """Time several works in turn, round by round: `method`, `repeat`, `seconds`.

    A work that has used `limit` seconds sits out the other rounds: `None` in place of a row.
    """
    used = dict.fromkeys(works, 0.0)
    for repeat in range(repeats):
        for method, work in works.items():
            if repeat and used[method] >= limit:
                yield None
                continue
            _, seconds = timed(work, now)
            used[method] += seconds
            yield {"method": method, "repeat": repeat, "seconds": seconds}

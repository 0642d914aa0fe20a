"""Timing works side by side: in turn, in one process."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

Row = dict[str, Any]
Clock = Callable[[], float]


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


@dataclass(frozen=True)
class Series:
    """Work with several methods, timed in turn, round by round, on what is drawn for the round."""

    about: Row  # columns of all rows
    methods: Collection[str]
    work: Callable[[str, Any], list[Row] | None]  # which may return rows, with more than seconds
    rounds: Sequence[Any]
    draw: Callable[[Any], Any] = lambda given: given
    limit: float = math.inf  # seconds, after which a method sits out, as after a `failure`

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.methods) * len(self.rounds)

    def steps(self, now: Clock) -> Iterator[list[Row]]:
        """The rows of each step, none where a method sits out."""
        used = dict.fromkeys(self.methods, 0.0)
        for repeat, given in enumerate(self.rounds):
            data = self.draw(given)
            for method in self.methods:
                if used[method] >= self.limit:
                    yield []
                    continue
                found, seconds = timed(partial(self.work, method, data), now)
                common = {**self.about, "method": method, "repeat": repeat, "seconds": seconds}
                rows = [common | row for row in found or [{}]]
                used[method] += math.inf if "failure" in rows[0] else seconds
                yield rows

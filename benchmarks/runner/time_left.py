"""The time that a study will still take."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rich.progress import ProgressColumn, Task
from rich.text import Text

from benchmarks.runner.grid import Key


class TimeLeft(ProgressColumn):
    """The time left, from the mean seconds of finished runs of the same cost factor.

    Runs of an earlier start count too, so that a continued study knows at once.
    """

    max_refresh = 0.5

    def __init__(self, factor: str) -> None:
        super().__init__()
        self._factor = factor
        self._seconds: dict[Any, list[float]] = defaultdict(list)
        self._pending: Counter[Any] = Counter()
        self._workers = 1
        self._updated = time.monotonic()

    def start(self, pending: Sequence[Key], workers: int) -> None:
        """Set what there is to do, and by how many."""
        self._workers = workers
        self._updated = time.monotonic()
        self._pending.update(key.get(self._factor) for key in pending)

    def observe(self, record: dict[str, Any]) -> None:
        """Learn from the seconds of a finished run."""
        if "error" not in record:
            self._seconds[record["key"].get(self._factor)].append(record["seconds"])

    def finish(self, record: dict[str, Any]) -> None:
        """Learn from a run that was pending."""
        self.observe(record)
        self._pending[record["key"].get(self._factor)] -= 1
        self._updated = time.monotonic()

    def seconds(self) -> float | None:
        """The seconds left, or `None` as long as no run is finished."""
        means = {level: sum(x) / len(x) for level, x in self._seconds.items()}
        if not means:
            return None
        typical = sum(means.values()) / len(means)
        work = sum(count * means.get(level, typical) for level, count in self._pending.items())
        return max(0.0, work / self._workers - (time.monotonic() - self._updated))

    def render(self, task: Task) -> Text:
        """The text beside the bar."""
        if task.finished:
            return Text("done")
        seconds = self.seconds()
        left = "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))
        return Text(f"{left} left", style="progress.remaining")

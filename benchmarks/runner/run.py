"""Running a study: in local processes or on a Dask cluster, continued where it was stopped."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from benchmarks.runner.grid import Key, Study, StudyError, execute, run_name
from benchmarks.runner.store import RunStore

_IDLE_SECONDS = 10


class StudyState(NamedTuple):
    """How many runs a study has, how many of them are done, and how many raised an error."""

    total: int
    finished: int
    failed: int


def run_study(
    study: Study,
    folder: Path,
    jobs: int = 1,
    scheduler: str | None = None,
    retry_failed: bool = False,
    console: Console | None = None,
) -> StudyState:
    """Do the runs of a study that are not done yet, in local processes or on a Dask cluster.

    Every run is written to the folder as soon as it is finished. Stopped in whatever way and
    started again, the study goes on with the runs that are missing. It is a `StudyError` if the
    folder holds something else, the cluster (the address of its scheduler) cannot be used, or a
    process that was doing a run died.
    """
    if jobs < 1:
        raise StudyError(f"Expected at least one job, got {jobs}.")
    if scheduler is not None and "://" not in scheduler:
        raise StudyError(
            f"Expected the address of a Dask scheduler, like tcp://host:8786, got {scheduler!r}."
        )
    store = RunStore.create(folder, study)
    names = {run_name(key): key for key in study.runs()}
    finished = store.merged_names() & names.keys()
    failed: set[str] = set()
    time_left = _TimeLeft(study.cost_factor)
    for record in store.records():
        name = run_name(record["key"])
        time_left.observe(record)
        if name in names:
            (failed if "error" in record else finished).add(name)
    skipped = finished if retry_failed else finished | failed
    pending = [key for name, key in names.items() if name not in skipped]
    columns = (TextColumn(study.name), BarColumn(), MofNCompleteColumn(), time_left)
    with Progress(*columns, console=console or Console()) as progress:
        bar = progress.add_task("", total=len(study), completed=len(study) - len(pending))
        with _backend(jobs, scheduler) as workers:
            time_left.start(pending, workers)
            progress.refresh()
            for record in _records(study, pending):
                store.write(record)
                name = run_name(record["key"])
                (failed if "error" in record else finished).add(name)
                time_left.finish(record)
                progress.advance(bar)
    return StudyState(len(study), len(finished), len(failed - finished))


def _records(study: Study, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
    """The records of runs, each as soon as it is there."""
    # One run a batch: joblib would otherwise hand over short runs several at a time.
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    try:
        yield from parallel(joblib.delayed(execute)(study, key) for key in keys)
    except BrokenProcessPool as error:
        raise StudyError(
            "A process that was doing a run died, perhaps for want of memory. Finished runs are "
            f"kept: start the study again to go on, with fewer jobs. ({error})"
        ) from error


@contextmanager
def _backend(jobs: int, scheduler: str | None) -> Iterator[int]:
    """Choose what runs joblib's work while inside; yields the number of workers."""
    if scheduler is None:
        # Processes whose parent was killed end when they have been idle for so long.
        idle = {"inner_max_num_threads": 1, "idle_worker_timeout": _IDLE_SECONDS}
        with joblib.parallel_config(backend="loky", n_jobs=jobs, **idle):
            yield jobs
        return
    try:
        from distributed import Client, KilledWorker
    except ModuleNotFoundError as error:
        raise StudyError(
            "A Dask cluster needs the extra 'distributed': pip install -e '.[distributed]'"
        ) from error
    try:
        client = Client(scheduler, set_as_default=False)
    except OSError as error:
        raise StudyError(f"Found no Dask scheduler at {scheduler}: {error}") from error
    with client:
        threads = client.nthreads()
        if not threads or any(count != 1 for count in threads.values()):
            raise StudyError(
                "Expected Dask workers of one thread each, as runs seed the generators of their "
                f"process (dask worker --nthreads 1), got {sorted(threads.values()) or 'none'}."
            )
        try:
            with joblib.parallel_config(backend="dask", client=client, n_jobs=-1):
                yield len(threads)
        except KilledWorker as error:
            raise StudyError(
                "Several workers in a row died on the same run, perhaps for want of memory. "
                f"Finished runs are kept: start the study again to go on. ({error})"
            ) from error


class _TimeLeft(ProgressColumn):
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
        self._workers = workers
        self._updated = time.monotonic()
        self._pending.update(key.get(self._factor) for key in pending)

    def observe(self, record: dict[str, Any]) -> None:
        if "error" not in record:
            self._seconds[record["key"].get(self._factor)].append(record["seconds"])

    def finish(self, record: dict[str, Any]) -> None:
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
        if task.finished:
            return Text("done")
        seconds = self.seconds()
        left = "-:--:--" if seconds is None else str(timedelta(seconds=round(seconds)))
        return Text(f"{left} left", style="progress.remaining")

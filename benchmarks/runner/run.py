"""Running a study: in local processes or on a Dask cluster, continued where it was stopped."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.runner.grid import Key, Study, StudyError, execute, run_name
from benchmarks.runner.results import extend_plan, load_results, write_run

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
    """Do the runs of a study that are not done yet, each written at once.

    A `StudyError`: another study in the folder, no usable cluster, a process that died.
    """
    if jobs < 1:
        raise StudyError(f"Expected at least one job, got {jobs}.")
    if scheduler is not None and "://" not in scheduler:
        address = "the address of a Dask scheduler, like tcp://host:8786"
        raise StudyError(f"Expected {address}, got {scheduler!r}.")
    extend_plan(folder, study)
    results = load_results(folder)
    keys = {run_name(key): key for key in study.runs()}
    finished = set(results.names(results.rows)) & keys.keys()
    failed = set(results.names(results.failures)) & keys.keys()
    skipped = finished if retry_failed else finished | failed
    pending = [key for name, key in keys.items() if name not in skipped]
    columns = TextColumn(study.name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    # Runs may take minutes: the time left is told from all of them.
    with Progress(*columns, console=console, speed_estimate_period=math.inf) as progress:
        bar = progress.add_task("", total=len(keys), completed=len(skipped))
        with _backend(jobs, scheduler):
            for record in _records(study, pending):
                write_run(folder, record)
                (failed if "error" in record else finished).add(run_name(record["key"]))
                progress.advance(bar)
    return StudyState(len(keys), len(finished), len(failed - finished))


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
def _backend(jobs: int, scheduler: str | None) -> Iterator[None]:
    """Choose what runs joblib's work while inside."""
    if scheduler is None:
        # Processes whose parent was killed end when they have been idle for so long.
        idle = {"inner_max_num_threads": 1, "idle_worker_timeout": _IDLE_SECONDS}
        with joblib.parallel_config(backend="loky", n_jobs=jobs, **idle):
            yield
        return
    try:
        from distributed import Client, KilledWorker
    except ModuleNotFoundError as error:
        hint = "pip install -e '.[distributed]'"
        raise StudyError(f"A Dask cluster needs the extra 'distributed': {hint}") from error
    try:
        client = Client(scheduler, set_as_default=False)
    except OSError as error:
        raise StudyError(f"Found no Dask scheduler at {scheduler}: {error}") from error
    with client:
        threads = client.nthreads()
        if set(threads.values()) != {1}:
            raise StudyError(
                "Expected Dask workers of one thread each, as runs seed the generators of their "
                f"process (dask worker --nthreads 1), got {sorted(threads.values()) or 'none'}."
            )
        try:
            with joblib.parallel_config(backend="dask", client=client, n_jobs=-1):
                yield
        except KilledWorker as error:
            raise StudyError(
                "Several workers in a row died on the same run, perhaps for want of memory. "
                f"Finished runs are kept: start the study again to go on. ({error})"
            ) from error

"""The part `scale` of the benchmark: rows times tasks, ours and the GPs' up to where they fail."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.methods import INDEPENDENT_GPS, KRONECKER_GP, MULTI_TASK_GP, OURS

PEERS = (MULTI_TASK_GP, KRONECKER_GP, INDEPENDENT_GPS)
MEMORY_LIMIT_MIB = 16 * 1024
JOB_MODULE = "benchmarks.bench.scale_job"


class Size(NamedTuple):
    """A size of data.

    Attributes:
        n: The number of rows, in all of which every task is observed.
        tasks: The number of tasks.
        d: The input dimension.
    """

    n: int
    tasks: int
    d: int


ROWS = (
    *(Size(n, 4, 10) for n in (100, 1_000, 10_000, 100_000)),
    Size(1_000_000, 2, 10),
)
TASKS = tuple(Size(200, tasks, 4) for tasks in (2, 4, 16, 64))
SWEEPS = {"rows": ROWS, "tasks": TASKS}


def bench_scale(
    peers: tuple[str, ...],
    sweeps: dict[str, tuple[Size, ...]],
    threads: int,
    time_limit: float,
    advance: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Fit ever larger data, each in a process of its own.

    A method that fails at one size of a sweep, for want of memory or time, is not tried at the
    larger ones.

    Args:
        peers: Names of `SURROGATES` to compare with.
        sweeps: The sizes by the name of the sweep, smallest first.
        threads: The number of threads.
        time_limit: The seconds of processor time after which a fit is stopped.
        advance: Called after every fit, also one not tried.

    Yields:
        One row per fit: `part`, `kind` (the sweep), `n`, `tasks`, `d`, `method`, `repeat`,
        `seconds`, `peak_mib`, and `failure`, a few words where there is no result.
    """
    for sweep, sizes in sweeps.items():
        failed: dict[str, str] = {}
        for size in sizes:
            for method in (OURS, *peers):
                row: dict[str, Any] = {
                    "part": "scale",
                    "kind": sweep,
                    "method": method,
                    "repeat": 0,
                }
                row |= size._asdict()
                if method not in failed:
                    outcome = fit_in_process(method, size, threads, time_limit)
                    if "failure" in outcome:
                        failed[method] = outcome["failure"]
                    yield row | outcome
                advance()


def fit_in_process(method: str, size: Size, threads: int, time_limit: float) -> dict[str, Any]:
    """Fit once in a new process.

    Args:
        method: A name of `SURROGATES`.
        size: The size of the data.
        threads: The number of threads.
        time_limit: Seconds of processor time.

    Returns:
        `seconds` and `peak_mib`, or `failure`.
    """
    job = size._asdict() | {
        "method": method,
        "threads": threads,
        "memory_limit": MEMORY_LIMIT_MIB,
        "time_limit": time_limit * threads,
    }
    command = [sys.executable, "-m", JOB_MODULE, json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result
    if done.returncode == -signal.SIGXCPU:
        return {"failure": f"> {time_limit:g} s"}
    if done.returncode == -signal.SIGKILL:
        # As a rule the system's, when there is no memory left.
        return {"failure": "killed (memory?)"}
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    out_of_memory = any(words in last[0] for words in ("allocate memory", "MemoryError"))
    return {"failure": "out of memory" if out_of_memory else last[0]}

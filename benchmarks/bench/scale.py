"""The part `scale` of the benchmark: ever larger data, ours and the GPs' up to where they fail.

Every fit has a process of its own, so that its peak of memory can be read: this file as a module.
"""

from __future__ import annotations

import json
import math
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.bench.clock import Row, clock, limited_threads
from benchmarks.methods import INDEPENDENT_GPS, KRONECKER_GP, MULTI_TASK_GP, OURS, SURROGATES
from benchmarks.methods.run import without_sparse_warning

PEERS = (MULTI_TASK_GP, KRONECKER_GP, INDEPENDENT_GPS)
MEMORY_LIMIT_MIB = 16 * 1024
MODULE = "benchmarks.bench.scale"
_MIB = 1 << 20
_GRACE = 5
_STATUS = Path("/proc/self/status")


class Size(NamedTuple):
    """A size of data: rows, in all of which every task is observed, tasks, and input dimension."""

    n: int
    tasks: int
    d: int


SWEEPS = {
    "rows": (*(Size(10**k, 4, 10) for k in (2, 3, 4, 5)), Size(1_000_000, 2, 10)),
    "tasks": tuple(Size(200, tasks, 4) for tasks in (2, 4, 16, 64)),
}
"""The sizes by the name of the sweep, smallest first."""


def bench_scale(
    peers: tuple[str, ...], sweeps: dict[str, tuple[Size, ...]], threads: int, time_limit: float
) -> Iterator[Row | None]:
    """Fit ever larger data: `seconds` and `peak_mib`, or `failure`, a few words.

    A method that fails at one size of a sweep, for want of memory or time, is not tried at the
    larger ones: `None` in place of a row.
    """
    for sweep, sizes in sweeps.items():
        failed: set[str] = set()
        for size in sizes:
            for method in (OURS, *peers):
                if method in failed:
                    yield None
                    continue
                outcome = fit_in_process(method, size, threads, time_limit)
                if "failure" in outcome:
                    failed.add(method)
                row: Row = {"part": "scale", "kind": sweep, "method": method, "repeat": 0}
                yield row | size._asdict() | outcome


def fit_in_process(method: str, size: Size, threads: int, time_limit: float) -> Row:
    """Fit once in a new process, in so many seconds of processor time per thread."""
    job = size._asdict() | {
        "method": method,
        "threads": threads,
        "memory_limit": MEMORY_LIMIT_MIB,
        "time_limit": time_limit * threads,
    }
    command = [sys.executable, "-m", MODULE, json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        result: Row = json.loads(done.stdout.splitlines()[-1])
        return result
    if done.returncode == -signal.SIGXCPU:
        return {"failure": f"> {time_limit:g} s"}
    if done.returncode == -signal.SIGKILL:
        # As a rule the system's, when there is no memory left.
        return {"failure": "killed (memory?)"}
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    out_of_memory = any(words in last[0] for words in ("allocate memory", "MemoryError"))
    return {"failure": "out of memory" if out_of_memory else last[0]}


def draw_data(n: int, d: int, num_tasks: int) -> tuple[Tensor, Tensor]:
    """Uniform points and smooth, noisy, related targets, made without large intermediates.

    Returns:
        A `n x d`-dim and a `n x T`-dim tensor.
    """
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(n, d, generator=generator, dtype=torch.double)
    slopes = torch.randn(d, num_tasks, generator=generator, dtype=torch.double)
    Y = torch.randn(n, num_tasks, generator=generator, dtype=torch.double).mul_(0.1)
    for rows in torch.arange(n).split(100_000):
        Y[rows] += (X[rows] @ (1.0 + 0.3 * slopes)).sin()
    return X, Y


def memory(field: str) -> float:
    """A field of the process's memory in MiB, NaN where the system does not tell."""
    if not _STATUS.exists():
        return float("nan")
    found = re.search(rf"{field}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    return float("nan") if found is None else int(found[1]) * 1024 / _MIB


def _set_limit(kind: int, value: float) -> None:
    """Set a limit of this process.

    The hard limit is a little above: at a hard limit of processor time the system kills as it does
    for want of memory, at the soft one it sends a signal that says so.
    """
    resource.setrlimit(kind, (math.ceil(value), math.ceil(value) + _GRACE))


def run_job(job: dict[str, Any]) -> dict[str, float]:
    """Fit once, in this process; the peak is that above what it held with its data."""
    now = clock(job["threads"])
    X, Y = draw_data(job["n"], job["d"], job["tasks"])
    _set_limit(resource.RLIMIT_AS, job["memory_limit"] * _MIB)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, used.ru_utime + used.ru_stime + job["time_limit"])
    before, started = memory("VmRSS"), now()
    with without_sparse_warning():
        SURROGATES[job["method"]](X, Y, 0)
    return {"seconds": now() - started, "peak_mib": memory("VmHWM") - before}


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    with limited_threads(job["threads"]):
        print(json.dumps(run_job(job)))

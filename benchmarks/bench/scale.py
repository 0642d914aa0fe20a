"""The part `scale` of the benchmark: ever larger data, ours and the GPs' up to where they fail."""

import json
import math
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.bench.clock import Row, Series, clock, limited_threads, timed
from benchmarks.methods import OURS, SURROGATES
from benchmarks.methods.run import without_sparse_warning

MEMORY_LIMIT_MIB = 16 * 1024
MODULE = "benchmarks.bench.scale"
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
Sweeps = Mapping[str, Sequence[Size]]


def scale_series(
    peers: Sequence[str], sweeps: Sweeps, threads: int, time_limit: float
) -> list[Series]:
    """Fits of ever larger data: `seconds` and `peak_mib`, or `failure`, a few words."""

    def fit(method: str, size: Size) -> list[Row]:
        outcome = fit_in_process(method, size, threads, time_limit)
        return [size._asdict() | {"repeat": 0, "seconds": math.nan} | outcome]

    methods = [OURS, *peers]
    return [Series({"part": "scale", "kind": x}, methods, fit, sweeps[x]) for x in sweeps]


def fit_in_process(method: str, size: Size, threads: int, time_limit: float) -> Row:
    """Fit once in a new process, whose peak of memory can be read: this file as a module."""
    job = json.dumps([method, size, threads, time_limit * threads, MEMORY_LIMIT_MIB])
    command = [sys.executable, "-m", MODULE, job]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    if done.returncode == -signal.SIGXCPU:
        last = f"> {time_limit:g} s"
    elif done.returncode == -signal.SIGKILL:  # as a rule the system's, without memory left
        last = "killed (memory?)"
    elif "allocate memory" in last or "MemoryError" in last:
        last = "out of memory"
    return {"failure": last}


def draw_data(n: int, d: int, num_tasks: int) -> tuple[Tensor, Tensor]:
    """Uniform points and smooth, noisy, related targets, made without large intermediates."""
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(n, d, generator=generator, dtype=torch.double)
    slopes = torch.randn(d, num_tasks, generator=generator, dtype=torch.double)
    Y = torch.randn(n, num_tasks, generator=generator, dtype=torch.double).mul_(0.1)
    for rows in torch.arange(n).split(100_000):
        Y[rows] += (X[rows] @ (1.0 + 0.3 * slopes)).sin()
    return X, Y


def memory(field: str) -> float:
    """A field of the process's memory in MiB, NaN where the system does not tell."""
    status = _STATUS.read_text(encoding="ascii") if _STATUS.exists() else ""
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else math.nan


def run_job(
    method: str, size: list[int], threads: int, time_limit: float, memory_limit: int
) -> Row:
    """Fit once, in this process; the peak is that above what it held with its data."""
    n, tasks, d = size
    X, Y = draw_data(n, d, tasks)
    seconds = math.ceil(time.process_time() + time_limit)
    held = memory("VmSize")
    most = memory_limit + (0 if math.isnan(held) else math.ceil(held))
    limits = ((resource.RLIMIT_AS, most << 20), (resource.RLIMIT_CPU, seconds))
    for kind, limit in limits:
        # The soft limit of time sends a signal that says so, the hard one kills.
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    before = memory("VmRSS")
    with limited_threads(threads), without_sparse_warning():
        _, spent = timed(lambda: SURROGATES[method](X, Y, 0), clock(threads))
    return {"seconds": spent, "peak_mib": memory("VmHWM") - before}


if __name__ == "__main__":
    print(json.dumps(run_job(*json.loads(sys.argv[1]))))

"""One fit in a process of its own, so that its peak of memory can be read: run as a module."""

from __future__ import annotations

import json
import math
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.bench.clock import clock, limited_threads
from benchmarks.methods import SURROGATES, without_sparse_warning

_MIB = 1 << 20
_GRACE = 5
_STATUS = Path("/proc/self/status")


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


def run_job(job: dict[str, Any], now: Callable[[], float]) -> dict[str, float]:
    """Fit once.

    Args:
        job: `method` (of `SURROGATES`), `n`, `d`, `tasks`, `memory_limit` in MiB, `time_limit` in
            seconds of processor time, at which the process ends.
        now: The clock.

    Returns:
        `seconds`, and `peak_mib`, the peak of memory above what the process held with its data.
    """
    X, Y = draw_data(job["n"], job["d"], job["tasks"])
    _set_limit(resource.RLIMIT_AS, job["memory_limit"] * _MIB)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, used.ru_utime + used.ru_stime + job["time_limit"])
    before, started = memory("VmRSS"), now()
    with without_sparse_warning():
        SURROGATES[job["method"]](X, Y, 0)
    return {"seconds": now() - started, "peak_mib": memory("VmHWM") - before}


def main() -> None:
    """Do the job given as JSON in the first argument; print its result as JSON."""
    job = json.loads(sys.argv[1])
    with limited_threads(job["threads"]):
        print(json.dumps(run_job(job, clock(job["threads"]))))


if __name__ == "__main__":
    main()

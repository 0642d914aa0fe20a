"""The benchmark: which parts there are, and how they are run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.bench import fitting, scale, swarms
from benchmarks.bench.clock import Row, clock, limited_threads
from benchmarks.bench.report import report_bench
from benchmarks.rows import read_rows
from botorch_cll.files import write_atomically

PARTS = ("fit", "propose", "swarm", "scale")


@dataclass(frozen=True)
class BenchOptions:
    """What to measure.

    Attributes:
        parts: Some of `PARTS`.
        repeats: The number of rounds of the parts `fit` and `propose`.
        seeds: The number of surfaces of each kind of the part `swarm`.
        threads: The number of threads.
        time_limit: The seconds after which a fit of the part `scale` is stopped.
        peers: The surrogates to compare with, of those that a part has.
        fit_sizes: The numbers of points per task of the part `fit`.
        sweeps: The sizes of data of the part `scale`.
    """

    parts: tuple[str, ...] = PARTS
    repeats: int = 5
    seeds: int = 100
    threads: int = 1
    time_limit: float = 120.0
    peers: tuple[str, ...] = fitting.PEERS
    fit_sizes: tuple[int, ...] = fitting.FIT_SIZES
    sweeps: dict[str, tuple[scale.Size, ...]] = field(default_factory=lambda: scale.SWEEPS)

    def steps(self) -> dict[str, int]:
        """How many times each part advances."""
        some = 1 + len(self._gps())
        steps = {
            "fit": len(self.fit_sizes) * self.repeats * (1 + len(self.peers)),
            "propose": self.repeats * some,
            "swarm": len(swarms.OPTIMIZERS) * len(swarms.SURFACES) * self.seeds,
            "scale": sum(map(len, self.sweeps.values())) * some,
        }
        return {part: steps[part] for part in self.parts}

    def rows(self, part: str) -> Iterator[Row | None]:
        """Run one part: a row per step, `None` for one sat out; see there for the rows."""
        now = clock(self.threads)
        if part == "fit":
            return fitting.bench_fit(self.peers, self.fit_sizes, self.repeats, now)
        if part == "propose":
            return fitting.bench_propose(self._gps(), self.repeats, now)
        if part == "swarm":
            return swarms.bench_swarm(tuple(swarms.SURFACES), self.seeds, now)
        return scale.bench_scale(self._gps(), self.sweeps, self.threads, self.time_limit)

    def _gps(self) -> tuple[str, ...]:
        return tuple(name for name in self.peers if name in scale.PEERS)


def run_bench(
    options: BenchOptions, out: Path | None = None, console: Console | None = None
) -> pd.DataFrame:
    """Run parts of the benchmark and print their tables.

    Args:
        options: What to measure.
        out: A CSV file for all rows, written after every part.
        console: Where to print.

    Returns:
        All rows.
    """
    console = console or Console()
    rows: list[Row] = []
    about = {"threads": options.threads, "versions": _versions()}
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
        limited_threads(options.threads),
        warnings.catch_warnings(),
    ):
        # What BoTorch and GPyTorch warn of (jitter, retries) would fill the terminal.
        warnings.simplefilter("ignore")
        for part, steps in options.steps().items():
            bar = progress.add_task(part, total=steps)
            for row in options.rows(part):
                if row is not None:
                    rows.append(row | about)
                if row is None or row["part"] == part:
                    progress.advance(bar)
            if out is not None:
                write_atomically(out, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
    results = pd.DataFrame(rows)
    report_bench(results).print(console)
    return results


def read_bench(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of CSV files that `run_bench` has written.

    Raises:
        InputDataError: If a file holds something else.
    """
    columns = ("part", "method", "repeat", "seconds", "threads", "versions")
    return pd.concat([read_rows(path, columns) for path in paths], ignore_index=True)


def _versions() -> str:
    known = []
    for package in ("botorch_cll", "torch", "botorch", "gpytorch", "pymoo", "cma"):
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(known)

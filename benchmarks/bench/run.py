"""The benchmark: which parts there are, and how they are run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from botorch_cll.studies.rows import read_rows
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.bench import fitting, scale, swarms
from benchmarks.bench.clock import clock, limited_threads
from benchmarks.bench.report import report_bench
from botorch_cll.files import write_atomically

PARTS = ("fit", "propose", "swarm", "scale")
_PACKAGES = ("botorch_cll", "torch", "botorch", "gpytorch", "pymoo", "cma")


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
    sweeps: dict[str, tuple[scale.Size, ...]] | None = None

    def steps(self) -> dict[str, int]:
        """How many times each part advances."""
        methods = 1 + len(self.peers)
        sizes = sum(map(len, (self.sweeps or scale.SWEEPS).values()))
        steps = {
            "fit": len(self.fit_sizes) * self.repeats * methods,
            "propose": self.repeats * (1 + len(self._peers_of(scale.PEERS))),
            "swarm": 5 * len(swarms.SURFACES) * self.seeds,
            "scale": sizes * (1 + len(self._peers_of(scale.PEERS))),
        }
        return {part: steps[part] for part in self.parts}

    def rows(self, part: str, advance: Callable[[], None]) -> Iterator[dict[str, Any]]:
        """Run one part; see there for its rows."""
        now = clock(self.threads)
        peers = self._peers_of(scale.PEERS)
        if part == "fit":
            yield from fitting.bench_fit(self.peers, self.fit_sizes, self.repeats, now, advance)
            yield from fitting.bench_floor(self.fit_sizes, self.repeats, now)
        elif part == "propose":
            yield from fitting.bench_propose(peers, self.repeats, now, advance)
        elif part == "swarm":
            yield from swarms.bench_swarm(tuple(swarms.SURFACES), self.seeds, now, advance)
        else:
            yield from scale.bench_scale(
                peers, self.sweeps or scale.SWEEPS, self.threads, self.time_limit, advance
            )

    def _peers_of(self, known: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in self.peers if name in known)


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
    rows: list[dict[str, Any]] = []
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
            for row in options.rows(part, lambda bar=bar: progress.advance(bar)):  # type: ignore[misc]
                rows.append({**row, "threads": options.threads, "versions": _versions()})  # noqa: PERF401
            if out is not None:
                text = pd.DataFrame(rows).to_csv(index=False, float_format="%.6g")
                write_atomically(out, text)
    results = pd.DataFrame(rows)
    report_bench(results).print(console)
    return results


def read_bench(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows that were written before.

    Args:
        paths: CSV files as `run_bench` writes them.

    Returns:
        Their rows.

    Raises:
        InputDataError: If a file holds something else.
    """
    columns = ("part", "method", "repeat", "seconds", "threads", "versions")
    return pd.concat([read_rows(path, columns) for path in paths], ignore_index=True)


def _versions() -> str:
    known = []
    for package in _PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(known)

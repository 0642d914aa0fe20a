"""The benchmark: which parts there are, and how they are run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions, version
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from benchmarks.bench import fitting, scale, swarms
from benchmarks.bench.clock import Row, clock, limited_threads
from benchmarks.bench.report import report_bench
from benchmarks.rows import read_rows
from botorch_cll.files import write_atomically

PARTS = ("fit", "propose", "swarm", "scale")
_PACKAGES = ("botorch_cll", "torch", "botorch", "gpytorch", "pymoo", "cma")


@dataclass(frozen=True)
class BenchOptions:
    """What to measure, as the options of the command say, and the sizes of the part `scale`."""

    parts: tuple[str, ...] = PARTS
    repeats: int = 5
    seeds: int = 100
    threads: int = 1
    time_limit: float = 120.0
    peers: tuple[str, ...] = fitting.PEERS
    fit_sizes: tuple[int, ...] = fitting.FIT_SIZES
    sweeps: dict[str, tuple[scale.Size, ...]] = field(default_factory=lambda: scale.SWEEPS)

    def works(self) -> dict[str, tuple[int, Iterator[Row | None]]]:
        """The number of steps of each part, and its rows: `None` for a step that is left out."""
        now, kinds = clock(self.threads), tuple(swarms.SURFACES)
        gps = tuple(name for name in self.peers if name in scale.PEERS)
        steps = {
            "fit": len(self.fit_sizes) * self.repeats * (1 + len(self.peers)),
            "propose": self.repeats * (1 + len(gps)),
            "swarm": len(swarms.OPTIMIZERS) * len(kinds) * self.seeds,
            "scale": sum(map(len, self.sweeps.values())) * (1 + len(gps)),
        }
        rows = {
            "fit": fitting.bench_fit(self.peers, self.fit_sizes, self.repeats, now),
            "propose": fitting.bench_propose(gps, self.repeats, now),
            "swarm": swarms.bench_swarm(kinds, self.seeds, now),
            "scale": scale.bench_scale(gps, self.sweeps, self.threads, self.time_limit),
        }
        return {part: (steps[part], rows[part]) for part in self.parts}


def run_bench(
    options: BenchOptions, out: Path | None = None, console: Console | None = None
) -> pd.DataFrame:
    """Run parts of the benchmark and print their tables; `out` is written after every part."""
    console = console or Console()
    rows: list[Row] = []
    installed = {package.name for package in distributions()}
    known = [f"{name} {version(name)}" for name in _PACKAGES if name in installed]
    about = {"threads": options.threads, "versions": ", ".join(known)}
    with (
        Progress(
            *Progress.get_default_columns(), MofNCompleteColumn(), console=console
        ) as progress,
        limited_threads(options.threads),
        warnings.catch_warnings(),
    ):
        # What BoTorch and GPyTorch warn of (jitter, retries) would fill the terminal.
        warnings.simplefilter("ignore")
        for part, (steps, results) in options.works().items():
            bar = progress.add_task(part, total=steps)
            for row in results:
                if row is not None:
                    rows.append(row | about)
                # The rows of the floor are no steps.
                if row is None or row["part"] == part:
                    progress.advance(bar)
            if out is not None:
                write_atomically(out, pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
    frame = pd.DataFrame(rows)
    report_bench(frame).print(console)
    return frame


def read_bench(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of CSV files that `run_bench` has written; `InputDataError` for other files."""
    columns = ("part", "method", "repeat", "seconds", "threads", "versions")
    return pd.concat([read_rows(path, columns) for path in paths], ignore_index=True)

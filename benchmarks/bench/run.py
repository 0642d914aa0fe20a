"""The benchmark: which parts there are, and how they are run."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import distributions, version
from io import StringIO
from itertools import chain
from pathlib import Path

import pandas as pd
from botorch.exceptions.errors import InputDataError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from benchmarks.bench.clock import Row, Series, clock, limited_threads
from benchmarks.bench.fitting import fit_series, propose_series
from benchmarks.bench.report import report_bench
from benchmarks.bench.scale import SWEEPS, Sweeps, scale_series
from benchmarks.bench.swarms import swarm_series
from benchmarks.methods import VBLL
from botorch_cll.files import write_atomically

PARTS = ("fit", "propose", "swarm", "scale")
_PACKAGES = ("botorch_cll", "torch", "botorch", "gpytorch", "pymoo", "cma")


def run_bench(
    parts: Sequence[str],
    peers: Sequence[str],
    fit_sizes: Sequence[int],
    repeats: int,
    seeds: int,
    threads: int,
    time_limit: float,
    out: Path | None = None,
    console: Console | None = None,
    sweeps: Sweeps = SWEEPS,
) -> pd.DataFrame:
    """Run parts of the benchmark and print their tables; `out` is written after every part."""
    now, quick = clock(threads), [peer for peer in peers if peer != VBLL]
    series_of: dict[str, Callable[[], list[Series]]] = {
        "fit": partial(fit_series, peers, fit_sizes, repeats, now),
        "propose": partial(propose_series, quick, repeats),
        "swarm": partial(swarm_series, seeds),
        "scale": partial(scale_series, quick, sweeps, threads, time_limit),
    }
    console = console or Console()
    installed = {package.name for package in distributions()}
    known = [f"{name} {version(name)}" for name in _PACKAGES if name in installed]
    about = {"threads": threads, "versions": ", ".join(known)}
    rows: list[Row] = []
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with (
        Progress(*columns, console=console) as progress,
        limited_threads(threads),
        warnings.catch_warnings(),
    ):
        # What BoTorch and GPyTorch warn of (jitter, retries) would fill the terminal.
        warnings.simplefilter("ignore")
        for part in parts:
            bar = progress.add_task(part, total=None)
            all_series = series_of[part]()
            progress.update(bar, total=sum(map(len, all_series)))
            for step in chain.from_iterable(series.steps(now) for series in all_series):
                rows += [row | about for row in step]
                progress.advance(bar)
            kept = pd.DataFrame(rows).to_csv(index=False, float_format="%.6g")
            if out is not None:
                write_atomically(out, kept)
    frame = pd.read_csv(StringIO(kept))  # so that tables show what is read again, to the digit
    report_bench(frame).print(console)
    return frame


def read_bench(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of CSV files that `run_bench` has written; `InputDataError` for other files."""
    columns = ("part", "method", "repeat", "seconds", "threads", "versions")
    found = []
    for path in paths:
        try:
            found.append(pd.read_csv(path))
        # What pandas raises for other files: ParserError, EmptyDataError or UnicodeDecodeError.
        except ValueError as error:
            got = f"{path}: {str(error).strip()}."
            raise InputDataError(f"Expected a CSV file, got {got}") from error
        absent = [column for column in columns if column not in found[-1]]
        if absent:
            wanted = f"the columns of this command in {path}"
            raise InputDataError(f"Expected {wanted}, got no {absent}.")
    return pd.concat(found, ignore_index=True)

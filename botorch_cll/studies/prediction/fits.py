"""Grids of fits: run in parallel, kept on disk as they finish, read again."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botorch
import gpytorch
import pandas as pd
import torch
from botorch.exceptions.errors import InputDataError
from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

from botorch_cll import __version__
from botorch_cll.files import write_atomically
from botorch_cll.studies.prediction.problems import Problem
from botorch_cll.studies.prediction.scores import PERCENT, draw_data, score
from botorch_cll.studies.rows import read_rows
from botorch_cll.studies.surrogates import SURROGATES

KEY = ["family", "problem", "n", "rich", "seed", "surrogate"]
METRICS = ["rmse", "nlpd", *(f"coverage_{percent}" for percent in PERCENT), "sharpness", "seconds"]
COLUMNS = [*KEY, "correlation", *METRICS, "failure", "versions"]
SECONDS_BETWEEN_WRITES = 20.0
_MODULES = (botorch, gpytorch, torch)


@dataclass(frozen=True)
class Fit:
    """One surrogate on one problem, data set and seed.

    Attributes:
        problem: The problem.
        n: The observations of each scored task.
        rich: The observations of the second task, elsewhere, in which case the first is scored;
            zero if both are observed at the same points and scored.
        seed: The seed of problem, data and surrogate.
        surrogate: A key of `SURROGATES`.
    """

    problem: Problem
    n: int
    rich: int
    seed: int
    surrogate: str

    @property
    def key(self) -> tuple[str, str, int, int, int, str]:
        """The values of the columns `KEY`."""
        problem = self.problem
        return problem.family, problem.label, self.n, self.rich, self.seed, self.surrogate

    def run(self) -> dict[str, Any]:
        """Fit, predict and score on one thread.

        Returns:
            A row with the columns `COLUMNS`: errors, log densities and sharpness in units of the
            task's standard deviation over the test points, predictive variances with noise, means
            over the scored tasks, seconds of processor time for fit and prediction. Where the
            surrogate does not support the data or its fit fails, the error is in `failure` instead.
        """
        row: dict[str, Any] = dict(zip(KEY, self.key, strict=True))
        row |= {"correlation": self.problem.correlation, "versions": _versions()}
        X, Y, test_X, test_Y = draw_data(
            self.problem.build(self.seed), self.n, self.rich, self.seed
        )
        # What BoTorch and GPyTorch warn of (jitter, retries) would fill the terminal.
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            started = time.process_time()
            try:
                model = SURROGATES[self.surrogate](X, Y, self.seed)
                scores = score(model, test_X, test_Y)
            except Exception as error:  # one fit must not end a study of hours; the report names it
                return row | {"failure": f"{type(error).__name__}: {error}"}
            row["seconds"] = time.process_time() - started
        scored = slice(0, 1) if self.rich else slice(None)
        return row | {name: values[scored].mean().item() for name, values in scores.items()}


def run_fits(
    fits: Sequence[Fit], out: Path | None = None, jobs: int = 1, console: Console | None = None
) -> pd.DataFrame:
    """Run fits with a progress bar.

    Args:
        fits: The fits.
        out: A CSV file for the rows, or `None`. It is replaced as a whole every now and then, so
            that an interrupted run leaves what has finished. Rows it has already are kept and not
            run again.
        jobs: The number of processes.
        console: Where to show progress.

    Returns:
        All rows, those that were in the file included.

    Raises:
        InputDataError: If the file exists and has other columns.
    """
    console = console or Console()
    rows = read_fits([out]).to_dict("records") if out is not None and out.exists() else []
    known = {tuple(row[column] for column in KEY) for row in rows}
    fits = list(dict.fromkeys(fits))
    missing = [fit for fit in fits if fit.key not in known]
    if rows:
        console.print(f"{len(fits) - len(missing)} of {len(fits)} fits are in {out} already.")
    _write(rows, out)
    written = time.monotonic()
    parts = (TextColumn("fits"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*parts, console=console) as progress:
            bar = progress.add_task("", total=len(missing))
            run = Parallel(n_jobs=jobs, return_as="generator_unordered")
            for row in run(delayed(Fit.run)(fit) for fit in missing):
                rows.append(row)
                progress.advance(bar)
                if time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                    _write(rows, out)
                    written = time.monotonic()
    finally:
        _write(rows, out)
    return _frame(rows)


def read_fits(paths: Sequence[Path]) -> pd.DataFrame:
    """Read what `run_fits` has written, from one file or the parts of several.

    Raises:
        InputDataError: If a file is none of `run_fits`, or a fit occurs twice.
    """
    rows = pd.concat([read_rows(path, COLUMNS) for path in paths])
    twice = rows[rows.duplicated(KEY)]
    if len(twice):
        raise InputDataError(
            f"Expected each fit once, got {len(twice)} twice, {twice.iloc[0][KEY].tolist()} first."
        )
    return _frame(rows.to_dict("records"))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows in an order that does not depend on which fit finished first."""
    order = {name: position for position, name in enumerate(SURROGATES)}
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values(
        KEY, key=lambda column: column.map(order) if column.name == "surrogate" else column
    ).reset_index(drop=True)


def _write(rows: list[dict[str, Any]], out: Path | None) -> None:
    if out is None:
        return
    write_atomically(out, _frame(rows).to_csv(index=False))


def _versions() -> str:
    others = ", ".join(f"{module.__name__} {module.__version__}" for module in _MODULES)
    return f"botorch_cll {__version__}, {others}"

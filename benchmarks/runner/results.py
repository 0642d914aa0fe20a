"""The results of a study as tidy tables, from its run files or from the merged CSV files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runner import store
from benchmarks.runner.grid import product_keys, run_name
from botorch_cll.files import write_atomically

MAX_CURVE_POINTS = 25
"""How many points of a curve are kept in the merged file, evenly spaced along the curve."""


@dataclass(frozen=True)
class Results:
    """The results of a study, complete or not.

    Attributes:
        study, config, pieces: As in `RunStore`.
        rows: One row per run and task: the study, the key, the values, the seconds, the versions.
        curves: One row per run, task, quantity (`curve`) and point (`x`, `y`).
        failures: One row per run that raised an error.
    """

    study: str
    config: Mapping[str, Any]
    pieces: Sequence[store.Piece]
    rows: pd.DataFrame
    curves: pd.DataFrame
    failures: pd.DataFrame

    @property
    def levels(self) -> dict[str, list[Any]]:
        """All levels of every factor, in the order in which they were asked for."""
        return store.merged_levels(self.pieces)

    @property
    def factors(self) -> list[str]:
        """The columns that make up the key of a run."""
        return list(self.pieces[0])

    def found(self, factor: str) -> list[Any]:
        """The levels of a factor that have rows, in the order in which they were asked for."""
        there = set(self.rows[factor])
        return [level for level in self.levels[factor] if level in there]

    @property
    def num_requested(self) -> int:
        """The number of runs that were asked for."""
        return len({run_name(key) for piece in self.pieces for key in product_keys(piece)})

    @property
    def num_finished(self) -> int:
        """The number of finished runs."""
        return 0 if self.rows.empty else len(self.rows[self.factors].drop_duplicates())

    @property
    def state(self) -> str:
        """How complete the results are, in words."""
        requested, finished = self.num_requested, self.num_finished
        if finished == 0:
            return f"None of {requested} runs is finished."
        if finished == requested:
            return f"All {requested} runs asked for are finished."
        return (
            f"{finished} of {requested} runs asked for are finished, {requested - finished} are "
            f"missing, {len(self.failures)} of these raised an error."
        )


def load_results(folder: Path) -> Results:
    """Read the results of a study, in the order of their keys and the precision of merged files.

    They come from run files and merged CSV files; of a run that is in both, the run file counts. A
    folder without a study is a `StudyError`.
    """
    kept = store.RunStore(folder)
    factors = list(kept.levels)
    rows, curves, failures = [], [], []
    for record in kept.records():
        key = {"study": record["study"], **record["key"]}
        if "error" in record:
            failures.append({**key, **record["error"], **record["versions"]})
            continue
        seconds = {"total_seconds": record["seconds"], "cpu_seconds": record["cpu_seconds"]}
        rows += [{**key, **row, **seconds, **record["versions"]} for row in record["rows"]]
        curves += [
            {**key, "task": curve["task"], "curve": curve["curve"], "x": x, "y": y}
            for curve in record["curves"]
            for x, y in _thin(curve["x"], curve["y"])
        ]
    tables = [_rounded(pd.DataFrame(rows)), _rounded(pd.DataFrame(curves))]
    for index, (name, read) in enumerate(((store.RESULTS_CSV, _read), (store.CURVES_CSV, _curves))):
        if (folder / name).exists():
            merged = read(folder / name)
            known = set(_names(tables[index], factors))
            new = merged[[name not in known for name in _names(merged, factors)]]
            tables[index] = pd.concat([part for part in (tables[index], new) if len(part)])
    finished = set(_names(tables[0], factors))
    failures = [row for row in failures if run_name({f: row[f] for f in factors}) not in finished]
    return Results(
        study=kept.name,
        config=kept.config,
        pieces=kept.pieces,
        rows=_sorted(tables[0], [*factors, "task"]),
        curves=_sorted(tables[1], [*factors, "task", "curve", "x"]),
        failures=_sorted(pd.DataFrame(failures), factors),
    )


def write_merged(results: Results, folder: Path) -> None:
    """Write a study's results as a few small CSV files, each of them atomically.

    `curves.csv` has one row per run, task and quantity, and one column per point `x`;
    `failures.csv` is only there if there are any.
    """
    _write(results.rows, folder / store.RESULTS_CSV)
    if not results.curves.empty:
        keys = ["study", *results.factors, "task", "curve"]
        wide = results.curves.pivot_table(index=keys, columns="x", values="y", sort=False)
        wide = wide[sorted(wide.columns)].rename(columns="{:g}".format)
        _write(wide.reset_index(), folder / store.CURVES_CSV)
    if results.failures.empty:
        (folder / store.FAILURES_CSV).unlink(missing_ok=True)
    else:
        _write(results.failures, folder / store.FAILURES_CSV)


def _thin(x: list[float], y: list[float]) -> list[tuple[float, float]]:
    """At most `MAX_CURVE_POINTS` points of a curve, the first and the last among them."""
    count = min(len(x), MAX_CURVE_POINTS)
    kept = np.linspace(0, len(x) - 1, count).round().astype(int)
    return [(float(x[i]), y[i]) for i in kept]


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Six significant digits of everything, hundredths of seconds."""
    frame = frame.copy()
    for name in frame.select_dtypes("float").columns:
        digits = ".2f" if name.endswith("seconds") else ".6g"
        frame[name] = frame[name].map(lambda value, digits=digits: float(format(value, digits)))
    return frame


def _write(frame: pd.DataFrame, path: Path) -> None:
    write_atomically(path, frame.to_csv(index=False, float_format="%.6g"))


def _read(path: Path) -> pd.DataFrame:
    # A level may be called "None".
    return _rounded(pd.read_csv(path, keep_default_na=False, na_values=[""]))


def _curves(path: Path) -> pd.DataFrame:
    wide = _read(path)
    keys = list(wide.columns[: list(wide.columns).index("curve") + 1])
    long = wide.melt(id_vars=keys, var_name="x", value_name="y").dropna()
    return long.assign(x=long["x"].astype(float))


def _names(frame: pd.DataFrame, factors: list[str]) -> list[str]:
    if frame.empty:
        return []
    return [run_name(dict(zip(factors, key, strict=True))) for key in frame[factors].to_numpy()]


def _sorted(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return frame if frame.empty else frame.sort_values(columns, ignore_index=True)

"""The results of a study as tidy tables, from its run files or from the merged CSV files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.runner.grid import run_name
from benchmarks.runner.store import Plan, read_plan, read_runs
from botorch_cll.files import write_atomically

MAX_CURVE_POINTS = 25
"""How many points of a curve are kept in the merged file, evenly spaced along the curve."""


@dataclass(frozen=True)
class Results(Plan):
    """The results of a study, complete or not.

    There is a row per run and task, with the study, the key, the values, the seconds and the
    versions; a line of curves per run, task, quantity (`curve`) and point (`x`, `y`); and a failure
    per run that raised an error.
    """

    rows: pd.DataFrame
    curves: pd.DataFrame
    failures: pd.DataFrame

    def found(self, factor: str) -> list[Any]:
        """The levels of a factor that have rows, in the order in which they were asked for."""
        there = set(self.rows[factor])
        return [level for level in self.levels[factor] if level in there]

    @property
    def finished(self) -> set[str]:
        """The names of the finished runs."""
        return set(_names(self.rows, self.factors))

    @property
    def failed(self) -> set[str]:
        """The names of the runs that raised an error."""
        return set(_names(self.failures, self.factors))

    @property
    def state(self) -> str:
        """How complete the results are, in words."""
        requested, finished = self.num_requested, len(self.finished)
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
    plan = read_plan(folder)
    rows, curves, failures = [], [], []
    for record in read_runs(folder):
        key, versions = {"study": record["study"], **record["key"]}, record["versions"]
        if "error" in record:
            failures.append(key | record["error"] | versions)
            continue
        seconds = {"total_seconds": record["seconds"], "cpu_seconds": record["cpu_seconds"]}
        rows += [key | row | seconds | versions for row in record["rows"]]
        curves += [
            key | {"task": curve["task"], "curve": curve["curve"], "x": x, "y": y}
            for curve in record["curves"]
            for x, y in _thin(curve["x"], curve["y"])
        ]

    def table(records: list[dict[str, Any]], merged: pd.DataFrame, *within: str) -> pd.DataFrame:
        frame = _rounded(pd.DataFrame(records))
        known = set(_names(frame, plan.factors))
        others = merged[[name not in known for name in _names(merged, plan.factors)]]
        parts = [part for part in (frame, others) if len(part)] or [frame]
        columns = [*plan.factors, *within] if len(parts[0]) else []
        return pd.concat(parts).sort_values(columns, ignore_index=True)

    merged = _read(folder / "curves.csv")
    if not merged.empty:
        keys = list(merged.columns[: list(merged.columns).index("curve") + 1])
        merged = merged.melt(id_vars=keys, var_name="x", value_name="y").dropna()
        merged["x"] = merged["x"].astype(float)
    finished = table(rows, _read(folder / "results.csv"), "task")
    names = set(_names(finished, plan.factors))
    failures = [x for x in failures if run_name({f: x[f] for f in plan.factors}) not in names]
    return Results(
        **asdict(plan),
        rows=finished,
        curves=table(curves, merged, "task", "curve", "x"),
        failures=table(failures, pd.DataFrame()),
    )


def write_merged(results: Results, folder: Path) -> None:
    """Write a study's results as a few small CSV files, each of them atomically.

    `curves.csv` has one row per run, task and quantity, and one column per point `x`. There is no
    file of nothing.
    """
    curves = results.curves
    if not curves.empty:
        keys = ["study", *results.factors, "task", "curve"]
        curves = curves.pivot_table(index=keys, columns="x", values="y", sort=False)
        curves = curves.sort_index(axis=1).rename(columns="{:g}".format).reset_index()
    tables = {"results": results.rows, "curves": curves, "failures": results.failures}
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        if table.empty:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, table.to_csv(index=False, float_format="%.6g"))


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
        frame[name] = [float(format(value, digits)) for value in frame[name]]
    return frame


def _read(path: Path) -> pd.DataFrame:
    # Files of no rows were once written, as an empty line.
    if not path.exists() or path.stat().st_size <= 1:
        return pd.DataFrame()
    # A level may be called "None".
    return _rounded(pd.read_csv(path, keep_default_na=False, na_values=[""]))


def _names(frame: pd.DataFrame, factors: list[str]) -> list[str]:
    if frame.empty:
        return []
    return [run_name(dict(zip(factors, key, strict=True))) for key in frame[factors].to_numpy()]

"""The results of a study as tidy tables, from its run files or from the merged CSV files."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
    def state(self) -> str:
        """How complete the results are, in words."""
        requested, finished = self.num_requested, len(set(self.names(self.rows)))
        if finished == 0:
            return f"None of {requested} runs is finished."
        if finished == requested:
            return f"All {requested} runs asked for are finished."
        return (
            f"{finished} of {requested} runs asked for are finished, {requested - finished} are "
            f"missing, {len(self.failures)} of these raised an error."
        )


def load_results(folder: Path) -> Results:
    """Read the results of a study, in the precision of merged files.

    Of a run that is in both, the run file counts. A folder without a study is a `StudyError`.
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
        new = pd.DataFrame(records)
        known = set(plan.names(new))
        others = merged[[name not in known for name in plan.names(merged)]]
        parts = [part for part in (new, others) if len(part)]
        columns = [*plan.factors, *within]
        return _rounded(pd.concat(parts)).sort_values(columns, ignore_index=True) if parts else new

    finished = table(rows, _read(folder / "results.csv"), "task")
    failed, names = table(failures, pd.DataFrame()), set(plan.names(finished))
    return Results(
        **asdict(plan),
        rows=finished,
        curves=table(curves, _read_curves(folder / "curves.csv"), "task", "curve", "x"),
        failures=failed[[name not in names for name in plan.names(failed)]],
    )


def write_merged(results: Results, folder: Path) -> None:
    """Write what results there are as CSV files: curves with a column per point `x`."""
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
    for name in frame.select_dtypes("float").columns:
        digits = ".2f" if name.endswith("seconds") else ".6g"
        frame[name] = [float(format(value, digits)) for value in frame[name]]
    return frame


def _read(path: Path) -> pd.DataFrame:
    # Files of no rows were once written, as an empty line.
    if not path.exists() or path.stat().st_size <= 1:
        return pd.DataFrame()
    # A level may be called "None".
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _read_curves(path: Path) -> pd.DataFrame:
    wide = _read(path)
    if wide.empty:
        return wide
    keys = list(wide.loc[:, :"curve"])
    long = wide.melt(id_vars=keys, var_name="x", value_name="y").dropna()
    return long.astype({"x": float})

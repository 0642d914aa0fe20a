"""The folder of a study: `study.json`, the plan, `runs/` with a file per run, and merged tables."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from benchmarks.runner.grid import Study, StudyError, product_keys, run_name
from botorch_cll.files import write_atomically

MAX_CURVE_POINTS = 25  # how many points of a curve are kept in the merged file, evenly spaced
Piece = dict[str, list[Any]]  # the levels of every factor of which one call asked for the product


@dataclass(frozen=True)
class Plan:
    """A study by name, its configuration, and the pieces of its grid that were ever asked for."""

    study: str
    config: dict[str, Any]
    pieces: list[Piece]

    @property
    def factors(self) -> list[str]:
        """The columns that make up the key of a run."""
        return list(self.pieces[0])

    @property
    def levels(self) -> Piece:
        """All levels of every factor, in the order in which they were asked for."""
        return {
            factor: list(dict.fromkeys(level for piece in self.pieces for level in piece[factor]))
            for factor in self.factors
        }

    @property
    def num_requested(self) -> int:
        """The number of runs that were asked for."""
        return len({run_name(key) for piece in self.pieces for key in product_keys(piece)})

    def names(self, table: pd.DataFrame) -> list[str]:
        """The names of the runs in a table of results, row by row."""
        keys = [] if table.empty else table[self.factors].to_numpy()
        return [run_name(dict(zip(self.factors, key, strict=True))) for key in keys]


def read_plan(folder: Path) -> Plan:
    """The plan of a folder; a `StudyError` if there is none, or one that cannot be read."""
    try:
        content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        plan = Plan(content["study"], content["config"], content["pieces"])
        _ = plan.levels  # which looks at every piece
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(f"Expected a study in {folder}, got no file study.json.") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise StudyError(
            f"Expected {folder / 'study.json'} as a study has written it, got one that cannot "
            f"be read: {type(error).__name__}: {error}"
        ) from error
    return plan


def extend_plan(folder: Path, study: Study) -> None:
    """Ask for a study beside what a folder has of it; a `StudyError` if it has another one."""
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"Expected a folder, got the file {folder}.")
    piece = {factor: list(levels) for factor, levels in study.factors.items()}
    plan = Plan(study.name, json.loads(json.dumps(study.config)), [piece])
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".study.json.lock"):
        if (folder / "study.json").exists():
            found = read_plan(folder)
            _check_same(plan, found, folder)
            pieces = found.pieces
            if not any(_contains(other, piece) for other in pieces):
                pieces = [*(other for other in pieces if not _contains(piece, other)), piece]
            plan = replace(plan, pieces=pieces)
        write_atomically(folder / "study.json", json.dumps(asdict(plan), indent=1) + "\n")


def _check_same(plan: Plan, found: Plan, folder: Path) -> None:
    if found.study != plan.study:
        raise StudyError(f"Expected {plan.study} in {folder}, got a study {found.study}.")
    if sorted(found.factors) != sorted(plan.factors):
        raise StudyError(
            f"Expected the factors {plan.factors} in {folder}, got {found.factors}: the study was "
            "started by another version. Choose another folder."
        )
    changed = [
        f"{entry} is {there!r} there, got {given!r}"
        for entry in found.config | plan.config
        if (there := found.config.get(entry)) != (given := plan.config.get(entry))
    ]
    if changed:
        raise StudyError(
            f"The study in {folder} has another configuration: {'; '.join(changed)}. Choose "
            "another folder, or the options it was started with."
        )


def _contains(piece: Piece, other: Piece) -> bool:
    return all(set(other[factor]) <= set(levels) for factor, levels in piece.items())


def write_run(folder: Path, record: dict[str, Any]) -> None:
    """Keep the record of a run, finished or failed, in place of an earlier one of its key."""
    write_atomically(folder / "runs" / f"{run_name(record['key'])}.json", json.dumps(record))


def read_runs(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of all runs that have a file, in the order of their names."""
    for path in sorted((folder / "runs").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Results(Plan):
    """The results of a study, complete or not, all with the study and the key."""

    rows: pd.DataFrame  # one per run and task: the values, the seconds and the versions
    curves: pd.DataFrame  # one per run, task, quantity (`curve`) and point (`x`, `y`)
    failures: pd.DataFrame  # one per run that raised an error

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
    """The results of a folder, run files before merged ones; a `StudyError` without a study."""
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
    long = wide.melt(list(wide.loc[:, :"curve"]), var_name="x", value_name="y")
    return long.dropna().astype({"x": float})

"""The folder of a study: what was asked for, and one file per run, written at once and atomically.

`study.json` is the plan, `runs/` has a file per run, named for its key. Several processes may work
on pieces of the plan without common runs.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from benchmarks.runner.grid import Study, StudyError, product_keys, run_name
from botorch_cll.files import write_atomically

Piece = dict[str, list[Any]]
"""The levels of every factor that one call asked for: the runs of their product."""


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

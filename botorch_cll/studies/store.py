"""The folder of a study: one file per run, written at once and atomically."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from botorch_cll.files import write_atomically
from botorch_cll.studies.grid import Key, Level, Study, StudyError, run_name

RESULTS_CSV = "results.csv"
CURVES_CSV = "curves.csv"
FAILURES_CSV = "failures.csv"


class RunStore:
    """The finished runs of one study in one folder.

    `study.json` holds the study's name, its configuration, and all levels that were ever asked for;
    `runs/` one file per run, whose name is the key; the CSV files hold the same merged, and runs
    found only there count as finished too.

    Args:
        folder: The folder.

    Raises:
        StudyError: If the folder does not hold a study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = folder / "runs"
        try:
            content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
            self.name: str = content["study"]
            self.config: dict[str, Any] = content["config"]
            self.levels: dict[str, list[Level]] = content["levels"]
        except (FileNotFoundError, NotADirectoryError):
            raise StudyError(f"Expected a study in {folder}, got no file study.json.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(
                f"Expected {folder / 'study.json'} as a study has written it, got one that cannot "
                f"be read: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def create(cls, folder: Path, study: Study) -> RunStore:
        """Start a study in a folder, or continue the one that is there.

        Args:
            folder: The folder; made if it is not there.
            study: The study. Its levels are added to those already asked for.

        Returns:
            The store.

        Raises:
            StudyError: If the folder holds another study, or this one in another configuration, or
                is a file.
        """
        if folder.exists() and not folder.is_dir():
            raise StudyError(f"Expected a folder, got the file {folder}.")
        levels = {factor: list(known) for factor, known in study.factors.items()}
        config = json.loads(json.dumps(study.config))
        if (folder / "study.json").exists():
            found = cls(folder)
            _check_same(found, study.name, config, list(levels))
            levels = {
                factor: [*found.levels[factor], *(x for x in new if x not in found.levels[factor])]
                for factor, new in levels.items()
            }
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        content = {"study": study.name, "config": config, "levels": levels}
        write_atomically(folder / "study.json", json.dumps(content, indent=1) + "\n")
        return cls(folder)

    def write(self, record: dict[str, Any]) -> None:
        """Keep the record of a run, finished or failed, in place of an earlier one of its key."""
        path = self._runs / f"{run_name(record['key'])}.json"
        write_atomically(path, json.dumps(record))

    def records(self) -> Iterator[dict[str, Any]]:
        """The records of all runs that have a file, in the order of their names."""
        for path in sorted(self._runs.glob("*.json")):
            yield json.loads(path.read_text(encoding="utf-8"))

    def merged_names(self) -> set[str]:
        """The names of the runs in the merged results."""
        path = self.folder / RESULTS_CSV
        if not path.exists():
            return set()
        with path.open(newline="", encoding="utf-8") as file:
            return {run_name(self._key(row)) for row in csv.DictReader(file)}

    def _key(self, row: dict[str, str]) -> Key:
        text = {factor: isinstance(x[0], str) for factor, x in self.levels.items()}
        return {factor: row[factor] if text[factor] else float(row[factor]) for factor in text}


def _check_same(found: RunStore, name: str, config: dict[str, Any], factors: list[str]) -> None:
    if found.name != name:
        raise StudyError(f"Expected {name} in {found.folder}, got a study {found.name}.")
    if sorted(found.levels) != sorted(factors):
        raise StudyError(
            f"Expected the factors {factors} in {found.folder}, got {list(found.levels)}: the "
            "study was started by another version. Choose another folder."
        )
    changed = _differences(found.config, config)
    if changed:
        raise StudyError(
            f"The study in {found.folder} has another configuration: {'; '.join(changed)}. "
            "Choose another folder, or the options it was started with."
        )


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Sequence[str]:
    return [
        f"{name} is {old.get(name)!r} there, got {new.get(name)!r}"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]

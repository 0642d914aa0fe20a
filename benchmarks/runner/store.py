"""The folder of a study: one file per run, written at once and atomically."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from benchmarks.runner.grid import Config, Key, Level, Study, StudyError, run_name
from botorch_cll.files import write_atomically

Piece = dict[str, list[Level]]
"""The levels of every factor that one call asked for: the runs of their product."""

RESULTS_CSV, CURVES_CSV, FAILURES_CSV = "results.csv", "curves.csv", "failures.csv"


class RunStore:
    """The finished runs of one study in one folder.

    `study.json` holds the study's name, its configuration, and the pieces of the grid that were
    ever asked for; `runs/` one file per run, whose name is the key; the CSV files hold the same
    merged, and runs found only there count as finished too. Several processes may work on pieces
    without common runs. A folder without a study is a `StudyError`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = folder / "runs"
        try:
            content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
            self.name: str = content["study"]
            self.config: dict[str, Any] = content["config"]
            self.pieces: list[Piece] = content["pieces"]
            self.levels = merged_levels(self.pieces)
        except (FileNotFoundError, NotADirectoryError):
            raise StudyError(f"Expected a study in {folder}, got no file study.json.") from None
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise StudyError(
                f"Expected {folder / 'study.json'} as a study has written it, got one that cannot "
                f"be read: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def create(cls, folder: Path, study: Study) -> RunStore:
        """Start a study, or the piece of it to do now, in a folder, or continue what is there.

        That the folder has this study in another configuration, or another one, is a `StudyError`.
        """
        if folder.exists() and not folder.is_dir():
            raise StudyError(f"Expected a folder, got the file {folder}.")
        piece = {factor: list(levels) for factor, levels in study.factors.items()}
        config = json.loads(json.dumps(study.config))
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".study.json.lock"):
            pieces = [piece]
            if (folder / "study.json").exists():
                found = cls(folder)
                found._check_same(study.name, config, list(piece))
                pieces = found.pieces
                if not any(_contains(other, piece) for other in pieces):
                    pieces = [*(other for other in pieces if not _contains(piece, other)), piece]
            content = {"study": study.name, "config": config, "pieces": pieces}
            write_atomically(folder / "study.json", json.dumps(content, indent=1) + "\n")
        return cls(folder)

    def _check_same(self, name: str, config: Config, factors: list[str]) -> None:
        if self.name != name:
            raise StudyError(f"Expected {name} in {self.folder}, got a study {self.name}.")
        if sorted(self.levels) != sorted(factors):
            raise StudyError(
                f"Expected the factors {factors} in {self.folder}, got {list(self.levels)}: the "
                "study was started by another version. Choose another folder."
            )
        changed = [
            f"{entry} is {self.config.get(entry)!r} there, got {config.get(entry)!r}"
            for entry in {**self.config, **config}
            if self.config.get(entry) != config.get(entry)
        ]
        if changed:
            raise StudyError(
                f"The study in {self.folder} has another configuration: {'; '.join(changed)}. "
                "Choose another folder, or the options it was started with."
            )

    def write(self, record: dict[str, Any]) -> None:
        """Keep the record of a run, finished or failed, in place of an earlier one of its key."""
        write_atomically(self._runs / f"{run_name(record['key'])}.json", json.dumps(record))

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


def merged_levels(pieces: Sequence[Piece]) -> Piece:
    """All levels of every factor, in the order in which they were asked for."""
    return {
        factor: list(dict.fromkeys(level for piece in pieces for level in piece[factor]))
        for factor in pieces[0]
    }


def _contains(piece: Piece, other: Piece) -> bool:
    return all(set(other[factor]) <= set(levels) for factor, levels in piece.items())

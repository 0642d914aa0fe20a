"""A study: a grid of independent runs, each determined by its key and the study's configuration."""

from __future__ import annotations

import itertools
import math
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote

import joblib
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

import botorch_cll

if TYPE_CHECKING:
    from botorch_cll.studies.report import Report
    from botorch_cll.studies.results import Results

Level = str | int | float
Key = Mapping[str, Level]
"""One level of every factor of a study."""

_PACKAGES = ("torch", "botorch", "gpytorch")
_TRACEBACK_LINES = 20


class StudyError(Exception):
    """A study that cannot go on, for a reason its user can do something about."""


class Curve(NamedTuple):
    """How a quantity of one task developed during a run.

    Attributes:
        task: The task.
        name: What was measured.
        x: When it was measured, for example after how many evaluations.
        y: The values, as many as `x`.
    """

    task: Level
    name: str
    x: Sequence[float]
    y: Sequence[float]


class RunOutput(NamedTuple):
    """What a run returns.

    Attributes:
        rows: The final values, usually one row per task; every row has the same columns.
        curves: How they came about.
    """

    rows: Sequence[Mapping[str, Level | None]]
    curves: Sequence[Curve] = ()


@dataclass(frozen=True)
class Study:
    """A grid of independent runs.

    Attributes:
        name: The name.
        factors: The factors and their levels; the runs are their product. The first factor varies
            slowest: put `seed` there and an unfinished study is a smaller study.
        config: Whatever else the result of a run depends on; JSON can hold it.
        run: A function at the top level of a module. It maps a key and the configuration to the
            result of that run and is deterministic, apart from columns of seconds.
        report: Draws tables and figures from results, complete or not.
        cost_factor: The factor that says most about how long a run takes.
    """

    name: str
    factors: Mapping[str, tuple[Level, ...]]
    config: Mapping[str, Any]
    run: Callable[[Key, Mapping[str, Any]], RunOutput]
    report: Callable[[Results], Report]
    cost_factor: str = "method"

    def runs(self) -> Iterator[Key]:
        """The keys of all runs."""
        return product_keys(self.factors)

    def __len__(self) -> int:
        return math.prod(len(levels) for levels in self.factors.values())

    def restrict(self, factor: str, levels: Sequence[Level]) -> Self:
        """The study of some of the levels of one factor.

        Args:
            factor: The factor.
            levels: Levels out of those it has.

        Returns:
            The smaller study.

        Raises:
            StudyError: If the study has no such factor or the factor no such level.
        """
        if factor not in self.factors:
            raise StudyError(
                f"Expected a factor of {self.name}, {', '.join(self.factors)}, got {factor}."
            )
        known = self.factors[factor]
        unknown = [level for level in levels if level not in known]
        if unknown or not levels:
            raise StudyError(
                f"Expected {factor} of {self.name} among {', '.join(map(str, known))}, got "
                f"{', '.join(map(str, unknown)) or 'none'}."
            )
        kept = tuple(level for level in known if level in levels)
        return replace(self, factors={**self.factors, factor: kept})


def product_keys(factors: Mapping[str, Sequence[Level]]) -> Iterator[Key]:
    """The keys of the product of factors, the first of which varies slowest."""
    for levels in itertools.product(*factors.values()):
        yield dict(zip(factors, levels, strict=True))


def run_name(key: Key) -> str:
    """The name of a run: its key, in a form that can be a file's name.

    Different keys have different names, and a number has one name however it was stored.
    """
    return ",".join(f"{quote(factor)}={_level_name(level)}" for factor, level in key.items())


def _level_name(level: Level) -> str:
    # Adding zero makes one of both zeros.
    return quote(level, safe="+") if isinstance(level, str) else f"{float(level) + 0.0:.12g}"


def execute(study: Study, key: Key) -> dict[str, Any]:
    """Do one run, on one thread.

    Args:
        study: The study.
        key: The key of the run.

    Returns:
        A record that JSON can hold: the key, the versions of the packages, the seconds, the
        distinct warnings, and either the result or the error that the run raised.
    """
    record: dict[str, Any] = {"study": study.name, "key": dict(key)}
    record["versions"] = {
        **{package: version(package) for package in _PACKAGES},
        "botorch_cll": botorch_cll.__version__,
    }
    started, worked = time.perf_counter(), time.process_time()
    caught: list[warnings.WarningMessage] = []
    try:
        # Nested parallel loops would otherwise hand their work to the backend that runs the study.
        with (
            threadpool_limits(limits=1),
            joblib.parallel_config(backend="sequential"),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("default")
            output = study.run(key, study.config)
    except Exception as error:
        tail = traceback.format_exc().splitlines()[-_TRACEBACK_LINES:]
        record["error"] = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "\n".join(tail),
        }
    else:
        record["rows"] = [dict(row) for row in output.rows]
        record["curves"] = [
            {"task": c.task, "curve": c.name, "x": list(c.x), "y": list(c.y)} for c in output.curves
        ]
    record["warnings"] = sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    record["seconds"] = time.perf_counter() - started
    record["cpu_seconds"] = time.process_time() - worked
    return record

"""A study: a grid of independent runs, each determined by its key and the study's configuration."""

import itertools
import math
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import joblib
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

import botorch_cll

Level = str | int | float
Config = Mapping[str, Any]
Key = Mapping[str, Any]  # one level of every factor of a study
BOTH = "both"  # problems for whatever purpose
_TRACEBACK_LINES = 20


class StudyError(Exception):
    """A study that cannot go on, for a reason its user can do something about."""


class Curve(NamedTuple):
    """How a quantity of one task developed during a run: `y` after `x` evaluations, say."""

    task: Level
    name: str
    x: Sequence[float]
    y: Sequence[float]


class RunOutput(NamedTuple):
    """The final values of a run, one row per task with the same columns, and their curves."""

    rows: Sequence[Mapping[str, Level | None]]
    curves: Sequence[Curve] = ()

    @classmethod
    def of_courses(
        cls, x: Sequence[float], courses: Mapping[str, Sequence[Sequence[float]]], **columns: Level
    ) -> Self:
        """The courses of each quantity, task by task, as curves, and their ends as rows."""
        rows, curves = [], []
        for task, of_task in enumerate(zip(*courses.values(), strict=True), start=1):
            named = dict(zip(courses, of_task, strict=True))
            rows.append({"task": task, **{name: y[-1] for name, y in named.items()}, **columns})
            curves += [Curve(task, name, x, y) for name, y in named.items()]
        return cls(rows, curves)


class Option(NamedTuple):
    """How the command line sets an entry: a number, from `least` on, or a text by its `flag`."""

    help: str
    least: int = 1
    flag: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class Study:
    """A grid of independent runs: the product of the levels of its factors, the first one slowest.

    The `run` is at the top level of a module and deterministic but for seconds; `config`, all else
    that its results depend on, is set from the command line by `options` or one of the `presets`.
    """

    name: str
    help: str
    example: str
    factors: Mapping[str, tuple[Level, ...]]
    config: Config  # what JSON can hold
    run: Callable[[Key, Config], RunOutput]
    title: str  # a format of `config`
    report: Callable[..., None]  # which adds what there is to say about `Results` to a `Report`
    options: Mapping[str, Option] = field(default_factory=dict)
    presets: Mapping[str, tuple[str, Config]] = field(default_factory=dict)  # with their help
    prepare: Callable[..., "Study"] | None = None  # gives what to run; an error where no run could
    groups: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)  # of problems, by name
    split: Callable[[Any], str] | None = None  # what a problem is for, where not all are for one

    def runs(self) -> Iterator[Key]:
        """The keys of all runs."""
        return product_keys(self.factors)

    def __len__(self) -> int:
        return math.prod(len(levels) for levels in self.factors.values())

    def restrict(self, factor: str, levels: Sequence[Level]) -> Self:
        """The study of some of the levels of one factor; a `StudyError` if it has no such ones.

        The name of a group stands for its problems.
        """
        _check_known(f"a factor of {self.name},", [factor], self.factors)
        known = self.factors[factor]
        names: list[Level] = [*known]
        if factor == "problem":
            whole = [name for name, group in self.groups.items() if {*group} <= {*known}]
            names = [*dict.fromkeys([*whole, *known])]
            named = [self.groups.get(str(level), (level,)) for level in levels]
            levels = [level for group in named for level in group]
        _check_known(f"{factor} of {self.name} among", levels, names)
        kept = tuple(level for level in known if level in levels)
        return replace(self, factors={**self.factors, factor: kept})

    def restrict_split(self, purpose: str | None) -> Self:
        """The study of problems for one purpose; of all if that is `BOTH`.

        A `StudyError` if it is `None` and there are problems for several.
        """
        assert self.split is not None
        problems = self.factors["problem"]
        found = sorted({self.split(problem) for problem in problems})
        if purpose is None and len(found) > 1:
            raise StudyError(
                f"Expected problems for one purpose, got some for {' and some for '.join(found)}: "
                "what was chosen on the first is not to be judged on them. Say which by --split: "
                f"{', '.join(found)} or {BOTH}."
            )
        if purpose in (None, BOTH):
            return self
        _check_known(f"problems of {self.name} for", [purpose], found)
        kept = [problem for problem in problems if self.split(problem) == purpose]
        return self.restrict("problem", kept)


def _check_known(expected: str, given: Sequence[Level], known: Collection[Level]) -> None:
    unknown = [x for x in given if x not in known]
    if unknown or not given:
        wanted, got = (", ".join(map(str, levels)) for levels in (known, unknown))
        raise StudyError(f"Expected {expected} {wanted}, got {got or 'none'}.")


def product_keys(factors: Mapping[str, Sequence[Level]]) -> Iterator[Key]:
    """The keys of the product of factors, the first of which varies slowest."""
    return (dict(zip(factors, x, strict=True)) for x in itertools.product(*factors.values()))


def run_name(key: Key) -> str:
    """The name of a run, which can be that of a file: its key, numbers to six digits."""
    return ",".join(f"{quote(factor)}={_level_name(level)}" for factor, level in key.items())


def _level_name(level: Level) -> str:
    # Adding zero makes one of both zeros.
    return quote(level, safe="+") if isinstance(level, str) else f"{float(level) + 0.0:.6g}"


def execute(study: Study, key: Key) -> dict[str, Any]:
    """Do one run, on one thread; the record, which JSON can hold, has its result or its error."""
    versions = {package: version(package) for package in ("torch", "botorch", "gpytorch")}
    versions["botorch_cll"] = botorch_cll.__version__
    record: dict[str, Any] = {"study": study.name, "key": dict(key), "versions": versions}
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
        tail = "\n".join(traceback.format_exc().splitlines()[-_TRACEBACK_LINES:])
        record["error"] = {"type": type(error).__name__, "message": str(error), "traceback": tail}
    else:
        record["rows"] = [dict(row) for row in output.rows]
        record["curves"] = [
            {"task": c.task, "curve": c.name, "x": list(c.x), "y": list(c.y)} for c in output.curves
        ]
    record["warnings"] = sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    record["seconds"] = time.perf_counter() - started
    record["cpu_seconds"] = time.process_time() - worked
    return record

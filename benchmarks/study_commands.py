"""The commands that run studies, one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer
from botorch.exceptions.errors import BotorchError
from rich.console import Console

from benchmarks.command_line import example, stops_with
from benchmarks.runner.grid import Study, StudyError
from benchmarks.runner.run import run_study
from benchmarks.studies import STUDIES

app = typer.Typer(rich_markup_mode=None)


class Backend(StrEnum):
    """What does the runs of a study."""

    LOCAL = "local"
    DASK = "dask"


def _option(name: str, kind: Any, default: Any, *flags: str, **words: Any) -> Parameter:
    annotation = Annotated[kind, typer.Option(*flags, **words)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_REPEATS = _option(
    "repeats", int | None, None, min=1, help="Number of seeds.", show_default="the study's"
)
_FACTORS = {
    "problem": ("--problems", "Problems"),
    "correlation": ("--correlations", "Correlations"),
    "n": ("--n", "Numbers of points"),
    "method": ("--methods", "Methods"),
    "data": ("--data", "Data sets"),
    "model": ("--models", "Networks"),
}
"""The options that restrict factors, and what these are called."""

_HOW = (
    _option("jobs", int, 1, min=1, help="Number of local processes."),
    _option("backend", Backend, Backend.LOCAL, help="What does the runs."),
    _option(
        "scheduler", str | None, None, help="Address of a Dask scheduler, like tcp://host:8786."
    ),
    _option("out", Path | None, None, help="Folder.", show_default="results/<study>"),
    _option("retry_failed", bool, False, help="Repeat runs that raised an error."),
)


def _options(study: Study) -> Iterator[Parameter]:
    yield _REPEATS
    for factor in study.factors:
        if factor in _FACTORS:
            flag, words = _FACTORS[factor]
            words += ", separated by commas."
            yield _option(factor, str | None, None, flag, help=words, show_default="all")
    for name, option in study.options.items():
        if option.flag is None:
            yield _option(name, int, study.config[name], min=option.least, help=option.help)
        else:
            shown = {"help": option.help, "show_default": option.default}
            yield _option(name, str | None, None, option.flag, **shown)
    for name, (words, _) in study.presets.items():
        yield _option(name, bool, False, f"--{name}", help=words)
    yield from _HOW


def _command(study: Study) -> Callable[..., None]:
    def command(**given: Any) -> None:
        _run(*_chosen(study, given), *(given[option.name] for option in _HOW))

    command.__doc__ = study.help
    command.__signature__ = Signature(list(_options(study)))  # type: ignore[attr-defined]
    return command


for _study in STUDIES.values():
    _epilog = example(f"study {_study.name} {_study.example}")
    app.command(_study.name, epilog=_epilog)(_command(_study))


def _chosen(study: Study, given: dict[str, Any]) -> tuple[Study, Path]:
    """The study with the configuration, seeds and levels that were asked for, and its folder."""
    folder = Path("results") / study.name
    for name, (_, config) in study.presets.items():
        if given[name]:
            study = replace(study, config=config)
            folder = folder.with_name(f"{study.name}-{name}")
    config = {name: given[name] for name in study.options if given[name] is not None}
    study = replace(study, config={**study.config, **config})
    if given["repeats"] is not None:
        seeds = tuple(range(given["repeats"]))
        study = replace(study, factors={**study.factors, "seed": seeds})
    try:
        for factor, levels in study.factors.items():
            if given.get(factor) is not None:
                kind = type(levels[0])
                chosen = [kind(part.strip()) for part in given[factor].split(",")]
                study = study.restrict(factor, chosen)
        if study.prepare is not None:
            study = study.prepare(study)
    except (StudyError, ValueError, BotorchError) as error:
        raise typer.BadParameter(str(error)) from error
    return study, folder


def _run(
    study: Study,
    folder: Path,
    jobs: int,
    backend: Backend,
    scheduler: str | None,
    out: Path | None,
    retry_failed: bool,
) -> None:
    """Run a study and say how far it has come.

    Raises:
        BadParameter: If the options contradict each other or what is in the folder.
        Exit: With status 1 if a run raised an error.
    """
    if (backend is Backend.DASK) != (scheduler is not None):
        raise typer.BadParameter("--backend dask and --scheduler ADDRESS go together.")
    if backend is Backend.DASK and jobs != 1:
        raise typer.BadParameter("--jobs is for local processes: a cluster has its own workers.")
    folder = out or folder
    console = Console()
    try:
        with stops_with(f"Finished runs are in {folder}: the same command goes on from there."):
            state = run_study(study, folder, jobs, scheduler, retry_failed, console)
    except StudyError as error:
        raise typer.BadParameter(str(error)) from error
    console.print(
        f"{state.finished} of {state.total} runs finished, {state.failed} failed. "
        f"Report: python -m benchmarks report {folder}",
        soft_wrap=True,
    )
    if state.failed:
        raise typer.Exit(1)

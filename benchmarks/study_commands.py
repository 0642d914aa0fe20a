"""The commands that run studies, one for each, made from what the studies say of themselves."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from inspect import Parameter
from pathlib import Path
from typing import Any

import typer
from botorch.exceptions.errors import BotorchError
from rich.console import Console
from typer import BadParameter, Option

from benchmarks.command_line import example, refuses, stops_with
from benchmarks.logs import DEVELOPMENT, REPORTING
from benchmarks.runner.grid import BOTH, Study, StudyError
from benchmarks.runner.run import run_study
from benchmarks.studies import STUDIES

app = typer.Typer(rich_markup_mode=None)

_FACTORS = {  # the options that restrict factors, and what these are called
    "problem": ("--problems", "Problems"),
    "correlation": ("--correlations", "Correlations"),
    "n": ("--n", "Numbers of points"),
    "num_source": ("--num-source", "Numbers of rows of each source"),
    "method": ("--methods", "Methods"),
    "data": ("--data", "Data sets"),
    "model": ("--models", "Networks"),
}
_REPEATS = "Number of seeds."
_SCHEDULER = "Address of a Dask scheduler, like tcp://host:8786."

Backend = StrEnum("Backend", ["LOCAL", "DASK"])


def _command(study: Study) -> Callable[..., None]:
    def command(
        repeats: int | None = Option(None, min=1, help=_REPEATS, show_default="the study's"),
        jobs: int = Option(1, min=1, help="Number of local processes."),
        backend: Backend = Option(Backend.LOCAL, help="What does the runs."),
        scheduler: str | None = Option(None, help=_SCHEDULER),
        out: Path | None = Option(None, help="Folder.", show_default="results/<study>"),
        retry_failed: bool = Option(False, help="Repeat runs that raised an error."),
        **given: Any,
    ) -> None:
        if (backend is Backend.DASK) != (scheduler is not None):
            raise BadParameter("--backend dask and --scheduler ADDRESS go together.")
        if scheduler is not None and jobs != 1:
            raise BadParameter("--jobs is for local processes: a cluster has its own workers.")
        with refuses(StudyError, ValueError, BotorchError):
            chosen, folder = _chosen(study, repeats, given)
        folder, console = out or folder, Console()
        kept = f"Finished runs are in {folder}: the same command goes on from there."
        with refuses(StudyError), stops_with(kept):
            state = run_study(chosen, folder, jobs, scheduler, retry_failed, console)
        console.print(
            f"{state.finished} of {state.total} runs finished, {state.failed} failed. "
            f"Report: python -m benchmarks report {folder}",
            soft_wrap=True,
        )
        if state.failed:
            raise typer.Exit(1)

    command.__doc__ = study.help
    common = inspect.signature(command, eval_str=True)
    first, *others, _ = (x.replace(kind=Parameter.KEYWORD_ONLY) for x in common.parameters.values())
    options = [first, *_options(study), *others]
    command.__signature__ = common.replace(parameters=options)  # type: ignore[attr-defined]
    return command


def _options(study: Study) -> Iterator[Parameter]:
    """What can be set of a study: levels of its factors, its configuration."""

    def option(name: str, kind: Any, *default_and_flags: Any, **words: Any) -> Parameter:
        default = Option(*default_and_flags, **words)
        return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)

    for factor, (factor_flag, names) in _FACTORS.items():
        if factor in study.factors:
            help = f"{names}, separated by commas."
            if factor == "problem" and study.groups:
                help += f" A group stands for all of its own: {', '.join(study.groups)}."
            yield option(factor, str | None, None, factor_flag, help=help, show_default="all")
    if study.split is not None:
        help = f"What the problems are for, {DEVELOPMENT}, {REPORTING} or {BOTH}."
        yield option("split", str | None, None, "--split", help=help)
    for name, (help, least, flag, default) in study.options.items():
        if flag is None:
            yield option(name, int, study.config[name], min=least, help=help)
        else:
            yield option(name, str | None, None, flag, help=help, show_default=default)
    for name, (help, _) in study.presets.items():
        yield option(name, bool, False, f"--{name}", help=help)


def _chosen(study: Study, repeats: int | None, given: dict[str, Any]) -> tuple[Study, Path]:
    """The study with the configuration, seeds and levels that were asked for, and its folder."""
    folder = Path("results") / study.name
    for name, (_, config) in study.presets.items():
        if given[name]:
            study = replace(study, config=config)
            folder = folder.with_name(f"{study.name}-{name}")
    config = {name: given[name] for name in study.options if given[name] is not None}
    study = replace(study, config={**study.config, **config})
    if repeats is not None:
        study = replace(study, factors={**study.factors, "seed": tuple(range(repeats))})
    for factor, levels in study.factors.items():
        if given.get(factor) is not None:
            kind = type(levels[0])
            study = study.restrict(factor, [kind(x.strip()) for x in given[factor].split(",")])
    if study.split is not None:
        study = study.restrict_split(given["split"])
    return (study if study.prepare is None else study.prepare(study)), folder


for _study in STUDIES.values():
    _epilog = example(f"study {_study.name} {_study.example}")
    app.command(_study.name, epilog=_epilog)(_command(_study))

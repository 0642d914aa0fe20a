"""The commands of `python -m benchmarks`."""

from pathlib import Path
from typing import Any

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from benchmarks import measure_commands
from benchmarks.command_line import STATUS, example, refuses
from botorch_cll import __version__

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class _StudyGroup(TyperGroup):
    """The commands of the studies, made when they are asked for: what they need takes seconds."""

    @property
    def commands(self) -> Any:
        from benchmarks.study_commands import app

        return typer.main.get_group(app).commands

    @commands.setter
    def commands(self, none: Any) -> None:
        pass


app.add_typer(
    typer.Typer(rich_markup_mode=None),
    name="study",
    cls=_StudyGroup,
    help="Run a study, or what is missing of it. Every finished run is kept at once.",
    epilog=example("study table2 --help"),
    no_args_is_help=True,
)
app.add_typer(measure_commands.app)


@app.command(epilog=example("report results/table2"))
def report(
    folder: Path = Argument(help="The folder of a study."),
    out: Path | None = Option(
        None, help="Where to write the report.", show_default="FOLDER/report"
    ),
) -> None:
    """Draw the tables and figures of a study.

    They are printed and written, and the study's runs, if they have files of their own, are merged
    into CSV files. The study may be unfinished.
    """
    from rich.console import Console

    from benchmarks.runner.grid import StudyError
    from benchmarks.runner.results import load_results, write_merged
    from benchmarks.studies import STUDIES, draw_report

    with refuses(StudyError):
        results = load_results(folder)
    if results.study not in STUDIES:
        raise typer.BadParameter(f"Expected one of {', '.join(STUDIES)}, got {results.study}.")
    if (folder / "runs").exists():
        write_merged(results, folder)
    drawn = draw_report(results)
    drawn.write(out or folder / "report")
    drawn.print(Console())


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"botorch_cll {__version__}")
        raise typer.Exit


@app.callback(epilog=STATUS)
def _app(
    version: bool = Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Experiments and reports of botorch_cll, a multi-task surrogate for BoTorch.

    `demo` is the one to start with: it takes some two minutes. `study` runs experiments of hours,
    in pieces if need be, and `report` draws their tables and figures. `conformance` tells what
    surrogates can do, `bench` how fast they are. Every command has an example in its help:
    python -m benchmarks COMMAND --help.
    """

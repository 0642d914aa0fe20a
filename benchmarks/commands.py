"""The commands of `python -m benchmarks`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from benchmarks.command_line import example, refuses, stops_with
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
measures = typer.Typer(rich_markup_mode=None)
app.add_typer(measures)

Names = list[str] | None


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


@measures.command(epilog=example("demo --budget 20 --out demo.png"))
def demo(
    out: Path = Option(Path("demo.png"), help="Where to write the picture."),
    budget: int = Option(40, min=4, help="Evaluations per task and method."),
    num_initial: int = Option(12, min=2, help="Size of the first design."),
    seed: int = Option(0, help="Seed of everything random."),
) -> None:
    """Tune an estimator on four data sets with five methods."""
    from benchmarks.demo import run_demo

    if num_initial > budget:
        raise typer.BadParameter(f"--num-initial is {num_initial}, --budget only {budget}")
    _check_picture(out)
    with stops_with("The demo keeps nothing: start it again, perhaps with a smaller --budget."):
        run_demo(out, budget=budget, num_initial=num_initial, seed=seed)


@measures.command(epilog=example("conformance --model MultiRBFCorrelation --check shapes"))
def conformance(
    out: Path | None = Option(None, help="CSV file, one row per check and model."),
    markdown: Path | None = Option(None, help="Markdown file for the tables."),
    model: Names = Option(None, help="A model to check, repeatable; all if omitted."),
    check: Names = Option(None, help="A check to run, repeatable; all if omitted."),
) -> None:
    """Check models against what BoTorch demands of them."""
    from benchmarks.conformance import run_conformance
    from benchmarks.methods import FACTORIES
    from botorch_cll.testing import surrogate_checks

    models = _chosen("--model", model, FACTORIES)
    checks = _chosen("--check", check, map(str, surrogate_checks()))
    _check_file(out)
    _check_file(markdown)
    with stops_with("The checks keep nothing: --model and --check choose fewer of them."):
        run_conformance(out, markdown, models, checks)


_PARTS = "fit, propose, swarm or scale; all if omitted."
_TIME_LIMIT = "Processor seconds after which a fit of scale is stopped."
_FROM = "Show the rows of this CSV file instead, repeatable."
_BENCH = example("bench fit propose --repeats 3", "bench swarm --seeds 10 --out bench.csv")


@measures.command(epilog=_BENCH)
def bench(
    ctx: typer.Context,
    part: Names = Argument(None, help=_PARTS, metavar="[PART]..."),
    repeats: int = Option(5, min=1, help="Rounds of fit and propose."),
    seeds: int = Option(100, min=1, help="Surfaces of each kind of swarm."),
    peer: Names = Option(None, help="A surrogate to compare with, repeatable; all if omitted."),
    n: list[int] | None = Option(None, "--n", min=12, help="Points per task of fit, repeatable."),
    threads: int = Option(1, min=1, help="Number of threads."),
    time_limit: float = Option(120.0, min=1, help=_TIME_LIMIT),
    out: Path | None = Option(None, help="CSV file, one row per repeat; written anew."),
    source: list[Path] | None = Option(None, "--from", exists=True, dir_okay=False, help=_FROM),
) -> None:
    """Time our fit, proposal and swarm against what else there is.

    All of it in one process, so that ratios mean something.
    """
    from botorch.exceptions.errors import InputDataError, UnsupportedError
    from rich.console import Console

    from benchmarks.bench.fitting import FIT_SIZES, PEERS
    from benchmarks.bench.report import report_bench
    from benchmarks.bench.run import PARTS, read_bench, run_bench

    names = _chosen("PART", part, PARTS), _chosen("--peer", peer, PEERS)
    _check_file(out)
    kept = f"Finished parts are in {out}: run the others into another file."
    with refuses(InputDataError, UnsupportedError):
        if source:
            _refuse_beside_source(ctx)
            report_bench(read_bench(source)).print(Console())
            return
        with stops_with(kept if out else "Without --out nothing is kept."):
            run_bench(*names, n or FIT_SIZES, repeats, seeds, threads, time_limit, out)


def _check_file(path: Path | None) -> None:
    """Refuse a file that could not be written, if one was asked for, before anything is run."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"expected an existing folder for {path}")
    if path is not None and path.is_dir():
        raise typer.BadParameter(f"expected the name of a file, got the folder {path}")


def _check_picture(path: Path) -> None:
    """Refuse a picture that could not be written, or whose ending matplotlib does not know."""
    from matplotlib.backend_bases import FigureCanvasBase

    _check_file(path)
    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        endings = ", ".join(f".{ending}" for ending in known)
        raise typer.BadParameter(f"expected a picture that ends in one of {endings}, got {path}")


def _chosen(option: str, given: Names, known: Iterable[str]) -> list[str]:
    """The names that were given, each once, or all."""
    known = list(known)
    for name in given or []:
        if name not in known:
            raise typer.BadParameter(f"{option}: expected one of {', '.join(known)}, got {name}")
    return list(dict.fromkeys(given or known))


def _refuse_beside_source(ctx: typer.Context) -> None:
    for name in ctx.params:
        origin = ctx.get_parameter_source(name)
        if name != "source" and origin is not None and origin.name == "COMMANDLINE":
            raise typer.BadParameter(f"--from shows what was run; --{name} has no effect beside it")


_STATUS = "Exit status: 0 done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C."


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"botorch_cll {__version__}")
        raise typer.Exit


@app.callback(epilog=_STATUS)
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

"""The commands of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botorch_cll import __version__
from botorch_cll.studies.command_line import STATUS, check_file, check_picture, example, stops_with
from botorch_cll.studies.study_commands import report, study_app

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

    from botorch_cll.studies.prediction.fits import Fit

app = typer.Typer(
    name="botorch-cll",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


app.add_typer(study_app)
app.command(epilog=example("report results/table2"))(report)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"botorch-cll {__version__}")
        raise typer.Exit


@app.callback(epilog=STATUS)
def _app(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Experiments and reports of botorch_cll, a multi-task surrogate for BoTorch.

    `demo` is the one to start with: it takes some two minutes. `calibration` and `unequal` compare
    the predictions of surrogates, `conformance` tells what they can do. `study` runs experiments of
    hours, in pieces if need be, and `report` draws their tables and figures. Every command has an
    example in its help: botorch-cll COMMAND --help.
    """


@app.command(epilog=example("demo --budget 20 --out demo.png"))
def demo(
    out: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("demo.png"),
    budget: Annotated[int, typer.Option(min=4, help="Evaluations per task and method.")] = 40,
    num_initial: Annotated[int, typer.Option(min=2, help="Size of the first design.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Tune an estimator on four data sets with five methods."""
    from botorch_cll.studies.demo import run_demo

    if num_initial > budget:
        raise typer.BadParameter(f"--num-initial is {num_initial}, --budget only {budget}")
    check_picture(out)
    with stops_with("The demo keeps nothing: start it again, perhaps with a smaller --budget."):
        run_demo(out, budget=budget, num_initial=num_initial, seed=seed)


Families = Annotated[
    list[str] | None, typer.Option("--family", help="pairs, cec17 or shifted, repeatable.")
]
Correlations = Annotated[
    list[float] | None,
    typer.Option("--correlation", min=-1, max=1, help="A correlation of the pairs, repeatable."),
]
Surrogates = Annotated[
    list[str] | None, typer.Option("--surrogate", help="A surrogate, repeatable.")
]
Rows = Annotated[
    Path | None,
    typer.Option("--out", help="CSV file, one row per fit. Rows it has already are kept."),
]
Sources = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        exists=True,
        dir_okay=False,
        help="Show the rows of this CSV file instead, repeatable.",
    ),
]
Picture = Annotated[Path | None, typer.Option("--plot", help="Where to write a picture.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Number of processes.")]


@app.command(
    epilog=example(
        "calibration --family pairs --seeds 1 --out fits.csv --plot calibration.png",
        "calibration --from fits.csv",
    )
)
def calibration(
    ctx: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="Number of problem and data seeds.")] = 2,
    n: Annotated[
        list[int] | None, typer.Option("--n", min=4, help="Number of points, repeatable.")
    ] = None,
    family: Families = None,
    correlation: Correlations = None,
    surrogate: Surrogates = None,
    jobs: Jobs = 1,
    out: Rows = None,
    plot: Picture = None,
    source: Sources = None,
) -> None:
    """Compare surrogates on tasks observed at common points.

    Tables of error, log density, coverage and time, and ours against each other surrogate.
    """
    from botorch_cll.studies.calibration import calibration_fits, report_calibration
    from botorch_cll.studies.prediction.problems import FAMILIES
    from botorch_cll.studies.surrogates import SURROGATES

    _check_names("--family", family, FAMILIES)
    _check_names("--surrogate", surrogate, SURROGATES)
    fits = calibration_fits(seeds, family, correlation, n, surrogate)
    _run_or_read(ctx, fits, report_calibration, source, out, jobs, plot)


@app.command(
    epilog=example(
        "unequal --family pairs --seeds 2 --out fits.csv --plot unequal.png",
        "unequal --from fits.csv",
    )
)
def unequal(
    ctx: typer.Context,
    seeds: Annotated[int, typer.Option(min=1, help="Number of problem and data seeds.")] = 20,
    family: Families = None,
    correlation: Correlations = None,
    surrogate: Surrogates = None,
    jobs: Jobs = 1,
    out: Rows = None,
    plot: Picture = None,
    source: Sources = None,
) -> None:
    """Compare surrogates on a task with few points of its own.

    It has 15 points, the other one 200 elsewhere.
    """
    from botorch_cll.studies.prediction.problems import FAMILIES
    from botorch_cll.studies.surrogates import SURROGATES
    from botorch_cll.studies.unequal import report_unequal, unequal_fits

    _check_names("--family", family, FAMILIES)
    _check_names("--surrogate", surrogate, SURROGATES)
    fits = unequal_fits(seeds, family, correlation, surrogate)
    _run_or_read(ctx, fits, report_unequal, source, out, jobs, plot)


def _check_names(option: str, given: list[str] | None, known: Iterable[str]) -> None:
    for name in given or []:
        if name not in known:
            raise typer.BadParameter(f"{option}: expected one of {', '.join(known)}, got {name}")


def _run_or_read(
    ctx: typer.Context,
    fits: list[Fit],
    report: Callable[[DataFrame, Path | None, Console], None],
    source: list[Path] | None,
    out: Path | None,
    jobs: int,
    plot: Path | None,
) -> None:
    """Run the fits, or read the files given by `--from`, and report."""
    from botorch.exceptions.errors import InputDataError
    from rich.console import Console

    from botorch_cll.studies.prediction.fits import read_fits, run_fits

    check_file(out)
    check_picture(plot)
    console = Console()
    kept = (
        "Without --out nothing is kept."
        if out is None
        else f"Finished fits are in {out}: the same command goes on from there."
    )
    try:
        if source:
            _refuse_beside_source(ctx)
            report(read_fits(source), plot, console)
        else:
            with stops_with(kept):
                rows = run_fits(fits, out, jobs, console)
            report(rows, plot, console)
    except InputDataError as error:
        raise typer.BadParameter(str(error)) from error


def _refuse_beside_source(ctx: typer.Context) -> None:
    for name in ctx.params:
        origin = ctx.get_parameter_source(name)
        if name not in ("source", "plot") and origin is not None and origin.name == "COMMANDLINE":
            raise typer.BadParameter(f"--from shows what was run; --{name} has no effect beside it")


@app.command(epilog=example("conformance --model MultiRBFCorrelation --check shapes"))
def conformance(
    out: Annotated[Path | None, typer.Option(help="CSV file, one row per check and model.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Markdown file for the tables.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model to check, repeatable; all if omitted.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="A check to run, repeatable; all if omitted.")
    ] = None,
) -> None:
    """Check models against what BoTorch demands of them."""
    from botorch_cll.studies.conformance import run_conformance
    from botorch_cll.studies.peers import FACTORIES
    from botorch_cll.testing import surrogate_checks

    _check_names("--model", model, FACTORIES)
    _check_names("--check", check, [str(known) for known in surrogate_checks()])
    check_file(out)
    check_file(markdown)
    with stops_with("The checks keep nothing: --model and --check choose fewer of them."):
        run_conformance(out, markdown, models=model, checks=check)


@app.command(
    epilog=example("bench fit propose --repeats 3", "bench swarm --seeds 10 --out bench.csv")
)
def bench(
    ctx: typer.Context,
    part: Annotated[
        list[str] | None,
        typer.Argument(help="fit, propose, swarm or scale; all if omitted.", metavar="[PART]..."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds of fit and propose.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Surfaces of each kind of swarm.")] = 100,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="A surrogate to compare with, repeatable; all if omitted."),
    ] = None,
    n: Annotated[
        list[int] | None, typer.Option("--n", min=12, help="Points per task of fit, repeatable.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 1,
    time_limit: Annotated[
        float, typer.Option(min=1, help="Processor seconds after which a fit of scale is stopped.")
    ] = 120.0,
    out: Annotated[
        Path | None, typer.Option(help="CSV file, one row per repeat; written anew.")
    ] = None,
    source: Sources = None,
) -> None:
    """Time our fit, proposal and swarm against what else there is.

    All of it in one process, so that ratios mean something.
    """
    from botorch.exceptions.errors import InputDataError, UnsupportedError
    from rich.console import Console

    from botorch_cll.studies.bench import (
        PARTS,
        BenchOptions,
        read_bench,
        report_bench,
        run_bench,
    )
    from botorch_cll.studies.bench.fitting import FIT_SIZES, PEERS

    _check_names("PART", part, PARTS)
    _check_names("--peer", peer, PEERS)
    check_file(out)
    options = BenchOptions(
        parts=tuple(part or PARTS),
        repeats=repeats,
        seeds=seeds,
        threads=threads,
        time_limit=time_limit,
        peers=tuple(peer or PEERS),
        fit_sizes=tuple(n or FIT_SIZES),
    )
    kept = (
        "Without --out nothing is kept."
        if out is None
        else f"Finished parts are in {out}: run the others into another file."
    )
    try:
        if source:
            _refuse_beside_source(ctx)
            report_bench(read_bench(source)).print(Console())
        else:
            with stops_with(kept):
                run_bench(options, out)
    except (InputDataError, UnsupportedError) as error:
        raise typer.BadParameter(str(error)) from error

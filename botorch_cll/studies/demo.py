"""The demo: five methods tune one scikit-learn estimator on several real data sets at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from botorch.models.model import Model
from botorch.utils.sampling import draw_sobol_samples
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
from torch import Tensor

from botorch_cll.models import RegularizedMultiTaskRBFModel, SingleRBFModel
from botorch_cll.optim.loop import (
    Fit,
    LoopResult,
    Propose,
    fit_multi_rbf,
    propose_per_task,
    run_bay_mrbfcor,
)
from botorch_cll.studies.surrogates import (
    fit_multi_task_gp,
    propose_by_gradient,
    rbf_fit,
    without_sparse_warning,
)
from botorch_cll.test_functions import SklearnTuningTasks


@dataclass(frozen=True)
class Method:
    """A name, how to fit and how to propose."""

    name: str
    fit: Fit
    propose: Propose


def _no_model(X: Tensor, Y: Tensor, seed: int) -> None:
    return None


def _propose_sobol(
    model: Model | None, bounds: Tensor, best_f: Tensor, seed: int, num: int
) -> Tensor:
    return draw_sobol_samples(bounds, n=num, q=1, seed=seed).squeeze(-2)


def _advance(progress: Progress, bar: TaskID, X: Tensor, Y: Tensor) -> None:
    progress.update(bar, completed=len(X))


def demo_methods(budget: int) -> list[Method]:
    """The methods of the demo."""
    return [
        Method("Bay_MRBFCor", fit_multi_rbf, propose_per_task),
        Method("RMLA", rbf_fit(RegularizedMultiTaskRBFModel), propose_per_task),
        Method("Single-RBF", rbf_fit(SingleRBFModel), propose_per_task),
        Method("MultiTaskGP", fit_multi_task_gp, propose_by_gradient),
        Method("Sobol", _no_model, partial(_propose_sobol, num=budget)),
    ]


def run_demo(
    out: Path,
    budget: int = 40,
    num_initial: int = 12,
    seed: int = 0,
    data_sets: tuple[str, ...] = ("breast_cancer", "digits", "iris", "wine"),
    console: Console | None = None,
) -> dict[str, LoopResult]:
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
    methods = demo_methods(budget)
    console.print(
        f"Tuning HistGradientBoostingClassifier ({problem.dim} hyper-parameters) on "
        f"{', '.join(data_sets)}: {budget} evaluations per data set and method, "
        f"{num_initial} of them a Sobol design."
    )
    results = {}
    with (
        without_sparse_warning(),
        Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as progress,
    ):
        bars = {method.name: progress.add_task(method.name, total=budget) for method in methods}
        for method in methods:
            results[method.name] = run_bay_mrbfcor(
                lambda X: problem(X).log(),
                problem.bounds,
                budget=budget,
                num_initial=num_initial,
                maximize=False,
                seed=seed,
                callback=partial(_advance, progress, bars[method.name]),
                fit=method.fit,
                propose=method.propose,
            )
    console.print(_table(results, list(data_sets)))
    _plot(results, list(data_sets), num_initial, out)
    console.print(f"Best-so-far curves: {out}")
    return results


def _table(results: dict[str, LoopResult], tasks: list[str]) -> Table:
    table = Table(title="Best cross-validated log loss found (lower is better)", box=box.SIMPLE)
    table.add_column("method")
    for task in tasks:
        table.add_column(task, justify="right")
    table.add_column("fitting\ns", justify="right")
    table.add_column("proposing\ns", justify="right")
    losses = torch.stack([result.best.Y.exp() for result in results.values()])
    for (name, result), row in zip(results.items(), losses, strict=True):
        cells = [
            f"[bold]{loss:.4f}[/bold]" if loss == best else f"{loss:.4f}"
            for loss, best in zip(row.tolist(), losses.amin(0).tolist(), strict=True)
        ]
        table.add_row(name, *cells, f"{result.fit_seconds:.1f}", f"{result.propose_seconds:.1f}")
    return table


def _plot(results: dict[str, LoopResult], tasks: list[str], num_initial: int, out: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(tasks), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (task, name) in zip(
        figure.subplots(1, len(tasks), squeeze=False)[0], enumerate(tasks), strict=True
    ):
        for method, result in results.items():
            best = result.Y[:, task].cummin(0).values.exp()
            axes.plot(range(1, len(best) + 1), best, drawstyle="steps-post", label=method)
        axes.axvline(num_initial, color="0.8", zorder=0)
        axes.set(title=name, xlabel="evaluations")
    figure.axes[0].set_ylabel("best log loss so far")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(out, dpi=120)

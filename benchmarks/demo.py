"""The demo: five methods tune one scikit-learn estimator on several real data sets at once."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import torch
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from benchmarks.methods import METHODS, MULTI_TASK_GP
from benchmarks.methods.run import MethodRun, run_method
from benchmarks.problems import DATA_SETS, log_losses
from botorch_cll.plots import make_figure, plot_best_so_far
from botorch_cll.test_functions import SklearnTuningTasks

DEMO_METHODS = ("Bay_MRBFCor", "RMLA", "Single-RBF", MULTI_TASK_GP, "Sobol")
PEER_BUDGET = 24  # evaluations of `MultiTaskGP`, whose fits take longer than all else
_ESTIMATOR: Final = "hist_gradient_boosting"


def run_demo(
    out: Path,
    budget: int = 40,
    num_initial: int = 12,
    seed: int = 0,
    data_sets: tuple[str, ...] = DATA_SETS,
    console: Console | None = None,
) -> dict[str, MethodRun]:
    """Tune an estimator on several data sets, one task each, by logarithms of its log losses."""
    console = console or Console()
    problem = SklearnTuningTasks(_ESTIMATOR, data_sets=data_sets, seed=seed)
    tasks = range(len(data_sets))
    losses = [_evaluated_once(log_losses(_ESTIMATOR, data_sets, task, seed)) for task in tasks]
    console.print(
        f"Tuning HistGradientBoostingClassifier ({problem.dim} hyper-parameters) on "
        f"{', '.join(data_sets)}: {budget} evaluations per data set and method, "
        f"{num_initial} of them a Sobol design."
    )

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        chosen = losses if task is None else [losses[task]]
        return lambda X: torch.cat([loss(X) for loss in chosen], dim=-1)

    def run(name: str) -> MethodRun:
        some = min(budget, max(PEER_BUDGET, num_initial)) if name == MULTI_TASK_GP else budget
        bar = progress.add_task(name, total=some * len(tasks))
        advance = lambda made: progress.update(bar, completed=made)  # noqa: E731
        sizes = (len(tasks), some, num_initial)
        return run_method(METHODS[name], objective, problem.bounds, *sizes, seed, advance)

    with Progress(console=console) as progress:
        results = {name: run(name) for name in DEMO_METHODS}
    console.print(_table(results, data_sets, budget))
    _plot(results, data_sets, num_initial, out)
    console.print(f"Best-so-far curves: {out}")
    return results


def _evaluated_once(losses: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same function, which evaluates a first design once for all methods."""
    at = cache(lambda point: losses(torch.tensor([point], dtype=torch.double)))
    return lambda X: torch.cat([at(tuple(point)) for point in X.tolist()])


def _table(results: dict[str, MethodRun], tasks: tuple[str, ...], budget: int) -> Table:
    title = "Best cross-validated log loss found (lower is better)"
    table = Table(title=title, box=box.SIMPLE, pad_edge=False, caption_justify="left")
    table.add_column("method")
    for column in (*tasks, "fitting\ns", "proposing\ns"):
        table.add_column(column, justify="right")
    best = torch.stack([result.Y.amin(-1) for result in results.values()]).amin(0)
    for name, (_, Y, *seconds) in results.items():
        found, made = Y.amin(-1), Y.shape[-1]
        marks = ["[bold]{:.4f}[/bold]" if least else "{:.4f}" for least in found == best]
        cells = [mark.format(loss) for mark, loss in zip(marks, found.exp().tolist(), strict=True)]
        name = name if made == budget else f"{name}*"
        table.add_row(name, *cells, *(f"{some:.1f}" for some in seconds))
        if made < budget:
            why = f"* {made} of the {budget} evaluations, as its fits take the longest"
            table.caption = f"{why}: `python -m benchmarks study tuning` gives it all of them."
    return table


def _plot(runs: dict[str, MethodRun], tasks: tuple[str, ...], num_initial: int, out: Path) -> None:
    figure, panels = make_figure(1, len(tasks), (3.2, 3.6))
    for axes, (task, name) in zip(panels[0], enumerate(tasks), strict=True):
        for method, result in runs.items():
            losses = result.Y[task].exp().unsqueeze(-1)
            plot_best_so_far(losses, maximize=False, labels=[method], axes=axes)
        axes.axvline(num_initial, color="0.8", zorder=0)
        axes.set_title(name)
    figure.axes[0].set_ylabel("best log loss so far")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(out, dpi=120)

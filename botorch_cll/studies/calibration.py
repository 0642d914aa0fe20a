"""The calibration report: accuracy and honesty of surrogates on a fixed set of problems."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from botorch.models.model import Model
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import Tensor

from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.studies.surrogates import (
    fit_independent_gps,
    fit_multi_task_gp,
    rbf_fit,
    without_sparse_warning,
)
from botorch_cll.test_functions import CompositeTasks, MultiTaskTestProblem, ShiftedTasks
from botorch_cll.test_functions.composite import PAIRS
from botorch_cll.test_functions.shifted import SHIFTED_FUNCTIONS

SURROGATES: dict[str, Callable[[Tensor, Tensor, int], Model]] = {
    "MultiRBFCorrelation": rbf_fit(MultiRBFCorrelationModel),
    "no correlation layer": rbf_fit(MultiRBFCorrelationModel, correlation_layers=None),
    "RMLA": rbf_fit(RegularizedMultiTaskRBFModel),
    "Single-RBF": rbf_fit(SingleRBFModel),
    "independent GPs": fit_independent_gps,
    "MultiTaskGP": fit_multi_task_gp,
}
CORRELATIONS = (0.9, 0.5, -0.5)
DATA = {"n=20": (20, 20), "n=60": (60, 60), "15+120": (15, 120)}
NUM_TEST = 800


@dataclass(frozen=True)
class Cell:
    """One surrogate on one problem, data set and seed.

    Errors and log densities count in units of the task's standard deviation over the test points;
    the variance includes the observation noise. Means are over the tasks, except for `15+120`,
    where the poor task alone counts.
    """

    family: str
    problem: str
    data: str
    seed: int
    surrogate: str
    rmse: float
    nlpd: float
    coverage_50: float
    coverage_80: float
    coverage_95: float
    sharpness: float
    seconds: float


def calibration_problems(seed: int) -> Iterator[tuple[str, str, MultiTaskTestProblem]]:
    """Families, names and problems: the paper's five pairs and six shifted BoTorch functions."""
    for name in PAIRS:
        for p in CORRELATIONS:
            problem = CompositeTasks(name, correlation=p, noise_std=None, seed=seed)
            yield "pairs", f"{name} p={p:g}", problem
    for name in SHIFTED_FUNCTIONS:
        yield "shifted", name, ShiftedTasks(name, seed=seed)


def draw_data(
    problem: MultiTaskTestProblem, counts: tuple[int, int], seed: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Uniform training and test points, and all values at them.

    Args:
        problem: The problem.
        counts: The observations of the two tasks. Equal counts are at the same points, unequal ones
            at different points.
        seed: The seed of the points.

    Returns:
        Training points and values (NaN where not observed), test points and values.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(n: int) -> Tensor:
        return torch.rand(n, problem.dim, generator=generator, dtype=torch.double)

    test_X = uniform(NUM_TEST)
    first, second = counts
    X = uniform(first if first == second else first + second)
    Y = problem(X)
    if first != second:
        Y[:first, 1] = torch.nan
        Y[first:, 0] = torch.nan
    return X, Y, test_X, problem.evaluate_true(test_X)


def score(model: Model, X: Tensor, Y: Tensor) -> dict[str, Tensor]:
    """Accuracy and calibration of a model's predictive distribution, per task.

    Args:
        model: A fitted model of `T` outputs.
        X: A `n x d`-dim tensor of test points.
        Y: A `n x T`-dim tensor of noise-free values there.

    Returns:
        `T`-dim tensors: root mean squared error and mean standard deviation in units of the
        standard deviation of `Y`, mean negative log predictive density in those units, and the
        shares of values within the central 50, 80 and 95 % intervals.
    """
    with torch.no_grad():
        # One point at a time: a joint posterior over all points is not asked for.
        posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
        mean, variance = posterior.mean.squeeze(-2), posterior.variance.squeeze(-2)
    scale = Y.std(0)
    z = (Y - mean) / variance.sqrt()
    density = 0.5 * (2.0 * math.pi * variance / scale.square()).log() + 0.5 * z.square()
    result = {
        "rmse": ((Y - mean) / scale).square().mean(0).sqrt(),
        "nlpd": density.mean(0),
        "sharpness": (variance.sqrt() / scale).mean(0),
    }
    normal = torch.distributions.Normal(0.0, 1.0)
    for level in (50, 80, 95):
        bound = normal.icdf(torch.tensor(0.5 + level / 200)).item()
        result[f"coverage_{level}"] = (z.abs() <= bound).to(Y).mean(0)
    return result


def run_calibration(
    out: Path | None,
    seeds: int = 2,
    surrogates: list[str] | None = None,
    console: Console | None = None,
) -> pd.DataFrame:
    """Fit every surrogate to every problem and data set and print the means.

    Args:
        out: Where to write one row per fit as CSV, or `None`.
        seeds: The number of problem and data seeds.
        surrogates: Names of `SURROGATES`; all if omitted.
        console: Where to print.

    Returns:
        One row per fit.
    """
    console = console or Console()
    chosen = surrogates or list(SURROGATES)
    jobs = [
        (seed, family, name, problem, data)
        for seed in range(seeds)
        for family, name, problem in calibration_problems(seed)
        for data in DATA
    ]
    cells = []
    parts = (TextColumn("calibration"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with without_sparse_warning(), Progress(*parts, console=console) as progress:
        bar = progress.add_task("", total=len(jobs) * len(chosen))
        for seed, family, name, problem, data in jobs:
            X, Y, test_X, test_Y = draw_data(problem, DATA[data], seed)
            task = slice(0, 1) if data == "15+120" else slice(None)
            for surrogate in chosen:
                started = time.perf_counter()
                model = SURROGATES[surrogate](X, Y, seed)
                scores = score(model, test_X, test_Y)
                seconds = time.perf_counter() - started
                means = {key: value[task].mean().item() for key, value in scores.items()}
                cells.append(Cell(family, name, data, seed, surrogate, seconds=seconds, **means))
                progress.advance(bar)
    results = pd.DataFrame([asdict(cell) for cell in cells])
    if out is not None:
        results.to_csv(out, index=False)
    for family in ("pairs", "shifted"):
        for columns in (
            {"rmse": "RMSE", "nlpd": "NLPD"},
            {"coverage_95": "in 95 %", "seconds": "s"},
        ):
            console.print(_table(results[results.family == family], family, columns))
    return results


def _table(results: pd.DataFrame, family: str, columns: dict[str, str]) -> Table:
    table = Table(title=f"{family}: means over problems and seeds", box=box.SIMPLE)
    table.add_column("surrogate")
    for data in DATA:
        for title in columns.values():
            table.add_column(f"{data}\n{title}", justify="right")
    means = results.groupby(["surrogate", "data"], sort=False)[list(columns)].mean()
    for surrogate in results.surrogate.unique():
        cells = [means.loc[(surrogate, data), column] for data in DATA for column in columns]
        table.add_row(surrogate, *[f"{value:.2f}" for value in cells])
    return table

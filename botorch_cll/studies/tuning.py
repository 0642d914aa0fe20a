"""Real estimators tuned on several data sets at once, one task per data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor

from benchmarks.methods import METHODS, run_method
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.optimization import optimization_output
from botorch_cll.studies.report import Report
from botorch_cll.studies.report.comparison import cells_table, complete_blocks
from botorch_cll.studies.report.optimization import report_optimization
from botorch_cll.studies.results import Results
from botorch_cll.test_functions import SklearnTuningTasks

DATA_SETS = ("breast_cancer", "digits", "iris", "wine")


def log_losses(
    estimator: Literal["hist_gradient_boosting", "svc"],
    data_sets: tuple[str, ...],
    task: int | None,
    seed: int,
) -> Callable[[Tensor], Tensor]:
    """The logarithms of an estimator's cross-validated log losses.

    Args:
        estimator: The estimator, see `SklearnTuningTasks`.
        data_sets: The data sets.
        task: The number of one of them, the only one to be evaluated, or `None` for all.
        seed: The seed of folds, subsamples and estimators.

    Returns:
        A function from `n x d` points to `n x T` or `n x 1` values.
    """
    chosen = data_sets if task is None else data_sets[task : task + 1]
    losses = SklearnTuningTasks(estimator, data_sets=chosen, seed=seed)
    return lambda X: losses(X).log()


def run_tuning(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Tune one estimator on all data sets with one method; a run of a `Study`.

    The methods model the logarithm of the cross-validated log loss, which spans orders of
    magnitude; the results are log losses. The seed decides on folds and subsamples too.

    Args:
        key: The levels of `problem` (the estimator), `method` and `seed`.
        config: `budget` and `num_initial`.

    Returns:
        One row and one curve per data set.
    """
    seed = int(key["seed"])

    estimator: Any = key["problem"]
    run = run_method(
        METHODS[str(key["method"])],
        lambda task: log_losses(estimator, DATA_SETS, task, seed),
        SklearnTuningTasks(estimator, data_sets=DATA_SETS, seed=seed).bounds,
        num_tasks=len(DATA_SETS),
        budget=config["budget"],
        num_initial=config["num_initial"],
        seed=seed,
    )
    run = run._replace(Y=run.Y.exp())
    return optimization_output(
        run,
        tasks=DATA_SETS,
        truth=run.Y,
        median=run.Y[:, : config["num_initial"]].median(-1).values,
        optimum=None,
        num_initial=config["num_initial"],
    )


def report_tuning(results: Results) -> Report:
    """The report of an optimisation study, with the log losses themselves."""
    report = report_optimization(results)
    if not results.rows.empty:
        losses = complete_blocks(results.rows, results, "best")
        report.tables.append(cells_table(losses, "losses", "best log loss"))
    return report


TUNING = Study(
    name="tuning",
    factors={
        "seed": tuple(range(5)),
        "problem": ("hist_gradient_boosting", "svc"),
        "method": tuple(METHODS),
    },
    config={"budget": 40, "num_initial": 12},
    run=run_tuning,
    report=report_tuning,
)

"""The optimisation experiment of the paper: five pairs of functions at three correlations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks.methods import METHODS, run_method
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.optimization import optimization_output, random_median
from botorch_cll.studies.report import Report
from botorch_cll.studies.report.optimization import report_optimization
from botorch_cll.studies.report.paper import compare_with_paper
from botorch_cll.studies.results import Results
from botorch_cll.test_functions import CompositeTasks
from botorch_cll.test_functions.composite import PAIRS

PAPER_NAMES = {"SingleRBF": "Single-RBF", "RMLA": "RMLA", "Bay_MRBFCor": "Bay_MRBFCor (paper)"}
"""The methods of the paper's table by their names there, and which of ours stand for them."""


def paper_table() -> pd.DataFrame:
    """The paper's Table 2: 30 rows, mean and standard deviation of each method's best values."""
    path = files("botorch_cll.studies") / "reference" / "table2.csv"
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


def run_table2(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Minimise both tasks of a pair with one method; a run of a `Study`.

    The seed decides on the problem's directions and phases, its noise, the first design and the
    method: methods are compared on the same problems from the same first designs.

    Args:
        key: The levels of `problem`, `correlation`, `method` and `seed`.
        config: `budget` and `num_initial`.

    Returns:
        One row and one curve per task.
    """
    seed = int(key["seed"])

    def problem() -> CompositeTasks:
        return CompositeTasks(str(key["problem"]), correlation=float(key["correlation"]), seed=seed)

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        observed = problem()
        return observed if task is None else lambda X: observed(X)[:, [task]]

    known = problem()
    run = run_method(
        METHODS[str(key["method"])],
        objective,
        known.bounds,
        known.num_tasks,
        budget=config["budget"],
        num_initial=config["num_initial"],
        seed=seed,
    )
    truth = torch.stack([known.evaluate_true(X)[:, task] for task, X in enumerate(run.X)])
    return optimization_output(
        run,
        tasks=range(1, known.num_tasks + 1),
        truth=truth,
        median=random_median(known),
        optimum=known.optimal_value,
        num_initial=config["num_initial"],
    )


def report_table2(results: Results) -> Report:
    """The report of an optimisation study, with the paper's columns beside ours."""
    report = report_optimization(results)
    report.tables.extend(compare_with_paper(results, paper_table(), PAPER_NAMES))
    return report


TABLE2 = Study(
    name="table2",
    factors={
        "seed": tuple(range(10)),
        "problem": PAIRS,
        "correlation": (1.0, 0.9, 0.5),
        "method": tuple(METHODS),
    },
    config={"budget": 100, "num_initial": 20},
    run=run_table2,
    report=report_table2,
)

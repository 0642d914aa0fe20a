"""A task with few observations beside another one with many elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.methods import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    MULTI_TASK_GP,
    NO_LAYER,
    OURS,
    SINGLE_RBF,
)
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.prediction.problems import problem_labels
from botorch_cll.studies.prediction.scores import fit_and_score
from botorch_cll.studies.report.unequal import report_unequal


def run_unequal(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Fit one surrogate and score its predictions of the poor task; a run of a `Study`.

    Args:
        key: The levels of `problem` (a label of `PROBLEMS`), `method` (a key of `SURROGATES`) and
            `seed`.
        config: `num_poor`, `num_rich` and `num_test`.

    Returns:
        One row: the scores of `fit_and_score`.
    """
    scores = fit_and_score(
        str(key["problem"]),
        str(key["method"]),
        n=config["num_poor"],
        rich=config["num_rich"],
        num_test=config["num_test"],
        seed=int(key["seed"]),
    )
    return RunOutput([{"task": 1, **scores}])


UNEQUAL = Study(
    name="unequal",
    factors={
        "seed": tuple(range(20)),
        "problem": problem_labels(("pairs", "cec17"), (0.9, 0.5, 0.0, -0.9)),
        "method": (
            OURS,
            NO_LAYER,
            SINGLE_RBF,
            INDEPENDENT_GPS,
            MULTI_TASK_GP,
            INDEX_KERNEL_GP,
        ),
    },
    config={"num_poor": 15, "num_rich": 200, "num_test": 800},
    run=run_unequal,
    report=report_unequal,
)

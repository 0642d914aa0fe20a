"""Accuracy and honesty of surrogates of two tasks that are observed at the same points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.methods import SURROGATES
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.prediction.problems import FAMILIES, problem_labels
from botorch_cll.studies.prediction.scores import fit_and_score
from botorch_cll.studies.report.calibration import report_calibration


def run_calibration(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Fit one surrogate and score its predictions of both tasks; a run of a `Study`.

    Args:
        key: The levels of `problem` (a label of `PROBLEMS`), `n`, the number of points, `method` (a
            key of `SURROGATES`) and `seed`.
        config: `num_test`.

    Returns:
        One row: the scores of `fit_and_score`, means over both tasks.
    """
    scores = fit_and_score(
        str(key["problem"]),
        str(key["method"]),
        n=int(key["n"]),
        rich=0,
        num_test=config["num_test"],
        seed=int(key["seed"]),
    )
    return RunOutput([{"task": "both", **scores}])


CALIBRATION = Study(
    name="calibration",
    factors={
        "seed": (0, 1),
        "problem": problem_labels(FAMILIES, (1.0, 0.9, 0.5, -0.5)),
        "n": (20, 60, 120),
        "method": tuple(SURROGATES),
    },
    config={"num_test": 800},
    run=run_calibration,
    report=report_calibration,
)

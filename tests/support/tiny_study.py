"""A study of cheap runs that needs no torch: random search on a parabola."""

import os
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.runner.grid import Curve, RunOutput, Study


def run_tiny(key, config):
    """The method says what is to happen beside the search."""
    if key["method"] == "broken" and not Path(config["flag"]).exists():
        raise ArithmeticError(f"no luck with seed {key['seed']}")
    if key["method"] == "warning":
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
    if key["method"] == "deadly":
        os._exit(1)
    time.sleep(config["pause"])
    generator = np.random.default_rng(int(key["seed"]))
    values = np.minimum.accumulate(generator.normal(size=config["budget"]) ** 2)
    rows = [{"task": task, "best": values[-1] * task} for task in (1, 2)]
    return RunOutput(rows, [Curve(1, "best", range(1, len(values) + 1), values.tolist())])


def tiny_study(folder: Path, methods=("good",), seeds=4, pause=0.0, **factors) -> Study:
    return Study(
        name="tiny",
        help="Random search on a parabola.",
        example="",
        factors={"seed": tuple(range(seeds)), **factors, "method": tuple(methods)},
        config={"budget": 60, "pause": pause, "flag": str(folder / "fixed")},
        run=run_tiny,
        title="{budget} evaluations",
        report=lambda results, report: None,
    )

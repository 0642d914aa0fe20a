"""The claims about the training curves against constructed errors."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.protocols.regression import NETWORK_NAMES, PAPER_PROTOCOL
from benchmarks.runner.results import Results
from benchmarks.studies import draw_report


def results(factors: dict[str, float], spread: float, num_seeds: int = 10) -> Results:
    """Errors of every network: a factor, common luck of the seed, and luck of its own."""
    generator = np.random.default_rng(0)
    rows, curves = [], []
    for seed in range(num_seeds):
        common = generator.normal()
        for p in (1.0, 0.5):
            for name in NETWORK_NAMES:
                error = factors[name] * np.exp(common + spread * generator.normal())
                key = {"study": "fig8", "seed": seed, "correlation": p, "method": name}
                for task in (1, 2):
                    rows.append({**key, "task": task, "train_error": error, "test_error": error})
                    curves += [
                        {**key, "task": task, "curve": quantity, "x": x, "y": error * (2 - x)}
                        for quantity in ("train_error", "test_error")
                        for x in (0.0, 1.0)
                    ]
    levels = {
        "seed": list(range(num_seeds)),
        "correlation": [1.0, 0.5],
        "method": list(NETWORK_NAMES),
    }
    frames = pd.DataFrame(rows), pd.DataFrame(curves), pd.DataFrame()
    return Results("fig8", PAPER_PROTOCOL, [levels], *frames)


FACTORS = {"SingleRBF": 1.0, "MultiRBF": 1.0, "MultiRBF+": 0.8, "MultiRBF+ReLU": 1.2}


def claims(given: Results) -> pd.DataFrame:
    frame = draw_report(given).tables[0].frame
    return frame[frame.error == "test error"].set_index(["claim", "p"])


def test_ratios_and_verdicts():
    found = claims(results(FACTORS, spread=0.05))
    plus = found.loc["MultiRBF+ below MultiRBF"]
    assert plus.ratio.tolist() == pytest.approx([0.8, 0.8], rel=0.06)
    assert ((plus["from"] < 0.8) & (plus.to > 0.8)).all()
    assert plus.verdict.tolist() == ["confirmed", "confirmed"]
    assert found.loc["MultiRBF+ReLU below MultiRBF"].verdict.tolist() == ["refuted", "refuted"]
    assert found.loc[("MultiRBF+ReLU below MultiRBF+", 0.5)].verdict == "refuted"
    # The paper claims this at p = 0.5 only.
    assert ("MultiRBF+ReLU below MultiRBF+", 1.0) not in found.index


def test_the_interval_is_students_on_the_logarithm():
    given = results(FACTORS, spread=0.3, num_seeds=5)
    table = given.rows.query("task == 1 and correlation == 0.5")
    wide = table.pivot(index="seed", columns="method", values="test_error")
    log = np.log(wide["MultiRBF+"] / wide["MultiRBF"])
    half = 2.776445 * log.std() / 5**0.5  # the quantile for four degrees of freedom
    row = claims(given).loc[("MultiRBF+ below MultiRBF", 0.5)]
    assert row[["ratio", "from", "to"]].tolist() == pytest.approx(
        np.exp([log.mean(), log.mean() - half, log.mean() + half]), rel=1e-6
    )


def test_differences_within_the_luck_are_undecided():
    equal = dict.fromkeys(NETWORK_NAMES, 1.0)
    assert (claims(results(equal, spread=2.0)).verdict == "undecided").all()


def test_partial_results_are_drawn():
    given = results(FACTORS, spread=0.1)
    for name in ("rows", "curves"):
        frame = getattr(given, name)
        keep = (frame.method != "SingleRBF") | ((frame.seed == 0) & (frame.correlation == 1.0))
        object.__setattr__(given, name, frame[keep])
    report = draw_report(given)
    assert "61 of 80 runs asked for are finished, 19 are missing" in report.notes[0]
    assert len(report.figures["curves"].axes) == 4

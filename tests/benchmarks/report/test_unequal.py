"""The report on a task with few observations beside one with many."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from scipy.stats import ttest_rel

from benchmarks.methods import MULTI_TASK_GP, NO_LAYER, OURS
from benchmarks.runner.results import Results
from benchmarks.studies import draw_report

CONFIG = {"num_poor": 5, "num_rich": 20, "num_test": 9}
PROBLEMS = ["Ackley+Schwefel p=0.9", "Ackley+Griewank p=0.9", "Ackley+Schwefel p=0", "CI+HS"]
LEVELS = {"seed": list(range(8)), "problem": PROBLEMS, "method": [OURS, NO_LAYER, MULTI_TASK_GP]}


@pytest.fixture
def results() -> Results:
    """The layer takes 0.1 off the error at p = 0.9, nothing at p = 0, and adds 0.1 in CI+HS."""
    generator = torch.Generator().manual_seed(0)

    def noise() -> float:
        return 0.01 * torch.randn((), generator=generator).item()

    effects = dict(zip(PROBLEMS, (-0.1, -0.1, 0.0, 0.1), strict=True))
    rows = []
    for problem, effect in effects.items():
        for seed in LEVELS["seed"]:
            base = 1.0 + noise()
            errors = {OURS: base + effect + noise(), NO_LAYER: base, MULTI_TASK_GP: 0.95}
            rows += [
                {
                    "seed": seed,
                    "problem": problem,
                    "method": method,
                    "task": 1,
                    "rmse": error,
                    "nlpd": 2.0 * error,
                }
                for method, error in errors.items()
            ]
    return Results("unequal", CONFIG, [LEVELS], pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame())


def table(results: Results, name: str) -> pd.DataFrame:
    (found,) = [x for x in draw_report(results).tables if x.name == name]
    return found.frame


def test_the_layer_is_judged_by_problem_and_by_correlation(results: Results) -> None:
    found = table(results, "rmse_layer").set_index(["problem", "group"])
    assert found["the layer"].to_dict() == {
        ("Ackley+Schwefel p=0.9", "pairs, p = 0.9"): "helps",
        ("Ackley+Griewank p=0.9", "pairs, p = 0.9"): "helps",
        ("Ackley+Schwefel p=0", "pairs, p = 0"): "undecided",
        ("CI+HS", "cec17"): "hurts",
        ("all", "pairs, p = 0.9"): "helps",
        ("all", "pairs, p = 0"): "undecided",
        ("all", "cec17"): "hurts",
        ("all", "all"): "helps",
    }
    wide = results.rows[results.rows["problem"].isin(PROBLEMS[:2])].pivot_table(
        index="seed", columns="method", values="rmse"
    )
    expected = ttest_rel(wide[OURS], wide[NO_LAYER]).confidence_interval(0.95)
    row = found.loc[("all", "pairs, p = 0.9")]
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))


def test_errors_are_summed_up_by_family(results: Results) -> None:
    found = table(results, "nlpd_families").set_index("family")
    assert found.index.tolist() == ["pairs", "cec17"]
    chosen = results.rows[(results.rows["problem"] != "CI+HS") & (results.rows["method"] == OURS)]
    assert found.loc["pairs", OURS] == pytest.approx(chosen["nlpd"].mean())


def test_problems_are_counted_whoever_is_better(results: Results) -> None:
    found = table(results, "rmse_summary").set_index("method")
    assert found["best in"].to_dict() == {OURS: 2, NO_LAYER: 0, MULTI_TASK_GP: 2}
    assert found.loc[MULTI_TASK_GP, ["better in", "worse in"]].tolist() == [2, 2]


def test_the_picture_has_a_row_for_each_problem_and_an_interval(results: Results) -> None:
    left, right = draw_report(results).figures["unequal"].axes
    assert [label.get_text() for label in left.get_yticklabels()] == PROBLEMS
    assert len(left.lines) == 3
    # An interval and its middle each, and the line at zero.
    assert len(right.lines) == 2 * 4 + 1


def test_without_the_ensemble_without_layer_the_others_are_compared(results: Results) -> None:
    rows = results.rows[results.rows["method"] != NO_LAYER]
    report = draw_report(replace(results, rows=rows))
    assert "rmse_layer" not in [found.name for found in report.tables]
    assert set(report.figures) == {"unequal"}

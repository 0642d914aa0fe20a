import math

import pandas as pd
import pytest
import torch
from rich.console import Console
from scipy.stats import ttest_rel

from botorch_cll.studies.report.statistics import mean_interval
from botorch_cll.studies.surrogates import MULTI_TASK_GP, NO_LAYER, OURS
from botorch_cll.studies.unequal.tables import (
    comparison_lines,
    interval_text,
    layer_intervals,
    layer_lines,
    layer_table,
    means_table,
)


def make_results(effect: dict[float, float], seeds: int = 8) -> pd.DataFrame:
    """Scores of three surrogates, with an effect of the layer for each correlation."""
    generator = torch.Generator().manual_seed(0)

    def noise() -> float:
        return 0.01 * torch.randn((), generator=generator).item()

    rows = []
    for p, change in effect.items():
        for name in ("a", "b"):
            for seed in range(seeds):
                base = 1.0 + noise()
                scores = {NO_LAYER: base, OURS: base + change + noise(), MULTI_TASK_GP: 0.95}
                rows += [
                    {
                        "family": "pairs",
                        "problem": f"{name} p={p:g}",
                        "correlation": p,
                        "n": 15,
                        "rich": 200,
                        "seed": seed,
                        "surrogate": surrogate,
                        "rmse": value,
                        "nlpd": 2.0 * value,
                    }
                    for surrogate, value in scores.items()
                ]
    return pd.DataFrame(rows)


def test_interval_is_that_of_the_paired_t_test() -> None:
    results = make_results({0.9: -0.1})
    intervals = layer_intervals(results, "nlpd")
    assert list(intervals) == [("pairs", "a p=0.9"), ("pairs", "b p=0.9")]
    rows = results[results.problem == "a p=0.9"].pivot(
        index="seed", columns="surrogate", values="nlpd"
    )
    expected = ttest_rel(rows[OURS], rows[NO_LAYER]).confidence_interval(0.95)
    interval = intervals["pairs", "a p=0.9"]
    assert interval.low == pytest.approx(expected.low)
    assert interval.high == pytest.approx(expected.high)
    assert interval.mean == pytest.approx((rows[OURS] - rows[NO_LAYER]).mean())
    assert (
        interval_text(interval)
        == f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
    )


def test_one_seed_has_no_interval() -> None:
    interval = mean_interval([0.25])
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval_text(interval) == "+0.250"


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [(0.1, ": hurt beyond noise"), (0.0, ": not hurt beyond noise"), (-0.1, ": not hurt")],
    ids=["hurts", "noise", "helps"],
)
def test_uncorrelated_tasks_are_judged_over_the_seeds(effect: float, verdict: str) -> None:
    results = make_results({0.9: -0.5, 0.0: effect})
    *_, last = layer_lines(results)
    wide = results[results.correlation == 0].pivot(
        index=["seed", "problem"], columns="surrogate", values="rmse"
    )
    by_seed = wide.groupby("seed").mean()
    expected = ttest_rel(by_seed[OURS], by_seed[NO_LAYER]).confidence_interval(0.95)
    assert last.startswith("p = 0")
    assert f"[{expected.low:+.3f}, {expected.high:+.3f}]" in last
    assert verdict in last


def test_problems_are_counted_whoever_wins() -> None:
    results = make_results({0.9: -0.1, 0.5: 0.1, -0.9: 0.0})
    layer, multi_task = comparison_lines(results)
    assert f"of {MULTI_TASK_GP} on 2 of 6 problems (33 %), above on 4" in multi_task
    assert f"of {NO_LAYER} on" in layer
    (counts,) = layer_lines(results)
    assert "below zero beyond noise on 2 problems, above on 2, neither on 2" in counts


def test_tables_have_a_row_per_problem_and_fit_80_columns() -> None:
    results = make_results({0.9: -0.1})
    results.loc[results.surrogate == MULTI_TASK_GP, "rmse"] = math.nan
    console = Console(record=True, width=80)
    console.print(means_table(results, "rmse", "RMSE"), layer_table(results))
    text = " ".join(console.export_text().split())
    ours = results[(results.problem == "a p=0.9") & (results.surrogate == OURS)].rmse.mean()
    assert f"{ours:.2f}" in text
    assert "TaskGP" not in text  # it has no result anywhere
    assert "15 points beside 200" in text
    assert text.count("b p=0.9") == 2
    for interval in layer_intervals(results, "nlpd").values():
        assert interval_text(interval) in text

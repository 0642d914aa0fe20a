"""The report on tasks observed at the same points, against counts by hand."""

import math
from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
import torch

from benchmarks.methods import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    KRONECKER_GP,
    MULTI_TASK_GP,
    OURS,
)
from benchmarks.report.prediction import head_to_head
from benchmarks.runner.results import Results
from benchmarks.studies import draw_report

GPS = (INDEPENDENT_GPS, MULTI_TASK_GP, INDEX_KERNEL_GP, KRONECKER_GP)
METHODS = (OURS, "Single-RBF", *GPS)
PROBLEMS = ("Ackley+Schwefel p=1", "Ackley+Schwefel p=0.5", "CI+HS")
LEVELS = {"seed": [0, 1], "problem": list(PROBLEMS), "n": [20, 60], "method": list(METHODS)}


@pytest.fixture
def results() -> Results:
    """Random scores of six surrogates on 3 problems x 2 sizes x 2 seeds."""
    generator = torch.Generator().manual_seed(0)
    rows = pd.DataFrame(product(*LEVELS.values()), columns=list(LEVELS)).assign(task="both")
    for metric in ("rmse", "nlpd", "sharpness", "seconds", *(f"coverage_{p}" for p in percents())):
        rows[metric] = torch.rand(len(rows), generator=generator).double().numpy()
    return Results("calibration", {"num_test": 9}, [LEVELS], rows, pd.DataFrame(), pd.DataFrame())


def percents() -> list[int]:
    return [*range(10, 100, 10), 95]


def table(results: Results, name: str) -> pd.DataFrame:
    (found,) = [x for x in draw_report(results).tables if x.name == name]
    return found.frame


def seed_mean(rows: pd.DataFrame, metric: str, problem: str, n: int, method: str) -> float:
    chosen = rows[(rows.problem == problem) & (rows.n == n) & (rows.method == method)]
    assert len(chosen) == 2
    return sum(chosen[metric]) / 2


def test_head_to_head_by_hand(results: Results) -> None:
    cells = head_to_head(results)
    assert len(cells) == 6
    for problem, n, *_ in cells.index:
        nlpd = {m: seed_mean(results.rows, "nlpd", problem, n, m) for m in METHODS}
        rmse = {m: seed_mean(results.rows, "rmse", problem, n, m) for m in METHODS}
        row = cells.loc[(problem, n)]
        assert row.nlpd_below == all(nlpd[OURS] < nlpd[gp] for gp in GPS)
        assert row.rmse_ratio == pytest.approx(rmse[OURS] / min(rmse[gp] for gp in GPS[1:]))
        share = seed_mean(results.rows, "coverage_95", problem, n, OURS)
        assert row.coverage_95 == pytest.approx(share)


def test_wins_and_losses_are_counted_alike(results: Results) -> None:
    cells = head_to_head(results)
    won, lower = cells.nlpd_below.sum(), (cells.rmse_ratio < 1).sum()
    found = table(results, "head_to_head").set_index("cells")
    groups = [f"{family}, n = {n}" for family in ("pairs", "cec17") for n in (20, 60)]
    assert found.index.tolist() == [*groups, "all"]
    expected = [won, 6 - won, cells.rmse_ratio.mean(), lower, 6 - lower, cells.coverage_95.mean()]
    assert found.loc["all"].tolist() == pytest.approx(expected)
    assert found["below 1"].tolist()[:4] == [
        sum(cells.loc[(problem, n), "rmse_ratio"].item() < 1 for problem in problems)
        for problems in (PROBLEMS[:2], PROBLEMS[2:])
        for n in (20, 60)
    ]


def test_each_opponent_is_met_in_every_cell(results: Results) -> None:
    row = table(results, "opponents").set_index("opponent").loc["Single-RBF"]
    pairs = {
        metric: [
            [seed_mean(results.rows, metric, problem, n, m) for m in (OURS, "Single-RBF")]
            for problem, n in product(PROBLEMS, (20, 60))
        ]
        for metric in ("nlpd", "rmse")
    }
    won = {metric: sum(ours < theirs for ours, theirs in x) for metric, x in pairs.items()}
    ratio = sum(ours / theirs for ours, theirs in pairs["rmse"]) / 6
    expected = [6, won["nlpd"], 6 - won["nlpd"], won["rmse"], 6 - won["rmse"], ratio]
    assert row.tolist() == pytest.approx(expected)


def test_means_are_over_problems_and_seeds(results: Results) -> None:
    rows = results.rows
    found = table(results, "pairs_means").set_index(["n", "method"])
    assert found.index.tolist() == list(product((20, 60), METHODS))
    chosen = rows[(rows.method == OURS) & (rows.n == 60) & (rows.problem != "CI+HS")]
    assert len(chosen) == 4
    assert found.loc[(60, OURS), "RMSE"] == pytest.approx(chosen.rmse.mean())
    assert found.loc[(60, OURS), "in 95 %"] == pytest.approx(chosen.coverage_95.mean())


def test_without_multi_task_gps_nothing_is_said_of_them(results: Results) -> None:
    rows = results.rows[results.rows.method.isin([OURS, INDEPENDENT_GPS])]
    cells = head_to_head(replace(results, rows=rows))
    assert cells.nlpd_below.notna().all()
    assert cells.rmse_ratio.isna().all()


def test_what_has_no_result_is_named_and_left_out_of_comparisons(results: Results) -> None:
    lost = (results.rows.method == KRONECKER_GP) & (results.rows.seed == 1)
    failures = pd.DataFrame({"method": [KRONECKER_GP] * 6, "type": "MemoryError", "message": "m"})
    given = replace(results, rows=results.rows[~lost], failures=failures)
    notes = draw_report(given).notes
    assert f"{KRONECKER_GP}: 6 of its runs raised an error, the first MemoryError: m" in notes
    cells = head_to_head(given)
    first = given.rows[given.rows.seed == 0]
    row = first[(first.problem == "CI+HS") & (first.n == 20)].set_index("method")
    assert cells.loc[("CI+HS", 20), "rmse_ratio"].item() == pytest.approx(
        row.rmse[OURS] / row.rmse[list(GPS[1:])].min()
    )


def test_the_picture_has_a_column_for_each_family(results: Results) -> None:
    figure = draw_report(results).figures["calibration"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["pairs", "cec17"]
    assert len(figure.axes) == 6
    assert not math.isnan(figure.axes[2].get_ylim()[0])

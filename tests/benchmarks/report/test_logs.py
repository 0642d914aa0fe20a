"""The reports on targets beside logs."""

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.runner.results import Results
from benchmarks.studies import STUDIES, draw_report

# Two targets for development, one for reporting.
PROBLEMS = ("HPOLib protein_structure", "LCBench APSFailure", "Suzuki case_2")
REGRETS = {"MultiRBFCorrelation": 0.2, "RGPE": 0.3, "random": 0.6}


def results(name, rows, curves=(), **levels):
    levels = {"seed": [0, 1], "problem": list(PROBLEMS), **levels}
    config = dict(STUDIES[name].config)
    tables = pd.DataFrame(rows), pd.DataFrame(curves), pd.DataFrame()
    return Results(name, config, [levels], *tables)


@pytest.fixture
def searches():
    rows, curves = [], []
    for seed in range(2):
        for problem in PROBLEMS:
            for method, regret in REGRETS.items():
                if method == "RGPE" and seed == 1:
                    continue  # slow methods have fewer seeds
                key = {"seed": seed, "problem": problem, "method": method, "task": problem}
                at = regret + 0.1 * seed + 0.01 * (method == "random") * seed
                after = {f"after_{step}": at / step for step in (1, 5, 10)} | {"after_25": None}
                row = key | after | {"last": at / 10, "mean": at, "seconds": 7.0}
                rows.append(row)
                course = [{"curve": "regret", "x": x, "y": at / (1 + x)} for x in range(11)]
                curves += [key | point for point in course]
    return results("logs", rows, curves, method=list(REGRETS))


def test_development_and_reporting_are_kept_apart(searches):
    report = draw_report(searches)
    tables = {table.name: table.frame for table in report.tables}
    assert list(tables["summary_development"]) == ["method", "LCBench", "HPOLib"]
    assert list(tables["summary_reporting"]) == ["method", "Suzuki"]
    assert set(report.figures) == {"regret_development", "regret_reporting"}
    assert "None" not in str(tables["HPOLib_development"].columns)


def test_differences_are_paired_by_target_and_seed(searches):
    (frame,) = (x.frame for x in draw_report(searches).tables if x.name == "differences_reporting")
    frame = frame.set_index("method")
    assert frame["pairs"].to_dict() == {"RGPE": 1, "random": 2}
    # The first seed of RGPE is compared with the first of ours, not with the mean of its seeds.
    assert frame["mean"]["RGPE"].startswith("+0.100")
    assert frame["mean"]["random"] == "+0.405 [+0.341, +0.469]"
    assert "after 25" not in frame


def test_a_group_has_means_medians_and_ranks(searches):
    (frame,) = (x.frame for x in draw_report(searches).tables if x.name == "Suzuki_reporting")
    ours = frame.set_index("method").loc["MultiRBFCorrelation"]
    assert ours["after 5"] == pytest.approx(0.05)
    assert ours["last"] == pytest.approx(0.025)
    assert ours["rank"] == 1.0
    assert frame["runs"].tolist() == [2, 1, 2]
    assert "after 25" not in frame


def test_a_run_of_all_tasks_at_once_counts_once():
    rows = [
        {"seed": seed, "problem": "Suzuki", "method": method, "task": task}
        | {"after_1": 1.0, "last": 0.5, "mean": 0.7, "seconds": 3.0 + seed}
        | dict.fromkeys(("after_5", "after_10", "after_25"))
        for seed in range(3)
        for task in "1234"
        for method in REGRETS
    ]
    keys = ("seed", "problem", "method", "task")
    curves = [{name: row[name] for name in keys} | {"x": 0, "y": 1.0} for row in rows]
    report = draw_report(results("logs-together", rows, curves, method=list(REGRETS)))
    (frame,) = (x.frame for x in report.tables if x.name == "Suzuki_reporting")
    assert frame["runs"].tolist() == [3, 3, 3]
    assert frame["s"].tolist() == [4.0, 4.0, 4.0]


def test_a_method_that_sees_less_of_the_sources_is_named(searches):
    assert not any("at most" in note for note in draw_report(searches).notes)
    rows = searches.rows.replace({"method": {"RGPE": "MultiTaskGP"}})
    curves = searches.curves.replace({"method": {"RGPE": "MultiTaskGP"}})
    methods = ["MultiRBFCorrelation", "MultiTaskGP", "random"]
    report = draw_report(results("logs", rows, curves, method=methods))
    assert "MultiTaskGP sees at most 140 rows of 7 sources together." in report.notes


def test_ranks_are_drawn_where_all_methods_have_runs(searches):
    regret, rank = draw_report(searches).figures["regret_reporting"].axes
    assert [line.get_ydata()[0] for line in rank.lines] == [1.0, 2.0, 3.0]
    assert [line.get_ydata()[0] for line in regret.lines] == pytest.approx([0.25, 0.3, 0.655])


def test_a_method_that_lacks_targets_is_neither_summed_up_nor_drawn(searches):
    def without(table):
        lacks = (table["problem"] == PROBLEMS[1]) & (table["method"] == "random")
        return table[~lacks]

    further = {"problem": "LCBench Australian"}  # of the same table
    rows, curves = searches.rows, searches.curves
    copies = [x[x["problem"] == PROBLEMS[1]].assign(**further) for x in (rows, curves)]
    copies[0]["task"] = copies[1]["task"] = further["problem"]
    partial = replace(
        searches,
        rows=without(pd.concat([rows, copies[0]])),
        curves=without(pd.concat([curves, copies[1]])),
    )
    report = draw_report(partial)
    summary = {table.name: table.frame for table in report.tables}["summary_development"]
    summary = summary.set_index("method")
    assert summary["LCBench"].isna().to_dict() == {
        "MultiRBFCorrelation": False,
        "RGPE": False,
        "random": True,
    }
    assert summary["HPOLib"].notna().all()
    drawn = {x.get_title(): len(x.lines) for x in report.figures["regret_development"].axes}
    assert drawn["LCBench"] == 2
    assert drawn["HPOLib"] == 3


def test_predictions_are_scored_by_the_number_of_rows_and_blank_where_there_are_none():
    rows = [
        {"seed": seed, "problem": problem, "n": n, "num_source": 40, "method": method}
        | {"task": problem, "spearman": 0.5 if n else None, "rmse": 1.0 if n else None}
        | {"nlpd": 2.0, "coverage_95": 0.9, "seconds": 1.0}
        for seed in range(2)
        for problem in PROBLEMS
        for n in (0, 8)
        for method in ("RGPE", "mean of sources")
    ]
    levels = {"n": [0, 8], "num_source": [40], "method": ["mean of sources", "RGPE"]}
    report = draw_report(results("logs-prediction", rows, **levels))
    frame = {table.name: table.frame for table in report.tables}["spearman_40_reporting"]
    assert frame[["group", "method"]].to_numpy().tolist() == [
        ["Suzuki", "mean of sources"],
        ["Suzuki", "RGPE"],
    ]
    assert frame["8"].tolist() == [0.5, 0.5]
    assert frame["0"].isna().all()

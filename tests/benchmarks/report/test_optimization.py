"""The report of an optimisation study, and the paper's table beside it."""

import dataclasses

import pandas as pd
import pytest

from benchmarks.methods import METHODS
from benchmarks.problems import DATA_SETS
from benchmarks.protocols.optimization import run_tuning
from benchmarks.report import Report
from benchmarks.report.optimization import (
    PAPER_NAMES,
    PAPER_TABLE,
    compare_with_paper,
    report_optimization,
    with_known_optima,
)
from benchmarks.runner.results import Results, load_results
from benchmarks.runner.run import run_study
from benchmarks.studies import STUDIES, draw_report
from botorch_cll.test_functions.composite import PAIRS

SEEDS = range(6)
VALUES = {"Bay_MRBFCor (paper)": 1.0, "RMLA": 2.0, "Single-RBF": 3.0}


def results(values=VALUES, optimum: float | None = 0.0) -> Results:
    cells = [("Ackley+Rastrigin", 1.0), ("Ackley+Rastrigin", 0.5), ("Ackley+Schwefel", 0.5)]
    rows, curves = [], []
    for seed in SEEDS:
        for problem, p in cells:
            for method, value in values.items():
                for task in (1, 2):
                    key = {
                        "seed": seed,
                        "problem": problem,
                        "correlation": p,
                        "method": method,
                        "task": task,
                    }
                    best = value + 0.01 * seed * value
                    row = {"best": best, "true_best": best, "optimum": optimum}
                    regret = {"regret": None, "normalized_regret": None, "random_median": 10.0}
                    seconds = dict.fromkeys(
                        ("fit_seconds", "propose_seconds", "total_seconds", "cpu_seconds"), value
                    )
                    rows.append({"study": "table2", **key, **row, **regret, **seconds})
                    curves += [
                        {
                            "study": "table2",
                            **key,
                            "curve": "true_best",
                            "x": x,
                            "y": best + 8.0 - x,
                        }
                        for x in (5.0, 8.0)
                    ]
    levels = {
        "seed": list(SEEDS),
        "problem": ["Ackley+Rastrigin", "Ackley+Schwefel"],
        "correlation": [1.0, 0.5],
        "method": list(values),
    }
    return Results(
        "table2",
        {"budget": 8, "num_initial": 5},
        [levels],
        pd.DataFrame(rows),
        pd.DataFrame(curves),
        pd.DataFrame(),
    )


def report_of(given: Results) -> Report:
    report = Report("A study", [given.state])
    report_optimization(given, report)
    return report


def test_unknown_optima_are_the_best_of_any_method():
    rows = with_known_optima(results(optimum=None)).rows
    of = rows[rows.seed == 2].groupby("method")["normalized_regret"].first()
    # The best is the optimum, and what is closer than kept values are accurate is not told apart.
    assert of["Bay_MRBFCor (paper)"] == 1e-4
    assert of["RMLA"] == pytest.approx((2.04 - 1.02) / (10.0 - 1.02))


def test_known_regrets_are_kept_as_they_were_before_rounding():
    given = results()
    given.rows["normalized_regret"] = [1e-6, 0.123456] * (len(given.rows) // 2)
    found = with_known_optima(given).rows["normalized_regret"]
    assert found.tolist() == pytest.approx([1e-4, 0.123456] * (len(given.rows) // 2))


def test_report_has_tables_and_figures_and_says_what_is_missing():
    report = report_of(results())
    assert [table.name for table in report.tables] == ["summary", "time", "iterations", "cells"]
    assert set(report.figures) == {"time", "regret", "rank", "cells"}
    assert "54 of 72 runs asked for are finished, 18 are missing" in report.notes[0]
    summary = report.tables[0].frame.set_index("method")
    assert summary["mean rank"].to_dict() == {name: float(v) for name, v in VALUES.items()}
    assert summary["normalized regret"]["RMLA"] == pytest.approx(0.2 * 1.025)
    assert report.tables[1].frame["CPU"].tolist() == [1.0, 2.0, 3.0]


def test_curves_are_geometric_means_of_the_regret():
    (panel,) = report_of(results()).figures["regret"].axes
    line = dict(zip([x.get_label() for x in panel.lines], panel.lines, strict=True))["RMLA"]
    product = 1.0
    for seed in SEEDS:
        product *= (2.0 * (1.0 + 0.01 * seed) + 3.0) / 10.0
    assert line.get_xdata().tolist() == [5.0, 8.0]
    assert line.get_ydata()[0] == pytest.approx(product ** (1 / 6))


def test_curves_are_plain_means_where_optima_are_unknown():
    # The method that has the best value would be at a regret of zero.
    (panel,) = report_of(results(optimum=None)).figures["regret"].axes
    assert (panel.get_yscale(), panel.get_ylabel()) == ("linear", "normalized regret (mean)")
    line = dict(zip([x.get_label() for x in panel.lines], panel.lines, strict=True))["RMLA"]
    regrets = [(2.0 * s + 3.0 - s) / (10.0 - s) for s in (1.0 + 0.01 * seed for seed in SEEDS)]
    assert line.get_ydata()[0] == pytest.approx(sum(regrets) / 6)


def test_methods_with_most_runs_are_compared_over_all_of_them():
    full = results({**VALUES, "MultiTaskGP": 0.5})
    slow = (full.rows["method"] == "MultiTaskGP") & (full.rows["seed"] > 2)
    report = report_of(dataclasses.replace(full, rows=full.rows[~slow]))
    first, second = report.tables[:2]
    assert [first.name, second.name] == ["summary", "summary_most_runs"]
    assert "3 seeds" in first.caption
    assert "MultiTaskGP" in first.frame["method"].to_list()
    assert "6 seeds" in second.caption
    assert second.frame["method"].tolist() == list(VALUES)


def test_report_without_results():
    empty = dataclasses.replace(results(), rows=pd.DataFrame(), curves=pd.DataFrame())
    report = draw_report(empty)
    assert report.notes == ["None of 72 runs is finished."]
    assert not report.tables


def test_the_papers_claims_are_counted_in_the_cells_that_are_there():
    cells, claims = compare_with_paper(results())
    assert len(cells.frame) == 6
    assert cells.frame["best\npaper"].eq("Bay_MRBFCor").all()
    assert cells.frame["best\nours"].eq("Bay_MRBFCor").all()
    assert cells.frame["RMLA\npaper"][0] == "-7.8 (2.0)"
    found = claims.frame.set_index("claim")
    assert found.index[3] == "Bay_MRBFCor below SingleRBF and RMLA"
    assert found["ours"].tolist() == [6, 6, 6, 6]
    assert found["of these\nsignificant"].tolist()[:3] == [6, 6, 6]
    # In the paper RMLA is behind in both tasks of Ackley+Rastrigin at 0.5 and in one of
    # Ackley+Schwefel.
    assert found["paper"].tolist() == [6, 6, 3, 6]
    assert found["p over seeds"].tolist()[:3] == pytest.approx([2.0**-5] * 3)


def test_our_defaults_stand_beside_the_papers_methods():
    cells, claims = compare_with_paper(results({**VALUES, "Bay_MRBFCor": 2.5}))
    assert cells.frame["our defaults\nregret"].tolist() == pytest.approx([0.25 * 1.025] * 6)
    assert cells.frame["best\nours"].eq("Bay_MRBFCor").all()
    last = claims.frame.iloc[-1]
    assert last["claim"] == "our defaults below SingleRBF and RMLA"
    assert last["ours"] == 0
    assert pd.isna(last["paper"])


def test_our_defaults_take_no_cell_from_the_papers_methods_where_they_were_not_run():
    full = results({**VALUES, "Bay_MRBFCor": 0.5})
    ours = full.rows["method"] == "Bay_MRBFCor"
    missing = ours & ((full.rows["seed"] > 2) | (full.rows["problem"] == "Ackley+Schwefel"))
    given = dataclasses.replace(full, rows=full.rows[~missing])
    cells, claims = compare_with_paper(given)
    assert len(cells.frame) == 6
    assert cells.frame["our defaults\nregret"].isna().all()
    found = claims.frame.set_index("claim")
    assert found["cells"].tolist() == [6, 6, 6, 6, 4]
    assert found["of these\nsignificant"].tolist()[:3] == [6, 6, 6]


def test_a_reversed_order_is_reported_as_the_reverse():
    values = {"Bay_MRBFCor (paper)": 3.0, "RMLA": 2.0, "Single-RBF": 1.0}
    _, claims = compare_with_paper(results(values))
    assert claims.frame["ours"].tolist() == [0, 0, 0, 0]
    assert claims.frame["significantly\nthe reverse"].tolist()[:3] == [6, 6, 6]


def test_nothing_beside_the_paper_without_its_methods():
    some = {"Bay_MRBFCor (paper)": 3.0, "RMLA": 2.0}
    assert compare_with_paper(results(some)) == []


def test_the_papers_table_is_complete():
    table = pd.read_csv(PAPER_TABLE)
    cells = table[["problem", "p", "task"]]
    assert len(table) == 5 * 3 * 2 == len(cells.drop_duplicates())
    assert set(table.problem) == set(PAIRS)
    assert set(table.p) == set(STUDIES["table2"].factors["correlation"])
    assert table.notna().all().all()
    for name, ours in PAPER_NAMES.items():
        assert (table[f"{name}_std"] > 0.0).all()
        assert ours in METHODS
    # What the paper says of its own table, and in the second case miscounts by one.
    others = table[["SingleRBF_mean", "RMLA_mean"]].min(axis=1)
    assert (table.Bay_MRBFCor_mean < others).sum() == 29
    assert (table.RMLA_mean < table.SingleRBF_mean).sum() == 23


def test_the_report_shows_the_losses_themselves(tmp_path):
    study = dataclasses.replace(STUDIES["tuning"], config={"budget": 4, "num_initial": 3})
    for factor, levels in (("problem", ["svc"]), ("method", ["Sobol"]), ("seed", [0])):
        study = study.restrict(factor, levels)
    run_study(study, tmp_path)
    losses = draw_report(load_results(tmp_path)).tables[-1].frame
    output = run_tuning({"problem": "svc", "method": "Sobol", "seed": 0}, study.config)
    assert losses["task"].tolist() == list(DATA_SETS)
    assert losses["Sobol"].tolist() == pytest.approx([x["best"] for x in output.rows], rel=1e-5)

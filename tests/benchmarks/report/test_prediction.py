"""The report of a regression study."""

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.runner.results import Results
from benchmarks.studies import draw_report


@pytest.fixture
def results():
    rows = pd.DataFrame(
        [
            {
                "seed": seed,
                "problem": problem,
                "correlation": p,
                "method": method,
                "task": 1,
                "rmse": rmse + 0.01 * seed,
                "nlpd": 1.0 - rmse,
                "coverage_95": 0.9,
                "fit_seconds": 2.0,
            }
            for seed in range(3)
            for problem in ("2 tasks", "4 tasks")
            for p in (0.9, -0.5)
            for method, rmse in (("Bay_MRBFCor", 0.4), ("RMLA", 0.6))
        ]
    )
    levels = {
        "seed": [0, 1, 2],
        "problem": ["2 tasks", "4 tasks"],
        "correlation": [0.9, -0.5],
        "method": ["Bay_MRBFCor", "RMLA", "Single-RBF"],
    }
    return Results(
        "transfer",
        {"num_poor": 5, "num_rich": 9, "num_test": 50},
        [levels],
        rows,
        pd.DataFrame(),
        pd.DataFrame(),
    )


def test_errors_and_densities_are_compared(results):
    report = draw_report(results)
    tables = {table.name: table.frame for table in report.tables}
    assert tables["rmse_summary"].set_index("method")["best in"].to_dict() == {
        "Bay_MRBFCor": 4,
        "RMLA": 0,
    }
    assert tables["nlpd_summary"].set_index("method")["best in"].to_dict() == {
        "Bay_MRBFCor": 0,
        "RMLA": 4,
    }
    assert tables["rmse_cells"]["correlation"].tolist() == [0.9, -0.5, 0.9, -0.5]
    assert tables["calibration"]["fitting"].tolist() == [2.0, 2.0]
    assert "24 of 36" in report.notes[0]
    assert set(report.figures) == {"rmse", "nlpd"}


def test_correlations_with_different_seeds_are_drawn(results):
    rows = results.rows.query("correlation == 0.9 or seed == 0")
    report = draw_report(replace(results, rows=rows))
    for line in report.figures["rmse"].axes[0].lines:
        assert line.get_xdata().tolist() == [-0.5, 0.9]
    means = [line.get_ydata().tolist() for line in report.figures["rmse"].axes[0].lines]
    assert means == [pytest.approx([0.4, 0.41]), pytest.approx([0.6, 0.61])]

"""Tuning of real estimators."""

from dataclasses import replace

import pytest
import torch

from botorch_cll.studies.results import load_results
from botorch_cll.studies.runner import run_study
from botorch_cll.studies.tuning import DATA_SETS, TUNING, log_losses, report_tuning, run_tuning
from botorch_cll.test_functions import SklearnTuningTasks


def test_one_data_set_alone_gives_its_column():
    X = torch.rand(2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    sets = ("iris", "wine")
    together = log_losses("svc", sets, None, 3)(X)
    assert together.shape == (2, 2)
    for task in (0, 1):
        assert torch.equal(log_losses("svc", sets, task, 3)(X), together[:, [task]])
    problem = SklearnTuningTasks("svc", data_sets=sets, seed=3)
    torch.testing.assert_close(together.exp(), problem(X))


def test_a_run_returns_log_losses_of_every_data_set():
    config = {"budget": 4, "num_initial": 3}
    key = {"problem": "svc", "method": "Sobol", "seed": 0}
    output = run_tuning(key, config)
    assert [row["task"] for row in output.rows] == list(DATA_SETS)
    for row, curve in zip(output.rows, output.curves, strict=True):
        assert row["optimum"] is None
        assert 0.0 < row["best"] == row["true_best"] == curve.y[-1] <= row["random_median"]
    assert output.curves == run_tuning(key, config).curves


def test_the_study_has_two_estimators_and_four_data_sets():
    assert len(TUNING.factors["problem"]) == 2
    assert len(DATA_SETS) == 4
    assert TUNING.factors["seed"] == (0, 1, 2, 3, 4)


def test_the_report_shows_the_losses_themselves(tmp_path):
    study = replace(TUNING, config={"budget": 4, "num_initial": 3})
    for factor, levels in (("problem", ["svc"]), ("method", ["Sobol"]), ("seed", [0])):
        study = study.restrict(factor, levels)
    run_study(study, tmp_path)
    losses = report_tuning(load_results(tmp_path)).tables[-1].frame
    output = run_tuning({"problem": "svc", "method": "Sobol", "seed": 0}, study.config)
    assert losses["task"].tolist() == list(DATA_SETS)
    assert losses["Sobol"].tolist() == pytest.approx([row["best"] for row in output.rows], rel=1e-5)

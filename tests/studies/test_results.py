"""Merged results: the same from run files and from CSV files."""

import pandas as pd
import pytest

from botorch_cll.studies.results import MAX_CURVE_POINTS, load_results, write_merged
from botorch_cll.studies.runner import run_study

from support.tiny_study import tiny_study


@pytest.fixture
def folder(tmp_path):
    study = tiny_study(tmp_path, methods=("good", "broken"), seeds=3, problem=("x", "y z"))
    run_study(study, tmp_path)
    return tmp_path


def test_every_run_is_in_the_tables_with_key_seconds_and_versions(folder):
    results = load_results(folder)
    assert (results.num_requested, results.num_finished, len(results.failures)) == (12, 6, 6)
    assert len(results.rows) == 6 * 2
    assert not results.rows.duplicated(["seed", "problem", "method", "task"]).any()
    expected = {"study", "best", "total_seconds", "cpu_seconds", "torch", "botorch_cll"}
    assert expected <= set(results.rows.columns)
    assert (results.failures["type"] == "ArithmeticError").all()


def test_curves_are_thinned_and_keep_their_ends(folder):
    curves = load_results(folder).curves
    one = curves[(curves.seed == 1) & (curves.problem == "y z")]
    assert len(one) == MAX_CURVE_POINTS
    assert (one.x.min(), one.x.max()) == (1, 60)
    row = load_results(folder).rows.query("seed == 1 and problem == 'y z' and task == 1")
    assert one.y.iloc[-1] == row.best.item()


def test_merged_files_say_the_same_as_the_runs(folder):
    results = load_results(folder)
    write_merged(results, folder)
    for path in (folder / "runs").iterdir():
        path.unlink()
    merged = load_results(folder)
    for name in ("rows", "curves"):
        pd.testing.assert_frame_equal(
            getattr(merged, name), getattr(results, name), rtol=0.0, atol=0.0, check_dtype=False
        )
    before = (folder / "results.csv").read_bytes()
    write_merged(merged, folder)
    assert (folder / "results.csv").read_bytes() == before


def test_a_level_may_have_a_name_that_looks_like_no_value(tmp_path):
    run_study(tiny_study(tmp_path, seeds=2, problem=("None", "NA", "x")), tmp_path)
    write_merged(load_results(tmp_path), tmp_path)
    for path in (tmp_path / "runs").iterdir():
        path.unlink()
    assert set(load_results(tmp_path).rows.problem) == {"None", "NA", "x"}


def test_a_study_goes_on_from_merged_files(folder):
    write_merged(load_results(folder), folder)
    for path in (folder / "runs").iterdir():
        path.unlink()
    study = tiny_study(folder, methods=("good",), seeds=4, problem=("x", "y z"))
    assert run_study(study, folder).finished == 8
    assert len(list((folder / "runs").iterdir())) == 2
    assert len(load_results(folder).rows) == 16


def test_a_study_without_a_finished_run_can_be_read(tmp_path):
    run_study(tiny_study(tmp_path, methods=("broken",)), tmp_path)
    results = load_results(tmp_path)
    assert results.rows.empty
    assert (results.num_finished, len(results.failures)) == (0, 4)

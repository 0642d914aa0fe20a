"""Merged results: the same from run files and from CSV files."""

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.runner.results import MAX_CURVE_POINTS, load_results, write_merged
from benchmarks.runner.run import run_study
from benchmarks.runner.store import read_runs, write_run

from support.tiny_study import tiny_study


@pytest.fixture
def folder(tmp_path):
    study = tiny_study(tmp_path, methods=("good", "broken"), seeds=3, problem=("x", "y z"))
    run_study(study, tmp_path)
    return tmp_path


def test_every_run_is_in_the_tables_with_key_seconds_and_versions(folder):
    results = load_results(folder)
    assert (results.num_requested, len(results.rows), len(results.failures)) == (12, 6 * 2, 6)
    assert len(set(results.names(results.rows))) == 6
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
    assert len(results.failures) == 4
    # Also from a folder in which the rows were merged into a file of an empty line.
    write_merged(results, tmp_path)
    assert not (tmp_path / "results.csv").exists()
    (tmp_path / "results.csv").write_text("\n")
    assert run_study(tiny_study(tmp_path, methods=("broken",)), tmp_path) == (4, 0, 4)


def test_a_run_in_both_kinds_of_files_counts_once(folder):
    before = load_results(folder)
    write_merged(before, folder)
    pd.testing.assert_frame_equal(load_results(folder).rows, before.rows, check_dtype=False)


def test_numbers_are_the_same_levels_in_a_file_that_others_have_saved(tmp_path):
    study = tiny_study(tmp_path, seeds=2, correlation=(1.0, 0.1 + 0.2))
    run_study(study, tmp_path)
    load_results(tmp_path).rows.to_csv(tmp_path / "results.csv", index=False)
    for path in (tmp_path / "runs").iterdir():
        path.unlink()
    assert run_study(study, tmp_path).finished == 4
    assert not list((tmp_path / "runs").iterdir())


def test_failures_end_with_the_run_that_succeeds(folder):
    failed = [r for r in read_runs(folder) if "error" in r]
    write_merged(load_results(folder), folder)
    assert len(pd.read_csv(folder / "failures.csv")) == 6
    (folder / "fixed").touch()
    study = tiny_study(folder, methods=("good", "broken"), seeds=3, problem=("x", "y z"))
    run_study(study, folder, retry_failed=True)
    write_merged(load_results(folder), folder)
    assert not (folder / "failures.csv").exists()
    # Run files of another machine, say, on which a run failed that is among the merged ones.
    write_run(folder, failed[0])
    assert load_results(folder).failures.empty


def test_points_of_curves_are_columns_in_ascending_order(folder):
    results = load_results(folder)
    keys = {"study": "tiny", "seed": 0, "problem": "x", "method": "good", "task": 1, "curve": "b"}
    curves = pd.DataFrame([{**keys, "seed": s, "x": x, "y": x} for s, x in ((0, 3.0), (1, 2.0))])
    write_merged(replace(results, curves=curves), folder)
    header = (folder / "curves.csv").read_text().splitlines()[0]
    assert header == "study,seed,problem,method,task,curve,2,3"

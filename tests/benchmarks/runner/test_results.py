"""The folder of a study: plans and pieces, run files, and the same results from merged files."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.runner.grid import StudyError, execute
from benchmarks.runner.results import (
    MAX_CURVE_POINTS,
    extend_plan,
    load_results,
    read_plan,
    read_runs,
    write_merged,
    write_run,
)
from benchmarks.runner.run import run_study

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


def test_another_configuration_is_refused_and_named(tmp_path):
    study = tiny_study(tmp_path)
    extend_plan(tmp_path, study)
    changed = replace(study, config={**study.config, "budget": 61})
    with pytest.raises(StudyError, match="another configuration: budget is 60 there, got 61"):
        extend_plan(tmp_path, changed)
    longer = replace(study, config={**study.config, "num_poor": 5})
    with pytest.raises(StudyError, match="num_poor is None there, got 5"):
        extend_plan(tmp_path, longer)
    with pytest.raises(StudyError, match="Expected other in .* got a study tiny"):
        extend_plan(tmp_path, replace(study, name="other"))
    with pytest.raises(StudyError, match="Expected the factors .*problem.* got .*seed"):
        extend_plan(tmp_path, tiny_study(tmp_path, problem=("x",)))
    assert read_plan(tmp_path).config["budget"] == 60


def test_pieces_are_kept_unless_another_holds_them(tmp_path):
    extend_plan(tmp_path, tiny_study(tmp_path, methods=("a",), seeds=2))
    extend_plan(tmp_path, tiny_study(tmp_path, methods=("b", "a"), seeds=1))
    first, second = {"seed": [0, 1], "method": ["a"]}, {"seed": [0], "method": ["b", "a"]}
    assert read_plan(tmp_path).pieces == [first, second]
    assert read_plan(tmp_path).levels == {"seed": [0, 1], "method": ["a", "b"]}
    assert load_results(tmp_path).num_requested == 3
    extend_plan(tmp_path, tiny_study(tmp_path, methods=("b",), seeds=1))
    assert read_plan(tmp_path).pieces == [first, second]
    extend_plan(tmp_path, tiny_study(tmp_path, methods=("a", "b"), seeds=2))
    assert read_plan(tmp_path).pieces == [{"seed": [0, 1], "method": ["a", "b"]}]


def test_pieces_asked_for_at_once_are_all_kept(tmp_path):
    methods = [f"method {index}" for index in range(24)]
    studies = [tiny_study(tmp_path, methods=(method,), seeds=1) for method in methods]
    with ThreadPoolExecutor(len(studies)) as pool:
        list(pool.map(lambda study: extend_plan(tmp_path, study), studies))
    assert sorted(read_plan(tmp_path).levels["method"]) == sorted(methods)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"got no file study\.json"):
        read_plan(tmp_path)


def test_a_repeated_run_takes_the_place_of_the_first(tmp_path):
    study = tiny_study(tmp_path, methods=("broken",))
    extend_plan(tmp_path, study)
    key = {"seed": 0, "method": "broken"}
    write_run(tmp_path, execute(study, key))
    assert [record["error"]["type"] for record in read_runs(tmp_path)] == ["ArithmeticError"]
    (tmp_path / "fixed").touch()
    write_run(tmp_path, execute(study, key))
    (record,) = read_runs(tmp_path)
    assert "error" not in record
    assert json.loads(json.dumps(record["key"])) == key

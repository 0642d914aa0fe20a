"""The folder of a study: atomic files, configurations, pieces."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from benchmarks.runner.grid import StudyError, execute
from benchmarks.runner.results import load_results
from benchmarks.runner.store import extend_plan, read_plan, read_runs, write_run

from support.tiny_study import tiny_study


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

"""Studies as grids: keys, names, restrictions, single runs."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.runner.grid import RunOutput, Study, StudyError, execute, run_name

from support.tiny_study import tiny_study

TEXTS = st.tuples(st.text(max_size=8), st.text(max_size=8))
NUMBERS = st.tuples(st.integers(-9, 9), st.floats(-2.0, 2.0).map(lambda x: round(x, 3)))


def test_runs_are_the_product_of_the_factors(tmp_path):
    study = tiny_study(tmp_path, methods=("a", "b"), seeds=2, problem=("x", "y", "z"))
    runs = list(study.runs())
    assert len(runs) == len(study) == 12
    assert len({run_name(key) for key in runs}) == 12
    assert [key["seed"] for key in runs] == [0] * 6 + [1] * 6


@given(st.one_of(st.tuples(TEXTS, TEXTS), st.tuples(NUMBERS, NUMBERS)))
def test_different_keys_have_different_names_that_are_file_names(pair):
    names = [run_name(dict(zip("ab", levels, strict=True))) for levels in pair]
    assert (names[0] == names[1]) == (pair[0] == pair[1])
    assert not set("/\\\0 ") & set("".join(names))


def test_numbers_have_one_name_however_they_were_stored():
    assert run_name({"p": 1.0, "seed": 3}) == run_name({"p": 1, "seed": 3.0})
    assert run_name({"p": 0.9}) == run_name(json.loads(json.dumps({"p": 0.9})))


def test_restriction_keeps_the_order_of_the_study(tmp_path):
    study = tiny_study(tmp_path, methods=("a", "b", "c"))
    assert study.restrict("method", ["c", "a"]).factors["method"] == ("a", "c")
    with pytest.raises(StudyError, match="Expected method of tiny among a, b, c, got d"):
        study.restrict("method", ["a", "d"])
    with pytest.raises(StudyError, match="Expected a factor of tiny, seed, method, got problem"):
        study.restrict("problem", ["x"])


def test_a_record_can_be_kept_as_json_and_names_the_versions(tmp_path):
    record = execute(tiny_study(tmp_path), {"seed": 1, "method": "good"})
    assert json.loads(json.dumps(record)) == record
    assert record["versions"]["torch"] == torch.__version__
    assert set(record["versions"]) == {"torch", "botorch", "gpytorch", "botorch_cll"}
    assert [row["task"] for row in record["rows"]] == [1, 2]
    assert record["seconds"] > 0.0


def test_an_error_is_part_of_the_record(tmp_path):
    record = execute(tiny_study(tmp_path), {"seed": 1, "method": "broken"})
    assert "rows" not in record
    assert record["error"]["type"] == "ArithmeticError"
    assert record["error"]["message"] == "no luck with seed 1"
    assert 'raise ArithmeticError(f"no luck' in record["error"]["traceback"]


def test_warnings_are_kept_and_not_shown(tmp_path, recwarn):
    record = execute(tiny_study(tmp_path), {"seed": 1, "method": "warning"})
    assert record["warnings"] == ["UserWarning: mind the gap"]
    assert not recwarn.list


def test_a_run_has_one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        study = Study(
            name="threads",
            help="",
            example="",
            factors={"seed": (0,)},
            config={},
            run=lambda key, config: RunOutput([{"task": 1, "threads": torch.get_num_threads()}]),
            title="",
            report=lambda results, report: None,
        )
        assert execute(study, {"seed": 0})["rows"][0]["threads"] == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


PROBLEMS = ("old a", "old b", "new a", "new b", "alone")


def split_study(folder):
    """A study of problems for two purposes, in groups."""
    study = tiny_study(folder, problem=PROBLEMS)
    groups = {"old": PROBLEMS[:2], "new": PROBLEMS[2:4], "alone": ("alone",)}
    return replace(
        study, groups=groups, split=lambda problem: "choose" if "a" in problem else "judge"
    )


def test_the_name_of_a_group_stands_for_its_problems(tmp_path):
    study = split_study(tmp_path)
    assert study.restrict("problem", ["new"]).factors["problem"] == ("new a", "new b")
    some = study.restrict("problem", ["new b", "old", "alone"])
    assert some.factors["problem"] == ("old a", "old b", "new b", "alone")
    with pytest.raises(StudyError, match="problem of tiny among old, new, alone, old a.*got older"):
        study.restrict("problem", ["old", "older"])
    # Once there are fewer problems, a group is still all of its own.
    with pytest.raises(StudyError, match="among old a, got old b"):
        study.restrict("problem", ["old a"]).restrict("problem", ["old"])
    with pytest.raises(StudyError, match="Expected method of tiny among good, got old"):
        study.restrict("method", ["old"])


def test_problems_for_several_purposes_are_not_mixed_by_oversight(tmp_path):
    study = split_study(tmp_path)
    message = (
        "for one purpose, got some for choose and some for judge: what was chosen on the first is "
        "not to be judged on them. Say which by --split: choose, judge or both."
    )
    with pytest.raises(StudyError, match=message):
        study.restrict_split(None)
    assert study.restrict_split("both") is study
    judged = study.restrict_split("judge")
    assert judged.factors["problem"] == ("old b", "new b")
    assert judged.restrict_split(None) is judged
    with pytest.raises(StudyError, match="Expected problems of tiny for judge, got choose"):
        judged.restrict_split("choose")
    with pytest.raises(StudyError, match="for choose, judge, got joy"):
        study.restrict_split("joy")

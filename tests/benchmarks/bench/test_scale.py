import math
import time
from pathlib import Path

import pytest
import torch

from benchmarks.bench import scale
from benchmarks.bench.scale import Size, draw_data, fit_in_process, memory, scale_series
from benchmarks.methods import INDEPENDENT_GPS, OURS


def test_data_are_related_tasks() -> None:
    X, Y = draw_data(500, 3, 2)
    assert X.shape == (500, 3)
    assert torch.corrcoef(Y.T)[0, 1] > 0.5


@pytest.mark.skipif(memory("VmRSS") != memory("VmRSS"), reason="memory is read from /proc")
def test_memory_is_told_in_mebibytes() -> None:
    before = memory("VmRSS")
    block = torch.ones(8 << 20, dtype=torch.double)
    assert 56 < memory("VmRSS") - before < 80
    assert memory("VmHWM") >= memory("VmRSS") - 1
    assert len(block) == 8 << 20


def test_a_fit_in_a_process_of_its_own_tells_seconds_and_memory() -> None:
    result = fit_in_process(OURS, Size(30, 2, 3), threads=1, time_limit=120)
    assert 0 < result["seconds"] < 60
    assert 0 <= result["peak_mib"] < 2000


def test_a_fit_is_stopped_at_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = fit_in_process(INDEPENDENT_GPS, Size(2_000, 4, 3), 1, time_limit=1)
    assert slow == {"failure": "> 1 s"}
    # Enough for what the fit imports, not for its matrices of 72 MB.
    monkeypatch.setattr(scale, "MEMORY_LIMIT_MIB", 200)
    large = fit_in_process(INDEPENDENT_GPS, Size(3_000, 2, 2), 1, time_limit=120)
    assert large == {"failure": "out of memory"}


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        # A killed fit is not called slow.
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed (memory?)"),
        ("raise KeyError('other')", "KeyError: 'other'"),
        ("raise SystemExit(3)", "exit status 3"),
    ],
    ids=["killed", "raised", "exit"],
)
def test_what_fails_says_why(
    code: str, failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(scale, "MODULE", "failing")
    assert fit_in_process(OURS, Size(9, 2, 3), 1, 120) == {"failure": failure}


def test_what_fails_is_not_tried_at_larger_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {OURS: {"seconds": 1.0, "peak_mib": 2.0}, INDEPENDENT_GPS: {"failure": "> 1 s"}}
    monkeypatch.setattr(scale, "fit_in_process", lambda method, *_: outcomes[method])
    sizes = (Size(30, 2, 2), Size(40, 2, 2))
    (series,) = scale_series([INDEPENDENT_GPS], {"rows": sizes}, 1, 120.0)
    steps = list(series.steps(time.perf_counter))
    told = ("kind", "method", "n", "failure")
    assert [tuple(row.get(name) for name in told) for step in steps for row in step] == [
        ("rows", OURS, 30, None),
        ("rows", INDEPENDENT_GPS, 30, "> 1 s"),
        ("rows", OURS, 40, None),
    ]
    assert len(steps) == 4
    assert steps[0][0]["seconds"] == 1.0
    assert math.isnan(steps[1][0]["seconds"])

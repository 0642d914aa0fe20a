from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks.bench import scale
from benchmarks.bench.scale import Size, bench_scale, fit_in_process
from benchmarks.bench.scale_job import draw_data, memory
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


def test_a_killed_fit_is_not_called_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "killed.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(scale, "JOB_MODULE", "killed")
    assert fit_in_process(OURS, Size(9, 2, 3), 1, 120) == {"failure": "killed (memory?)"}


def test_what_fails_says_why_and_is_not_tried_at_larger_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = fit_in_process(INDEPENDENT_GPS, Size(2_000, 4, 3), 1, time_limit=1)
    assert slow == {"failure": "> 1 s"}
    assert fit_in_process("other", Size(9, 2, 3), 1, 120) == {"failure": "KeyError: 'other'"}
    monkeypatch.setattr(scale, "MEMORY_LIMIT_MIB", 64)
    sizes = (Size(3_000, 2, 2), Size(4_000, 2, 2))
    steps: list[None] = []
    rows = pd.DataFrame(
        bench_scale((INDEPENDENT_GPS,), {"rows": sizes}, 1, 120.0, lambda: steps.append(None))
    )
    assert rows[rows.method == INDEPENDENT_GPS].failure.tolist() == ["out of memory"]
    assert len(steps) == 4

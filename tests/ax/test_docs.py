"""Every block of Python in docs/ax.md runs as printed, one after the other."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "ax.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


def test_code_blocks_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) >= 6
    namespace: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), namespace)
    assert "loss_b" in capsys.readouterr().out
    assert (tmp_path / "snapshot.json").exists()


def test_the_service_loop_is_short() -> None:
    assert len(BLOCKS[0].strip().splitlines()) <= 20

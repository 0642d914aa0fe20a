"""The tutorials run in their quick setting, and are stored with the outputs of a full run."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from botorch.exceptions.errors import InputDataError

from botorch_cll.datasets import TABLE_PACKAGES

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
TABLES = {"05_old_tuning_logs": "LCBench"}  # which tutorial needs which table of real experiments


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_runs_in_its_quick_setting(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path.stem in TABLES:
        try:
            TABLE_PACKAGES[TABLES[path.stem]].folder()
        except InputDataError as error:
            pytest.skip(str(error))
    monkeypatch.syspath_prepend(str(TUTORIALS))
    from execute_tutorials import execute

    (tmp_path / "images").mkdir()
    notebook = execute(path, tmp_path, quick=True)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert (tmp_path / "images" / f"{path.stem[:2]}.png").exists()
    sys.modules.pop("execute_tutorials")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_tutorial_opens_with_its_question_and_is_stored_with_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    opening = notebook.cells[0].source
    assert opening.startswith(f"# {int(path.stem[:2])}. ")
    assert "**Question.** " in opening
    assert "**Answer.** " in opening
    (picture,) = re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", opening)
    assert (TUTORIALS / picture).exists()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1)), "Run `make tutorials`."
    outputs = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    # Warnings and errors belong to no reader.
    kinds = [(output.output_type, output.get("name")) for output in outputs]
    assert ("stream", "stderr") not in kinds
    assert "error" not in [kind for kind, _ in kinds]

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.conformance import render_markdown, run_conformance

CHECKS = ["shapes", "batch_shape", "one_member", "ExpectedImprovement"]


def test_report_says_who_passes_what_and_why_not(tmp_path: Path) -> None:
    console = Console(record=True, width=140)
    run_conformance(
        tmp_path / "results.csv",
        tmp_path / "results.md",
        models=["Single-RBF", "EnsembleModel"],
        checks=CHECKS,
        console=console,
    )
    results = pd.read_csv(tmp_path / "results.csv").set_index(["model", "check"])
    assert len(results) == 2 * len(CHECKS)
    assert (results.outcome["Single-RBF"] == "passed").all()
    assert list(results.outcome["EnsembleModel"]) == ["passed", "failed", "passed", "passed"]
    lines = console.export_text().splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["batch_shape"] == ["✓", "✗"]
    assert rows["ExpectedImprovement"] == ["✓", "○"]
    assert rows["passed"] == ["4/4", "3/4"]
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| batch_shape | ✓ | ✗ | `batch_shape` is empty for a model of one data set. |" in text
    reason = "NotImplementedError: MLPEnsemble does not define batch_shape property"
    assert f"| {reason} | batch_shape |" in text
    assert "| passed | 4/4 | 3/4 |  |" in text
    assert "What EnsembleModel fails" in text
    assert "What Single-RBF fails" not in text


def test_reasons_are_grouped() -> None:
    rows = [("a", "failed", "no"), ("b", "failed", "no"), ("c", "passed", ""), ("d", "failed", "x")]
    results = pd.DataFrame(rows, columns=["check", "outcome", "reason"]).assign(model="M")
    with pytest.raises(KeyError, match="a"):
        render_markdown(results)  # not a check
    results.check = ["shapes", "batch_shape", "num_outputs", "one_member"]
    text = render_markdown(results)
    assert "| no | shapes, batch_shape |\n| x | one_member |\n" in text

"""Tables and reports as text and files."""

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.report import Report, ReportTable
from benchmarks.report.plots import bars


@pytest.fixture
def report():
    frame = pd.DataFrame({"name": ["a [b]", "c"], "value": [1.23456, float("nan")]})
    bold = {"value": pd.Series([True, False])}
    table = ReportTable("numbers", "Numbers", "What they mean.", frame, {"value": ".2f"}, bold)
    figure = bars(pd.DataFrame({"s": [1.0]}, index=["a"]), "Time", "s")
    return Report("A study", ["A note."], [table], {"time": figure})


def test_terminal_shows_text_as_it_is(report):
    console = Console(record=True, width=80)
    report.print(console)
    text = console.export_text()
    for part in ("A study", "A note.", "Numbers", "a [b]", "1.23", "What they mean."):
        assert part in text
    assert "nan" not in text


def test_files(report, tmp_path):
    report.write(tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    text = (folder / "report.md").read_text()
    assert text.startswith("# A study\n")
    assert "| name | value |\n| --- | ---: |\n| a [b] | **1.23** |\n| c |  |" in text
    assert "![time](time.png)" in text
    assert pd.read_csv(folder / "numbers.csv")["value"][0] == pytest.approx(1.23456)
    assert (folder / "time.png").read_bytes().startswith(b"\x89PNG")

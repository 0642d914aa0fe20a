from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from botorch_cll.studies.bench import BenchOptions, run_bench
from botorch_cll.studies.bench.scale import Size
from botorch_cll.studies.commands import app
from botorch_cll.studies.surrogates import INDEPENDENT_GPS


def test_all_parts_of_a_small_benchmark(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    options = BenchOptions(
        repeats=1,
        seeds=1,
        peers=(INDEPENDENT_GPS,),
        fit_sizes=(14,),
        sweeps={"rows": (Size(20, 2, 3),)},
    )
    console = Console(record=True, width=120)
    rows = run_bench(options, tmp_path / "bench", console)
    assert set(rows.part) == {"fit", "floor", "propose", "swarm", "scale"}
    assert torch.get_num_threads() == threads
    assert len(pd.read_csv(tmp_path / "bench" / "bench.csv")) == len(rows)
    page = (tmp_path / "bench" / "report.md").read_text()
    text = console.export_text()
    for words in (
        "Fit and posterior",
        "One iteration",
        "Where our time goes",
        "Optimizers",
        "rows",
    ):
        assert words in page
        assert words in text
    steps = options.steps()
    assert steps == {"fit": 2, "propose": 2, "swarm": 8, "scale": 2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["fast"], "expected one of fit, propose, swarm, scale"), (["--peer", "GP"], "MultiTaskGP")],
    ids=["part", "peer"],
)
def test_unknown_names_are_refused(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert result.exit_code == 2
    assert words in result.output

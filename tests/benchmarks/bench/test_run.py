from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.bench import BenchOptions, read_bench, run_bench
from benchmarks.bench.scale import Size
from benchmarks.methods import INDEPENDENT_GPS
from botorch_cll.studies.commands import app


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
    rows = run_bench(options, tmp_path / "bench.csv", console)
    assert set(rows.part) == {"fit", "floor", "propose", "swarm", "scale"}
    assert torch.get_num_threads() == threads
    text = console.export_text()
    for words in (
        "Fit and posterior",
        "One iteration",
        "Where our time goes",
        "Optimizers",
        "rows",
    ):
        assert words in text
    assert len(read_bench([tmp_path / "bench.csv"])) == len(rows)
    again = CliRunner().invoke(
        app, ["bench", "--from", str(tmp_path / "bench.csv")], env={"COLUMNS": "120"}
    )
    assert again.output.strip() in text
    steps = options.steps()
    assert steps == {"fit": 2, "propose": 2, "swarm": 10, "scale": 2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fast"], "expected one of fit, propose, swarm, scale"),
        (["--peer", "GP"], "MultiTaskGP"),
        (["--out", "none/rows.csv"], "existing folder"),
        (["--from", __file__], "Expected a CSV file"),
        (["--from", "docs/results/fig8/results.csv"], "Expected the columns of this command"),
        (["--from", __file__, "--seeds", "3"], "--seeds has no effect"),
    ],
    ids=["part", "peer", "folder", "no rows", "other rows", "beside rows"],
)
def test_bad_arguments_are_refused(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert result.exit_code == 2
    assert words in result.output

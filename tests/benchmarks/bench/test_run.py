from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.bench import scale
from benchmarks.bench.run import BenchOptions, read_bench, run_bench
from benchmarks.measure_commands import app
from benchmarks.methods import INDEPENDENT_GPS


def test_all_parts_of_a_small_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"seconds": 0.1, "peak_mib": 1.0}
    monkeypatch.setattr(scale, "fit_in_process", lambda *_: done)
    threads = torch.get_num_threads()
    options = BenchOptions(
        repeats=1,
        seeds=1,
        peers=(INDEPENDENT_GPS,),
        fit_sizes=(14,),
        sweeps={"rows": (scale.Size(20, 2, 3),)},
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
    steps = {part: steps for part, (steps, _) in options.works().items()}
    assert steps == {"fit": 2, "propose": 2, "swarm": 10, "scale": 2}

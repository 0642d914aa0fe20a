from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.bench import scale
from benchmarks.bench.run import PARTS, read_bench, run_bench
from benchmarks.commands import app
from benchmarks.methods import INDEPENDENT_GPS


def test_all_parts_of_a_small_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"seconds": 0.1, "peak_mib": 1.0}
    monkeypatch.setattr(scale, "fit_in_process", lambda *_: done)
    threads = torch.get_num_threads()
    console = Console(record=True, width=120)
    sizes = {"rows": (scale.Size(20, 2, 3),)}
    given = (PARTS, [INDEPENDENT_GPS], [14], 1, 1, 1, 120.0, tmp_path / "bench.csv")
    rows = run_bench(*given, console=console, sweeps=sizes)
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
    # Steps: two fits and their floor, two iterations, five optimizers on two surfaces, two fits.
    assert [done for done in ("3/3", "2/2", "10/10") if done in text] == ["3/3", "2/2", "10/10"]
    assert len(read_bench([tmp_path / "bench.csv"])) == len(rows)
    again = CliRunner().invoke(
        app, ["bench", "--from", str(tmp_path / "bench.csv")], env={"COLUMNS": "120"}
    )
    assert again.output.strip() in text

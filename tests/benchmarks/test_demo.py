from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks.demo import run_demo


# BoTorch's GP fits may warn and retry, and PyTorch warns about GPyTorch's sparse tensors.
@pytest.mark.filterwarnings("ignore")
def test_demo_compares_five_methods_at_equal_evaluations(tmp_path: Path) -> None:
    console = Console(record=True, width=140)
    out = tmp_path / "demo.png"
    results = run_demo(out, budget=10, num_initial=8, data_sets=("iris", "wine"), console=console)
    assert list(results) == ["Bay_MRBFCor", "RMLA", "Single-RBF", "MultiTaskGP", "Sobol"]
    for result in results.values():
        assert result.Y.shape == (2, 10)
        assert torch.equal(result.X[:, :8], results["Sobol"].X[:, :8])
    text = console.export_text()
    for word in (*results, "iris", "wine", "fitting", "proposing"):
        assert word in text
    assert f"{results['RMLA'].Y[0].min().exp():.4f}" in text
    assert out.read_bytes().startswith(b"\x89PNG")

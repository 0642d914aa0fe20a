import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks import demo


# BoTorch's GP fits may warn and retry, and PyTorch warns about GPyTorch's sparse tensors.
@pytest.mark.filterwarnings("ignore")
def test_demo_compares_five_methods_from_the_same_first_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PEER_BUDGET", 7)
    console = Console(record=True, width=140)
    out = tmp_path / "demo.png"
    data_sets = ("iris", "wine")
    results = demo.run_demo(out, budget=10, num_initial=8, data_sets=data_sets, console=console)
    assert list(results) == ["Bay_MRBFCor", "RMLA", "Single-RBF", "MultiTaskGP", "Sobol"]
    for name, result in results.items():
        # The first design is not cut.
        assert result.Y.shape == (2, 8 if name == "MultiTaskGP" else 10)
        assert torch.equal(result.X[:, :8], results["Sobol"].X[:, :8])
        direct = demo.log_losses("hist_gradient_boosting", data_sets, 1, 0)(result.X[1, -1:])
        torch.testing.assert_close(result.Y[1, -1:], direct.squeeze(-1))
    text = console.export_text()
    for word in (
        *results,
        "iris",
        "wine",
        "fitting",
        "proposing",
        "MultiTaskGP*",
        "* 8 of the 10 evaluations",
    ):
        assert word in text
    assert f"{results['RMLA'].Y[0].min().exp():.4f}" in text
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_demo_needs_its_own_extra_only() -> None:
    code = (
        "import sys\n"
        "for name in ('ax', 'dask', 'mlxtend', 'pandas', 'pymoo'):\n"
        "    sys.modules[name] = None\n"
        "import benchmarks.commands, benchmarks.demo"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)

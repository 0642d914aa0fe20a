from pathlib import Path

import pandas as pd
import pytest
import torch
from botorch.models import ModelList, MultiTaskGP
from botorch.models.transforms import Normalize
from botorch.models.transforms.input import InputPerturbation
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.conformance import render_markdown, run_conformance
from benchmarks.methods import peers
from botorch_cll.studies.commands import app
from botorch_cll.testing.subject import Subject

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
    assert "| `batch_shape` | ✓ | ✗ | `batch_shape` is empty for a model of one data set. |" in text
    assert (
        "- NotImplementedError: MLPEnsemble does not define batch_shape property (`batch_shap"
        in text
    )
    assert "| passed | 4/4 | 3/4 | |" in text


def test_reasons_are_grouped() -> None:
    rows = [("a", "failed", "no"), ("b", "failed", "no"), ("c", "passed", ""), ("d", "failed", "x")]
    results = pd.DataFrame(rows, columns=["check", "outcome", "reason"]).assign(model="M")
    with pytest.raises(KeyError, match="a"):
        render_markdown(results)  # not a check
    results.check = ["shapes", "batch_shape", "num_outputs", "one_member"]
    text = render_markdown(results)
    assert "- no (`shapes`, `batch_shape`)\n- x (`one_member`)\n" in text


@pytest.mark.parametrize("option", ["model", "check"])
def test_unknown_names_are_refused(option: str) -> None:
    result = CliRunner().invoke(app, ["conformance", f"--{option}", "Oracle"])
    assert result.exit_code == 2
    assert "expected one of" in " ".join(result.output.split())


# -- the peers -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Data .* is not standardized")
def test_multi_task_gp_gets_wide_data_as_rows() -> None:
    subject = Subject(peers.fit_stock_multi_task_gp)
    Y = subject.Y.clone()
    Y[:3, 1] = torch.nan
    wide = subject.fit(Y=Y, missing="mask")
    assert type(wide) is MultiTaskGP
    X_long, Y_long = subject.long_data
    seen = ~Y.T.reshape(-1).isnan()
    long = subject.fit(X_long[seen], Y_long[seen], task_feature=2)
    assert wide.num_outputs == long.num_outputs == 2
    found, expected = (model.posterior(subject.test_X).mean for model in (wide, long))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_transforms_leave_the_task_column_alone() -> None:
    X = torch.tensor([[10.0, 1.0, 20.0]])
    bounds = torch.tensor([[0.0, 0.0], [100.0, 40.0]])
    inputs = [0, 2]
    normalize = peers._beside_the_task(Normalize(2, bounds=bounds), inputs, 3)
    torch.testing.assert_close(normalize(X), torch.tensor([[0.1, 1.0, 0.5]]))
    learning = peers._beside_the_task(Normalize(2), inputs, 3)
    assert learning.learn_bounds
    perturb = peers._beside_the_task(InputPerturbation(torch.ones(2, 2)), inputs, 3)
    torch.testing.assert_close(
        perturb.transform(X), torch.tensor([[11.0, 1.0, 21.0], [11.0, 1.0, 21.0]])
    )
    assert peers._beside_the_task(None, inputs, 3) is None


# BoTorch's advice to all models that have an input transform and keep no training inputs.
@pytest.mark.filterwarnings("ignore:Could not update `train_inputs`")
def test_ensemble_is_trained_and_diverse() -> None:
    subject = Subject(peers.MLPEnsemble)
    model = subject.fit(num_restarts=3)
    posterior = model.posterior(subject.X)
    error = (posterior.mean - subject.Y).square().mean().sqrt()
    assert error < 0.3 * subject.Y.std()
    assert posterior.values.shape == (3, 16, 2)
    assert (posterior.variance > 0).all()


def test_vbll_has_one_model_per_task() -> None:
    subject = Subject(peers.fit_stock_vbll)
    model = subject.fit(num_epochs=5)
    assert isinstance(model, ModelList)
    assert model.posterior(subject.X).mean.shape == (16, 2)
    assert subject.fit(Y=subject.Y[:, :1], num_epochs=5).num_outputs == 1

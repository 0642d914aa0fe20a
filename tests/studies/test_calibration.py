import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from botorch.models import SingleTaskGP
from rich.console import Console

from botorch_cll.studies.calibration import DATA, draw_data, run_calibration, score
from botorch_cll.test_functions import ShiftedTasks


class Oracle(SingleTaskGP):
    """Predicts zero with a variance of four."""

    def posterior(self, X: torch.Tensor, observation_noise: bool = False, **_: object):
        from botorch.posteriors import GPyTorchPosterior
        from gpytorch.distributions import MultivariateNormal

        assert observation_noise
        mean = X.new_zeros(X.shape[:-1])
        covariance = torch.diag_embed(torch.full_like(mean, 4.0))
        return GPyTorchPosterior(MultivariateNormal(mean, covariance))


def test_score_against_the_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(4000, 1, dtype=torch.double, generator=generator)
    Y = 2.0 * torch.randn(4000, 1, dtype=torch.double, generator=generator)
    scores = score(Oracle(X[:3], Y[:3]), X, Y)
    scale = Y.std()
    assert scores["rmse"].item() == pytest.approx((Y.square().mean().sqrt() / scale).item())
    assert scores["sharpness"].item() == pytest.approx(2.0 / scale.item())
    log_density = torch.distributions.Normal(0.0, 2.0).log_prob(Y).mean() + scale.log()
    assert scores["nlpd"].item() == pytest.approx(-log_density.item())
    for level in (50, 80, 95):
        assert scores[f"coverage_{level}"].item() == pytest.approx(level / 100, abs=0.03)


def test_unequal_data_are_at_different_points() -> None:
    problem = ShiftedTasks("Levy", seed=1)
    _, Y, test_X, test_Y = draw_data(problem, DATA["15+120"], seed=0)
    assert (~Y.isnan()).sum(0).tolist() == [15, 120]
    assert (~Y.isnan()).sum(1).max() == 1
    assert test_Y.shape == (len(test_X), 2)
    assert draw_data(problem, DATA["n=20"], seed=0)[1].isnan().sum() == 0


def test_report_prints_every_surrogate_and_keeps_one_row_per_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = ShiftedTasks("Levy", seed=0)
    monkeypatch.setattr(
        "botorch_cll.studies.calibration.calibration_problems",
        lambda seed: [("pairs", "a", problem), ("shifted", "b", problem)],
    )
    console = Console(record=True, width=140)
    chosen = ["MultiRBFCorrelation", "Single-RBF"]
    run_calibration(tmp_path / "cells.csv", seeds=1, surrogates=chosen, console=console)
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert len(cells) == 2 * 2 * len(DATA)
    assert cells.notna().all().all()
    mean = cells[(cells.family == "pairs") & (cells.surrogate == "Single-RBF")]
    text = console.export_text()
    assert f"{mean[mean.data == 'n=60'].rmse.mean():.2f}" in text
    assert "Single-RBF" in text
    assert not math.isnan(cells.nlpd.mean())

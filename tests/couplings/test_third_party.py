"""A coupling of a third party, in one file: every task leans on the mean of all of them."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from botorch_cll.couplings import Coupling, IndependentTasks
from botorch_cll.fit import GradientOptions, TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models.ensemble import RBFEnsembleModel

from support.ensembles import assert_sound, moments, rand


class Leaning(nn.Module):
    """Final outputs: a share of the way to the mean of the tasks' preliminary outputs."""

    def __init__(self, like: torch.Tensor) -> None:
        super().__init__()
        self.share = nn.Parameter(like.new_zeros(()), requires_grad=False)

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs + self.share * (outputs.mean(-1, keepdim=True) - outputs)


@dataclass(frozen=True)
class LeaningTasks(IndependentTasks):
    """Networks of their own, each pulled toward the mean of all by one share, least squares."""

    ridge: float = 1.0

    def make_layer(self, num_restarts, num_tasks, seed, like):
        return Leaning(like)

    def fit_layer(self, data, rows, bags, outputs, seed):
        layer, toward = Leaning(outputs), outputs.mean(1, keepdim=True) - outputs
        observed = data.observed[rows].T
        wanted = (data.Y[rows].T - outputs).where(observed, 0.0)
        products, squares = (toward * wanted).sum((0, 1)), (toward.square() * observed).sum((0, 1))
        product, square = products.sum(), squares.sum() + self.ridge
        layer.share.fill_(product / square)
        return layer, (product - products) / (square - squares) * toward

    def mix(self, layer, outputs):
        return layer(outputs)


class LeaningModel(RBFEnsembleModel):
    coupling: ClassVar = LeaningTasks()


def fit(noise: float = 0.3, **options):
    X = rand(40, 2)
    draws = torch.randn(40, 3, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    Y = (6 * X[:, :1]).sin() + noise * draws
    Y[5:15, 0] = torch.nan
    return LeaningModel(X, Y, missing="mask", num_restarts=8, **options)


def test_a_coupling_of_ones_own_is_searched_fitted_and_calibrated():
    model = fit_rbf_ensemble(fit())
    # The tasks are one function and noise of their own.
    assert model.fitted.layer.share > 0.3
    at = rand(200, 2, seed=3)
    error = model.posterior(at).mean - (6 * at[:, :1]).sin()
    assert error.square().mean().sqrt() < 0.25
    assert 0.15 < (model.noise * model.outcome_transform.stdvs.square()).sqrt().mean() < 0.6
    assert model.loo().mean[15:].isfinite().all()


def test_fantasies_state_and_the_gradient_fit_take_it_too():
    model, at = fit_rbf_ensemble(fit()), rand(4, 2, seed=3)
    surprise = model.posterior(at[:1]).mean + 1.0
    surprise[:, 1:] = torch.nan
    pulled = model.condition_on_observations(at[:1], surprise)
    before, after = (m.posterior(at[:1]).mean for m in (model, pulled))
    assert after[0, 0] > before[0, 0] + 0.2
    # A model that is told what it expects expects it still.
    expected = model.posterior(at).mean
    told = model.condition_on_observations(at, expected).posterior(at)
    torch.testing.assert_close(told.mean, expected, atol=0.03, rtol=0.0)
    assert (told.variance < model.posterior(at).variance).all()
    other = fit(seed=5)
    other.load_state_dict(model.state_dict())
    assert torch.equal(moments(other, at), moments(model, at))
    trained = fit_rbf_ensemble(fit(), "gradient", GradientOptions(num_steps=3, learning_rate=0.1))
    assert trained.fitted.layer.share.abs() > 0.0
    for fitted in (model, pulled, trained):
        assert_sound(fitted, at)


def test_the_search_asks_it_for_evidence(monkeypatch):
    asked = []
    evidence = LeaningTasks.log_evidence

    def log_evidence(self, errors, count, half_rows, settings):
        asked.append((errors.shape[-1], half_rows))
        return evidence(self, errors, count, half_rows, settings)

    monkeypatch.setattr(LeaningTasks, "log_evidence", log_evidence)
    fit_rbf_ensemble(fit(), options=TwoStageOptions(half_rows=7.0))
    assert asked == [(3, 7.0)] * 7


def test_a_coupling_says_how_output_weights_are_solved():
    with pytest.raises(TypeError, match="abstract method '?solve"):
        Coupling()

from statistics import NormalDist

import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal

from benchmarks.methods import SINGLE_RBF, SURROGATES
from botorch_cll.studies.prediction.scores import PERCENT, draw_data, fit_and_score, score
from botorch_cll.test_functions import ShiftedTasks


class Oracle(Model):
    """Predicts two tasks: zero with a variance of four, and one with a variance of nine."""

    def posterior(self, X: torch.Tensor, observation_noise: bool = False, **_: object):
        assert observation_noise
        mean = torch.tensor([0.0, 1.0]).to(X).expand(*X.shape[:-1], 2)
        covariance = torch.tensor([4.0, 9.0]).to(X).diag().expand(*X.shape[:-2], 2, 2)
        return GPyTorchPosterior(MultitaskMultivariateNormal(mean, covariance))


def test_scores_against_the_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(5000, 1, dtype=torch.double, generator=generator)
    Y = torch.randn(5000, 2, dtype=torch.double, generator=generator)
    Y = torch.stack([2.0 * Y[:, 0], 1.0 + 6.0 * Y[:, 1]], dim=-1)
    scores = score(Oracle(), X, Y)
    for task, (mean, std) in enumerate([(0.0, 2.0), (1.0, 3.0)]):
        y = Y[:, task]
        scale = y.std()
        rmse = (y - mean).square().mean().sqrt() / scale
        assert scores["rmse"][task].item() == pytest.approx(rmse.item())
        assert scores["sharpness"][task].item() == pytest.approx(std / scale.item())
        log_density = torch.distributions.Normal(mean, std).log_prob(y).mean() + scale.log()
        assert scores["nlpd"][task].item() == pytest.approx(-log_density.item())
        for percent in PERCENT:
            bound = NormalDist().inv_cdf(0.5 + percent / 200) * std
            within = ((y >= mean - bound) & (y <= mean + bound)).double().mean()
            assert scores[f"coverage_{percent}"][task].item() == pytest.approx(within.item())
            if task == 0:  # its variance is the true one
                assert within.item() == pytest.approx(percent / 100, abs=0.03)


def test_points_are_common_or_the_second_task_has_its_own() -> None:
    problem = ShiftedTasks("Levy", seed=1)
    X, Y, test_X, test_Y = draw_data(problem, 15, 40, 100, seed=0)
    seen = ~Y.isnan()
    assert X.shape == (55, 4)
    assert seen.sum(0).tolist() == [15, 40]
    assert seen.sum(1).max() == 1
    assert test_Y.shape == (100, 2)
    common_X, common_Y, same_test_X, _ = draw_data(problem, 15, 0, 100, seed=0)
    assert common_Y.isnan().sum() == 0
    assert torch.equal(common_X, X[:15])
    assert torch.equal(same_test_X, test_X)
    assert torch.equal(common_Y, problem.evaluate_true(common_X))


@pytest.mark.parametrize("rich", [0, 9], ids=["common", "unequal"])
def test_scores_are_means_over_the_tasks_with_few_points(rich: int) -> None:
    found = fit_and_score("Levy", SINGLE_RBF, 6, rich, 40, seed=3)
    X, Y, test_X, test_Y = draw_data(ShiftedTasks("Levy", seed=3), 6, rich, 40, seed=3)
    scores = score(SURROGATES[SINGLE_RBF](X, Y, 3), test_X, test_Y)
    for name, values in scores.items():
        expected = values[0] if rich else (values[0] + values[1]) / 2
        assert found[name] == pytest.approx(expected.item())
    assert found["seconds"] > 0

"""Single precision and accelerators: the same results as in double precision on the CPU."""

import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from torch import Tensor

from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim import optimize_acqf_per_task, optimize_acqf_pso
from botorch_cll.test_functions import CompositeTasks

PROBLEM = CompositeTasks("Ackley+Griewank", correlation=0.9, negate=True)
GRADIENT = {"method": "gradient", "options": GradientOptions(num_steps=50)}
FITS = [
    pytest.param(MultiRBFCorrelationModel, {}, {}, id="correlation"),
    pytest.param(MultiRBFCorrelationModel, {"correlation_layers": (4,)}, {}, id="hidden-layers"),
    pytest.param(MultiRBFCorrelationModel, {}, GRADIENT, id="correlation-gradient"),
    pytest.param(RegularizedMultiTaskRBFModel, {}, {}, id="rmla"),
    pytest.param(SingleRBFModel, {}, {}, id="single"),
    pytest.param(SingleRBFModel, {}, GRADIENT, id="single-gradient"),
]
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
KINDS = [
    pytest.param(torch.device("cpu"), torch.float32, id="cpu-float32"),
    pytest.param(torch.device("cuda"), torch.float64, id="cuda-float64", marks=needs_cuda),
    pytest.param(torch.device("cuda"), torch.float32, id="cuda-float32", marks=needs_cuda),
]


def draw(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low, high = PROBLEM.bounds
    return low + (high - low) * torch.rand(n, 4, generator=generator, dtype=torch.double)


def make(model_class: type[RBFEnsembleModel], like: Tensor, **options) -> RBFEnsembleModel:
    X = draw(60, seed=0)
    return model_class(X.to(like), PROBLEM.evaluate_true(X).to(like), **options)


@pytest.mark.parametrize(("device", "dtype"), KINDS)
@pytest.mark.parametrize(("model_class", "options", "fit"), FITS)
def test_predictions_agree(
    model_class: type[RBFEnsembleModel],
    options: dict,
    fit: dict,
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    test_X, moments = draw(300, seed=1), []
    for like in (test_X, torch.empty(0, dtype=dtype, device=device)):
        model = fit_rbf_ensemble(make(model_class, like, **options), **fit)
        with torch.no_grad():
            posterior = model.posterior(test_X.to(like), observation_noise=True)
        for moment in (posterior.mean, posterior.variance):
            assert moment.dtype == like.dtype
            assert moment.device.type == like.device.type
            moments.append(moment.cpu().double())
        left_out = model.loo()
        assert left_out.mean.dtype == like.dtype
    mean, variance, other_mean, other_variance = moments
    scale = PROBLEM.evaluate_true(test_X).std(0)
    # Single precision can tip a choice among settings that are as good as each other.
    assert (((mean - other_mean) / scale).square().mean(0).sqrt() < 0.05).all()
    assert ((other_variance / variance).log().abs().mean(0) < 0.1).all()


@pytest.mark.parametrize(("device", "dtype"), KINDS)
def test_proposals_are_as_good(device: torch.device, dtype: torch.dtype) -> None:
    reference = fit_rbf_ensemble(make(MultiRBFCorrelationModel, PROBLEM.bounds))
    model = fit_rbf_ensemble(
        make(MultiRBFCorrelationModel, torch.empty(0, dtype=dtype, device=device))
    )
    bounds = PROBLEM.bounds.to(device=device, dtype=dtype)
    candidates, values = optimize_acqf_per_task(model, bounds)
    assert candidates.dtype == values.dtype == dtype
    assert candidates.device.type == device.type
    best = reference.train_Y.amax(0)
    expected, _ = optimize_acqf_per_task(reference, PROBLEM.bounds)
    for task in range(2):
        acqf = LogExpectedImprovement(reference.subset_output([task]), best[task])
        found = acqf(candidates[[task]].cpu().double())
        assert found >= acqf(expected[[task]]) - 0.1
    q_acqf = qLogExpectedImprovement(model.subset_output([0]), best[0].to(bounds))
    batch, _ = optimize_acqf_pso(q_acqf, bounds, q=2, num_restarts=2, raw_samples=16)
    assert batch.shape == (2, 4)
    assert batch.dtype == dtype
    conditioned = model.condition_on_observations(batch, PROBLEM(batch.cpu().double()).to(bounds))
    assert conditioned.posterior(batch).mean.dtype == dtype

import math
from functools import partial

import pytest
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.models import MultiTaskGP, SingleTaskGP

from benchmarks.methods import propose_by_gradient, run
from benchmarks.methods.peers import IndexKernelMultiTaskGP
from benchmarks.methods.surrogates import (
    fit_independent_gps,
    fit_index_kernel_gp,
    fit_multi_task_gp,
    fit_vbll,
    rbf_fit,
)
from botorch_cll.models import SingleRBFModel


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(14, 2, dtype=torch.double, generator=generator) * 3.0
    Y = torch.stack([1000.0 + 100.0 * X.sin().sum(-1), 0.01 * X.cos().sum(-1)], dim=-1)
    return X, Y


FITS = {
    "MultiTaskGP": fit_multi_task_gp,
    "IndexKernel": fit_index_kernel_gp,
    "independent": fit_independent_gps,
    # The authors' settings take ten thousand epochs.
    "VBLL": partial(fit_vbll, optimization_settings={"num_epochs": 200, "lr": 3e-2}),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS.keys())
def test_baselines_follow_tasks_of_any_scale_also_where_some_are_missing(fit) -> None:
    X, Y = data()
    partial = Y.clone()
    partial[3, 0] = math.nan
    model = fit(X, partial, 0)
    posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
    mean = posterior.mean.squeeze(-2)
    assert mean.shape == (14, 2)
    error = (mean - Y).abs().amax(0) / Y.std(0)
    assert error.max() < 0.3
    assert (posterior.variance > 0).all()
    if fit is fit_multi_task_gp:
        assert type(model.gp) is MultiTaskGP
    if fit is fit_index_kernel_gp:
        assert type(model.gp) is IndexKernelMultiTaskGP


@pytest.mark.parametrize(
    "fit",
    [fit_multi_task_gp, partial(fit_vbll, optimization_settings={"num_epochs": 3})],
    ids=["MultiTaskGP", "VBLL"],
)
def test_fits_depend_on_their_seed_alone(fit) -> None:
    X, Y = (values[:6] for values in data())
    before = torch.random.get_rng_state()
    means = [fit(X, Y, 7).posterior(X[:2]).mean.detach() for _ in range(2)]
    assert torch.equal(*means)
    assert torch.equal(before, torch.random.get_rng_state())


def test_proposals_by_gradient_are_one_per_task_and_within_bounds() -> None:
    X, Y = data()
    bounds = torch.tensor([[0.0, 0.0], [3.0, 3.0]]).double()
    before = torch.random.get_rng_state()
    model = fit_independent_gps(X, Y, 0)
    candidates = propose_by_gradient(model, bounds, X, Y, seed=1)
    assert candidates.shape == (2, 2)
    assert torch.equal(candidates, propose_by_gradient(model, bounds, X, Y, seed=1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert ((candidates >= 0) & (candidates <= 3)).all()


def test_proposals_by_gradient_improve_on_the_best_observations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incumbents = []

    class Recording(LogExpectedImprovement):
        def __init__(self, model, best_f, **options):
            incumbents.append(float(best_f))
            super().__init__(model, best_f, **options)

    monkeypatch.setattr(run, "LogExpectedImprovement", Recording)
    X, Y = data()
    bounds = torch.tensor([[0.0, 0.0], [3.0, 3.0]]).double()
    propose_by_gradient(fit_independent_gps(X, Y, 0), bounds, X, Y, seed=1)
    assert incumbents == Y.amax(0).tolist()


def test_rbf_fit_passes_options_on() -> None:
    X, Y = data()
    model = rbf_fit(SingleRBFModel, num_restarts=5)(X, Y, 3)
    assert isinstance(model, SingleRBFModel)
    assert (model.num_restarts, model.seed) == (5, 3)
    assert isinstance(fit_independent_gps(X, Y, 0).models[0], SingleTaskGP)

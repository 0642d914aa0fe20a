import math

import pytest
import torch
from botorch.models import SingleTaskGP

from botorch_cll.models import SingleRBFModel
from botorch_cll.studies.surrogates import (
    WideMultiTaskGP,
    fit_independent_gps,
    fit_multi_task_gp,
    propose_by_gradient,
    rbf_fit,
)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(14, 2, dtype=torch.double, generator=generator) * 3.0
    Y = torch.stack([1000.0 + 100.0 * X.sin().sum(-1), 0.01 * X.cos().sum(-1)], dim=-1)
    return X, Y


@pytest.mark.parametrize("fit", [fit_multi_task_gp, fit_independent_gps], ids=lambda f: f.__name__)
def test_gps_interpolate_tasks_of_any_scale_also_where_some_are_missing(fit) -> None:
    X, Y = data()
    partial = Y.clone()
    partial[3, 0] = math.nan
    model = fit(X, partial, 0)
    posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
    mean = posterior.mean.squeeze(-2)
    assert mean.shape == (14, 2)
    error = (mean - Y).abs().amax(0) / Y.std(0)
    assert error.max() < 0.2
    assert (posterior.variance > 0).all()


def test_wide_multi_task_gp_is_botorch_s_model_on_standardized_tasks() -> None:
    X, Y = data()
    model = WideMultiTaskGP(X, Y)
    targets = model.gp.train_targets.view(14, 2)
    torch.testing.assert_close(targets.mean(0), torch.zeros(2).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(targets.std(0), torch.ones(2).double())
    with pytest.raises(NotImplementedError, match="output_indices"):
        model.posterior(X, output_indices=[0])


def test_proposals_by_gradient_are_one_per_task_and_within_bounds() -> None:
    X, Y = data()
    bounds = torch.tensor([[0.0, 0.0], [3.0, 3.0]]).double()
    before = torch.random.get_rng_state()
    model = fit_independent_gps(X, Y, 0)
    candidates = propose_by_gradient(model, bounds, Y.amax(0), seed=1)
    assert candidates.shape == (2, 2)
    assert torch.equal(candidates, propose_by_gradient(model, bounds, Y.amax(0), seed=1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert ((candidates >= 0) & (candidates <= 3)).all()


def test_rbf_fit_passes_options_on() -> None:
    X, Y = data()
    model = rbf_fit(SingleRBFModel, num_restarts=5)(X, Y, 3)
    assert isinstance(model, SingleRBFModel)
    assert (model.num_restarts, model.seed) == (5, 3)
    assert isinstance(fit_independent_gps(X, Y, 0).models[0], SingleTaskGP)

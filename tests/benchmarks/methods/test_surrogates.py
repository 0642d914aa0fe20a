import math

import pytest
import torch
from botorch.models import SingleTaskGP

from benchmarks.methods import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    MULTI_TASK_GP,
    SURROGATES,
    rbf_fit,
    seeded,
)
from benchmarks.methods.peers import WideVBLL
from botorch_cll.models import SingleRBFModel

from support.two_tasks import data

FITS = {
    **{name: SURROGATES[name] for name in (MULTI_TASK_GP, INDEX_KERNEL_GP, INDEPENDENT_GPS)},
    # The authors' settings take ten thousand epochs.
    "VBLL": seeded(WideVBLL, num_epochs=200, lr=3e-2),
}


@pytest.mark.parametrize("name", FITS)
def test_baselines_follow_tasks_of_any_scale_also_where_some_are_missing(name: str) -> None:
    X, Y = data()
    partial = Y.clone()
    partial[3, 0] = math.nan
    model = FITS[name](X, partial, 0)
    posterior = model.posterior(X.unsqueeze(-2), observation_noise=True)
    mean = posterior.mean.squeeze(-2)
    assert mean.shape == (14, 2)
    error = (mean - Y).abs().amax(0) / Y.std(0)
    assert error.max() < 0.3
    assert (posterior.variance > 0).all()


@pytest.mark.parametrize(
    "fit",
    [SURROGATES[MULTI_TASK_GP], seeded(WideVBLL, num_epochs=3)],
    ids=["MultiTaskGP", "VBLL"],
)
def test_fits_depend_on_their_seed_alone(fit) -> None:
    X, Y = (values[:6] for values in data())
    before = torch.random.get_rng_state()
    means = [fit(X, Y, 7).posterior(X[:2]).mean.detach() for _ in range(2)]
    assert torch.equal(*means)
    assert torch.equal(before, torch.random.get_rng_state())


def test_rbf_fit_passes_options_on() -> None:
    X, Y = data()
    model = rbf_fit(SingleRBFModel, num_restarts=5)(X, Y, 3)
    assert isinstance(model, SingleRBFModel)
    assert (model.num_restarts, model.seed) == (5, 3)
    assert isinstance(SURROGATES[INDEPENDENT_GPS](X, Y, 0).models[0], SingleTaskGP)

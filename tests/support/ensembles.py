"""Our models in all their kinds, small data for them, and what every posterior has to be."""

import functools

import pytest
import torch
from botorch.sampling.normal import SobolQMCNormalSampler

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)

NAN = float("nan")

MODELS = {
    "linear_layer": MultiRBFCorrelationModel,
    "two_layers": functools.partial(MultiRBFCorrelationModel, correlation_layers=(4,)),
    "no_layer": functools.partial(MultiRBFCorrelationModel, correlation_layers=None),
    "single": SingleRBFModel,
    "regularized": RegularizedMultiTaskRBFModel,
}
EVERY_MODEL = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def tasks(X: torch.Tensor, num_tasks: int = 2) -> torch.Tensor:
    """Smooth, related targets on different scales."""
    base = torch.sin(4 * X[..., 0]) + X[..., 1] ** 2
    columns = [base, 50.0 - 20 * base + 5 * X[..., 0], -0.01 * base * X[..., 1]]
    return torch.stack(columns[:num_tasks], dim=-1)


def fit(make, X, Y, **options):
    return fit_rbf_ensemble(make(X, Y, **{"num_restarts": 6, "num_centers": 10, **options}))


@functools.cache
def fitted(name: str, num_tasks: int = 2):
    """A model that tests only look at."""
    X = rand(18, 2)
    return fit(MODELS[name], X, tasks(X, num_tasks))


def moments(model, X, **options) -> torch.Tensor:
    posterior = model.posterior(X, **options)
    return torch.stack([posterior.mean, posterior.variance])


def assert_sound(model, X, num_outputs: int | None = None) -> None:
    """Everything a user can look at is finite and has the right shape."""
    m = model.num_outputs if num_outputs is None else num_outputs
    for observation_noise in (False, True):
        posterior = model.posterior(X, observation_noise=observation_noise)
        assert posterior.mean.shape == posterior.variance.shape == (*X.shape[:-1], m)
        assert posterior.mean.isfinite().all()
        assert posterior.variance.isfinite().all()
        assert (posterior.variance >= 0).all()
        assert posterior.distribution.covariance_matrix.isfinite().all()
        assert SobolQMCNormalSampler(torch.Size([4]), seed=0)(posterior).isfinite().all()

"""Fitted models for the tests of the optimizers."""

import time
from types import SimpleNamespace

import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.test_functions import Branin, Hartmann
from botorch.utils.transforms import unnormalize
from gpytorch.mlls import ExactMarginalLogLikelihood

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time in seconds, which passes only where a test says so."""
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.seconds)
    return clock


@pytest.fixture(scope="session")
def fitted():
    """A GP fitted to the unit-cube version of a test function."""

    def fit(problem, n, seed=0):
        generator = torch.Generator().manual_seed(seed)
        X = torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
        Y = problem(unnormalize(X, problem.bounds)).unsqueeze(-1)
        model = SingleTaskGP(X, Y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return model, Y

    problems = {
        "branin": (Branin(negate=True).double(), 15),
        "hartmann": (Hartmann(6, negate=True).double(), 30),
    }
    return {name: fit(*problem) for name, problem in problems.items()}


@pytest.fixture(scope="session")
def model() -> MultiRBFCorrelationModel:
    """Three tasks over [0, 1] x [-2, 2]: two bowls, and the first input."""
    bounds = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(25, 2, dtype=torch.double, generator=generator)
    X = bounds[0] + (bounds[1] - bounds[0]) * X
    Y = torch.stack(
        [
            -(X[:, 0] - 0.2).square() - X[:, 1] ** 2,
            -(X[:, 0] - 0.9).square() - (X[:, 1] - 1) ** 2,
            X[:, 0],
        ],
        dim=-1,
    )
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y))

"""Fitted models for the tests of the optimizers."""

import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.test_functions import Branin, Hartmann
from botorch.utils.transforms import unnormalize
from gpytorch.mlls import ExactMarginalLogLikelihood


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

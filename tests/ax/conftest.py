"""Fixtures of the tests of Ax."""

from functools import partial

import pytest
from botorch.fit import fit_gpytorch_mll


@pytest.fixture
def rough_gps(monkeypatch):
    """GPs that are not fitted to the last digit, for which it takes 2 000 steps now and then."""
    fit = partial(fit_gpytorch_mll, optimizer_kwargs={"options": {"ftol": 1e-6}})
    monkeypatch.setattr("ax.generators.torch.botorch_modular.utils.fit_gpytorch_mll", fit)

"""No acquisition function of BoTorch is forgotten."""

import importlib
import inspect
import pkgutil

import botorch.acquisition
import botorch.acquisition.multi_objective
import pytest
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models import SingleTaskGP

from botorch_cll.testing import Outcome, run_checks
from botorch_cll.testing.checks.acquisition import EXCLUDED, Acquisition, check_values
from botorch_cll.testing.registry import CHECKS


def public_names() -> set[str]:
    """What `botorch.acquisition` exports, and all acquisition functions in it, if not abstract."""
    found = {}
    for module in (botorch.acquisition, botorch.acquisition.multi_objective):
        found |= {name: getattr(module, name) for name in module.__all__}
    for info in pkgutil.walk_packages(botorch.acquisition.__path__, "botorch.acquisition."):
        for name, value in vars(importlib.import_module(info.name)).items():
            if inspect.isclass(value) and issubclass(value, AcquisitionFunction):
                found[name] = value
    return {name for name, value in found.items() if not inspect.isabstract(value)}


def test_every_acquisition_function_has_a_check_or_a_reason_for_none() -> None:
    names = public_names()
    assert len(names) > 70
    assert names - CHECKS.keys() - EXCLUDED.keys() == set()
    assert EXCLUDED.keys() & CHECKS.keys() == set()
    assert EXCLUDED.keys() - names == set()
    assert all(EXCLUDED.values())


class Elevation(AcquisitionFunction):
    """A function that is easy to break: the first coordinate, summed over the points."""

    def __init__(self, shift: float = 0.0, broken: str = "") -> None:
        super().__init__(model=torch.nn.Identity())
        self.shift, self.broken = shift, broken

    def forward(self, X):
        values = X[..., 0].sum(-1) + self.shift * X.mean()
        if self.broken == "shape":
            return values.unsqueeze(-1)
        if self.broken == "gradient":
            return values + 0.0 * (X[..., 1] - X[..., 1].detach()).sqrt().sum(-1)
        return values + (torch.nan if self.broken == "nan" else 0.0)


def test_values_are_checked() -> None:
    check_values(Elevation(), 2, Acquisition("Elevation", lambda s: Elevation()))
    for function, message in (
        (Elevation(shift=0.1), "the value .q=1. of a point alone"),
        (Elevation(broken="nan"), "Expected finite the value"),
        (Elevation(broken="shape"), r"Expected values of shape \(5,\), got \(5, 1\)"),
        (Elevation(broken="gradient"), "Expected a finite gradient"),
    ):
        with pytest.raises(AssertionError, match=message):
            check_values(function, 1, Acquisition("Elevation", lambda s: Elevation()))


# Those that need more of a model than a posterior.
DEMANDING = [
    "PathwiseThompsonSampling",
    "qHypervolumeKnowledgeGradient",
    "qJointEntropySearch",
    "qKnowledgeGradient",
    "qLowerBoundMultiObjectiveJointEntropySearch",
    "qMultiFidelityHypervolumeKnowledgeGradient",
    "qMultiFidelityKnowledgeGradient",
    "qMultiObjectivePredictiveEntropySearch",
    "qMultiStepLookahead",
    "qNegIntegratedPosteriorVariance",
    "qPredictiveEntropySearch",
]


def test_a_stock_gaussian_process_passes_the_demanding_ones() -> None:
    results = run_checks(lambda X, Y: SingleTaskGP(X, Y), names=DEMANDING)
    assert [result for result in results if result.outcome != Outcome.PASSED] == []

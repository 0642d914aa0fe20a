"""Base functions that BoTorch does not have."""

import math

import numpy as np
import pytest
import torch
from botorch.utils.testing import (
    BaseTestProblemTestCaseMixIn,
    BotorchTestCase,
    SyntheticTestFunctionTestCaseMixin,
)

from botorch_cll.test_functions import Schwefel, Sphere, Weierstrass
from botorch_cll.test_functions.synthetic import SCHWEFEL_CONSTANT, SCHWEFEL_OPTIMIZER
from botorch_cll.test_functions.univariate import minimize_univariate


class TestBoTorchConventions(
    BotorchTestCase, BaseTestProblemTestCaseMixIn, SyntheticTestFunctionTestCaseMixin
):
    functions = (
        Schwefel(),
        Schwefel(dim=3, negate=True, noise_std=0.1),
        Sphere(dim=1),
        Sphere(bounds=[(-1.0, 1.0), (-2.0, 2.0)]),
        Weierstrass(dim=3),
        Weierstrass(negate=True),
    )


def test_schwefel_follows_its_definition():
    X = torch.rand(50, 3, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    X = 1000 * X - 500
    expected = [
        418.9828872724339 * 3 - sum(x * math.sin(math.sqrt(abs(x))) for x in row)
        for row in X.tolist()
    ]
    actual = Schwefel(dim=3).evaluate_true(X)
    assert torch.allclose(actual, torch.tensor(expected, dtype=torch.double), atol=1e-9)


def test_schwefel_constants_are_certified():
    # On [1, 500] the second derivative of x sin √x is at most 1; below 1 the function is.
    peak = minimize_univariate(
        lambda x: -x * np.sin(np.sqrt(x)),
        lambda x: -np.sin(np.sqrt(x)) - 0.5 * np.sqrt(x) * np.cos(np.sqrt(x)),
        1.0,
        1.0,
        500.0,
        1e-11,
    )
    assert abs(-peak.value - SCHWEFEL_CONSTANT) < 2e-11
    assert abs(peak.x - SCHWEFEL_OPTIMIZER) < 1e-4
    root = math.sqrt(SCHWEFEL_OPTIMIZER)
    assert abs(math.tan(root) + root / 2) < 1e-12


def test_weierstrass_follows_its_definition():
    X = torch.rand(20, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1)) - 0.5
    k = range(13)  # the remaining terms sum to less than 2^-11 per input
    expected = [
        sum(0.5**j * math.cos(2 * math.pi * 3**j * (x + 0.5)) for x in row for j in k)
        - 2 * sum(0.5**j * math.cos(math.pi * 3**j) for j in k)
        for row in X.tolist()
    ]
    actual = Weierstrass(dim=2).evaluate_true(X)
    assert torch.allclose(actual, torch.tensor(expected, dtype=torch.double), atol=2 * 2 * 2**-12)


@pytest.mark.parametrize("dtype", [torch.float, torch.double])
def test_weierstrass_minimum_is_exact(dtype):
    function = Weierstrass(dim=4, dtype=dtype)
    assert function(torch.zeros(4, dtype=dtype)).item() == 0.0
    X = torch.rand(200, 4, dtype=dtype, generator=torch.Generator().manual_seed(2)) - 0.5
    assert (function(X) > 0).all()

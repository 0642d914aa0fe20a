"""Acquisition functions with known maxima, and constraints, for the tests of the swarms."""

import torch
from botorch.acquisition import AcquisitionFunction

from botorch_cll.optim import optimize_acqf_pso
from botorch_cll.optim.search import SwarmSearch

LINEAR = [(torch.tensor([0, 1]), torch.tensor([-1.0, -1.0], dtype=torch.double), -1.0)]
CORNER = [(torch.tensor([0, 1]), torch.ones(2, dtype=torch.double), 1.9)]  # 1 / 200 of the square
IC = torch.full((2, 1, 2), 0.5, dtype=torch.double)
DISC = [(lambda x: 0.5 - x.square().sum(), True)]


class Surface(AcquisitionFunction):
    """A function of a `b x q x d`-dim tensor, that remembers the shapes it was called with."""

    def __init__(self, function, differentiable=True):
        torch.nn.Module.__init__(self)
        self.function = function
        self.differentiable = differentiable
        self.shapes = []
        self.X = []

    def forward(self, X):
        self.shapes.append(tuple(X.shape))
        self.X.append(X.detach())
        values = self.function(X)
        return values if self.differentiable else values.detach()


def box(d: int, low: float = 0.0, high: float = 1.0, dtype=torch.double) -> torch.Tensor:
    return torch.tensor([[low] * d, [high] * d], dtype=dtype)


def hill(peak: float):
    return lambda X: -(X - peak).square().sum(dim=(-2, -1))


def waves(X):  # many maxima, those at multiples of 1 / 3
    return (6 * torch.pi * X).cos().sum(dim=(-2, -1))


def search_of(function, bounds: torch.Tensor, options=None, fixed_features=None, **given):
    """A search for the maximum of a function, and of its shapes and points in `acq_function`."""
    acq_function = function if isinstance(function, AcquisitionFunction) else Surface(function)
    return SwarmSearch.of(bounds, options, fixed_features, acq_function=acq_function, **given)


def maximize(function, d: int, q: int = 1, num_restarts: int = 4, raw_samples=64, **given):
    """A function's maximizer in the unit cube of `d` dimensions, by swarms."""
    acq_function = function if isinstance(function, AcquisitionFunction) else Surface(function)
    return optimize_acqf_pso(acq_function, box(d), q, num_restarts, raw_samples, **given)

"""Base functions that `botorch.test_functions` does not have."""

import math

import torch
from botorch.test_functions.synthetic import SyntheticTestFunction
from torch import Tensor

# The stationary point of x sin √x near 421 (√x solves tan u = -u / 2) and the value there.
SCHWEFEL_OPTIMIZER = 420.9687463599820
SCHWEFEL_CONSTANT = 418.9828872724337


class _BoxFunction(SyntheticTestFunction):
    """A function on the cube `[-half_width, half_width]^d` with minimum 0, used as BoTorch's."""

    _optimal_value = 0.0
    _half_width: float
    _optimizer: float = 0.0

    def __init__(
        self,
        dim: int = 2,
        noise_std: float | None = None,
        negate: bool = False,
        bounds: list[tuple[float, float]] | None = None,
        dtype: torch.dtype = torch.double,
    ) -> None:
        self.dim = dim
        self.continuous_inds = list(range(dim))
        if bounds is None:
            bounds = [(-self._half_width, self._half_width)] * dim
        self._optimizers = [(self._optimizer,) * dim]
        super().__init__(noise_std=noise_std, negate=negate, bounds=bounds, dtype=dtype)


class Schwefel(_BoxFunction):
    r"""Schwefel test function, usually evaluated on `[-500, 500]^d`.

    .. math:: f(x) = 418.98288727... \, d - \sum_{i=1}^d x_i \sin \sqrt{|x_i|}

    Its minimum is 0 at `x_i = 420.96874636`, far from the second best local minimum.
    Source: H.-P. Schwefel, Numerical Optimization of Computer Models, Wiley, 1981.
    """

    _half_width = 500.0
    _optimizer = SCHWEFEL_OPTIMIZER

    def _evaluate_true(self, X: Tensor) -> Tensor:
        # Subtracting coordinate by coordinate keeps the digits that a late sum would cancel.
        return (SCHWEFEL_CONSTANT - X * X.abs().sqrt().sin()).sum(dim=-1)


class Sphere(_BoxFunction):
    r"""Sphere test function, here on `[-100, 100]^d`.

    .. math:: f(x) = \sum_{i=1}^d x_i^2
    """

    _half_width = 100.0

    def _evaluate_true(self, X: Tensor) -> Tensor:
        return X.square().sum(dim=-1)


class Weierstrass(_BoxFunction):
    r"""Weierstrass test function, usually evaluated on `[-0.5, 0.5]^d`.

    .. math::
        f(x) = \sum_{i=1}^d \sum_{k=0}^{20} a^k \cos(2 \pi b^k (x_i + 1/2))
        - d \sum_{k=0}^{20} a^k \cos(\pi b^k), \qquad a = 1/2, \; b = 3

    As `b` is odd this equals `Σ_i Σ_k a^k (1 - cos(2π b^k x_i))`, which is what is computed: no
    term is negative, so that the minimum 0 at the origin is exact in floating point as well.
    Source: Da et al., arXiv:1706.03470, 2017.
    """

    _half_width = 0.5
    # Slopes of up to (a b)^20 make any gradient check at the optimizer meaningless.
    _check_grad_at_opt = False

    def _evaluate_true(self, X: Tensor) -> Tensor:
        k = torch.arange(21, dtype=X.dtype, device=X.device)
        terms = 0.5**k * (1.0 - torch.cos(2.0 * math.pi * 3.0**k * X.unsqueeze(-1)))
        return terms.sum(dim=(-2, -1))

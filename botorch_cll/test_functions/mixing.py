"""The pieces of "correlated directions, shared sines" tasks (Ma et al., KDD 2018)."""

from collections.abc import Sequence

import numpy as np
import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from botorch_cll.test_functions.base import MultiTaskTestProblem
from botorch_cll.test_functions.univariate import UnivariateMinimum, minimize_univariate


def correlation_factor(correlation: float | Tensor, num_tasks: int) -> Tensor:
    """Factorize the correlation matrix of the task directions.

    The `T x r`-dim factor, with the matrix' rank `r`, is the lower triangular one of Cholesky,
    which also exists for singular matrices. For two tasks it holds `(1, 0)` and `(p, √(1 - p²))`,
    the construction of Ma et al. (2018). What is no correlation matrix is an `InputDataError`.
    """
    if isinstance(correlation, Tensor):
        matrix = correlation.detach().to(device="cpu", dtype=torch.double)
        if matrix.shape != (num_tasks, num_tasks):
            expected, found = f"{num_tasks} x {num_tasks}", tuple(matrix.shape)
            raise InputDataError(f"Expected a {expected} correlation matrix, got shape {found}.")
    else:
        matrix = torch.full((num_tasks, num_tasks), float(correlation), dtype=torch.double)
        matrix.fill_diagonal_(1.0)
    if not matrix.isfinite().all():
        raise InputDataError(f"Expected finite correlations, got {correlation}.")
    ones = torch.ones(num_tasks, dtype=torch.double)
    if not (torch.allclose(matrix, matrix.T) and torch.allclose(matrix.diagonal(), ones)):
        raise InputDataError(
            "Expected a symmetric correlation matrix with ones on its diagonal, "
            f"got {matrix.tolist()}."
        )
    smallest = torch.linalg.eigvalsh(matrix).min().item()
    if smallest < -1e-8:
        raise InputDataError(
            "Expected a positive semidefinite correlation matrix (one number for all pairs of "
            f"{num_tasks} tasks must lie in [-1/(T-1), 1]), got {correlation}, whose smallest "
            f"eigenvalue is {smallest:.3g}."
        )
    columns: list[Tensor] = []
    rest = matrix.clone()
    for task in range(num_tasks):
        if rest[task, task] > 1e-10:
            column = rest[:, task] / rest[task, task].sqrt()
            column[:task] = 0.0
            columns.append(column)
            rest = rest - torch.outer(column, column)
    return torch.stack(columns, dim=-1)


def random_orthonormal(num_rows: int, num_columns: int, generator: torch.Generator) -> Tensor:
    """Draw orthonormal columns in double precision, uniformly (Haar) distributed.

    The QR factors of a Gaussian matrix, with the signs that make the factorization unique
    (Mezzadri, Notices of the AMS 2007).
    """
    gaussian = torch.randn(num_rows, num_columns, generator=generator, dtype=torch.double)
    Q, R = torch.linalg.qr(gaussian)
    return Q * torch.where(R.diagonal() < 0, -1.0, 1.0)


def sine_link(s: Tensor, alphas: Tensor, betas: Tensor) -> Tensor:
    """Evaluate `s + Σ_i sin(α_i s + β_i)` for each entry of `s`, `m` frequencies and phases."""
    return s + torch.sin(s.unsqueeze(-1) * alphas + betas).sum(dim=-1)


def minimize_sine_link(
    lower: float, upper: float, alphas: Tensor, betas: Tensor
) -> UnivariateMinimum:
    """Minimize `s + Σ_i sin(α_i s + β_i)` over an interval, with a certificate.

    The sum of `m` sines lies in `[-m, m]`, so beyond `lower + 2 m` nothing can beat the value at
    `lower`; the second derivative is bounded by `Σ_i α_i²`.
    """
    a, b = alphas.double().cpu().numpy(), betas.double().cpu().numpy()
    upper = min(upper, lower + 2.0 * len(a))
    return minimize_univariate(
        lambda s: s + np.sin(np.multiply.outer(s, a) + b).sum(axis=-1),
        lambda s: 1.0 + (a * np.cos(np.multiply.outer(s, a) + b)).sum(axis=-1),
        curvature=float((a * a).sum()),
        lower=lower,
        upper=upper,
        # Well above the rounding errors of s itself.
        tolerance=1e-9 * max(1.0, abs(lower), abs(upper)),
    )


def link_lipschitz(alphas: Tensor) -> float:
    """Return `1 + Σ_i |α_i|`, a Lipschitz constant of `s + Σ_i sin(α_i s + β_i)`."""
    return 1.0 + alphas.abs().sum().item()


def shape_parameters(
    alphas: Sequence[float] | Tensor, betas: Sequence[float] | Tensor
) -> tuple[Tensor, Tensor]:
    """The frequencies and phases as double tensors, if they are finite vectors of one length."""
    a = torch.as_tensor(alphas, dtype=torch.double)
    b = torch.as_tensor(betas, dtype=torch.double)
    if a.dim() != 1 or a.shape != b.shape:
        raise InputDataError(
            "Expected `alphas` and `betas` to be vectors of one length, "
            f"got shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )
    if not (a.isfinite().all() and b.isfinite().all()):
        raise InputDataError("Expected finite `alphas` and `betas`, got NaN or infinite values.")
    return a, b


class SineLinkTasks(MultiTaskTestProblem):
    """Tasks that link projections of common features by `s + Σ_i sin(α_i s + β_i)`.

    Subclasses say what the features are, and which points take a projection to its ends.
    """

    def _set_link(
        self, weights: Tensor, alphas: Sequence[float] | Tensor, betas: Sequence[float] | Tensor
    ) -> None:
        """Keep the `T x k`-dim weights of the projections, and frequencies and phases."""
        a, b = shape_parameters(alphas, betas)
        for name, value in (("weights", weights), ("alphas", a), ("betas", b)):
            self.register_buffer(name, value.to(self.bounds.dtype))

    def _features(self, X: Tensor) -> Tensor:
        """The `batch_shape x k`-dim features that are projected; the inputs by default."""
        return X

    def _evaluate_true(self, X: Tensor) -> Tensor:
        projections = self._features(X) @ self.weights.to(X).T
        return sine_link(projections, self.alphas.to(X), self.betas.to(X))

    def _minimize_links(
        self, lower: Tensor, upper: Tensor, end_gaps: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Each task's best projection, the minimum there, and how far below it the task can go.

        Projections attain all values between `lower` and `upper`, some down to `lower - end_gaps`.
        """
        alphas, betas = self.alphas.double(), self.betas.double()
        ends = zip(lower.tolist(), upper.tolist(), strict=True)
        minima = [minimize_sine_link(low, high, alphas, betas) for low, high in ends]
        best, values, gaps = torch.tensor(minima, dtype=torch.double).T
        return best, values, gaps + link_lipschitz(alphas) * end_gaps

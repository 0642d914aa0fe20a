"""Closed-form output weights: batched ridge regression with exact leave-one-out errors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

EXCLUDED = 1e8  #: a penalty under which a column plays no part


def cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factors, with the smallest diagonal jitter, to a relative 1e-3, that works."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    if not bool(info.any()):
        return factor
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)
    jitter = torch.zeros_like(scale)
    for power in range(-12, -2):
        jitter = torch.where(info.unsqueeze(-1) > 0, 10.0**power * scale, jitter)
        added = torch.diag_embed(jitter.expand(matrix.shape[:-1]))
        factor, info = torch.linalg.cholesky_ex(matrix + added)
        if not bool(info.any()):
            return factor
    raise RuntimeError(
        "Expected positive definite normal equations, got ones that are not even with a relative "
        "jitter of 1e-3. Are the inputs and targets finite?"
    )


@dataclass(frozen=True)
class RidgeSolution:
    """The minimiser of a ridge problem: weights, `batch_shape x P x m`, and a Cholesky factor."""

    weight: Tensor
    factor: Tensor

    def roots(self, phi: Tensor) -> Tensor:
        """A `batch_shape x r x n`-dim tensor whose squared columns sum to the leverages."""
        return torch.linalg.solve_triangular(self.factor, phi.transpose(-1, -2), upper=False)

    def leave_one_out(self, phi: Tensor, row_weight: Tensor, Y: Tensor) -> Tensor:
        """Predictions of every row by a fit that has not seen it, `batch_shape x n x m`-dim as `Y`.

        For a row of positive weight this is `y_i - e_i / (1 - h_i)`, with `e_i` its residual and
        `h_i = w_i phi_i^T A^-1 phi_i` its leverage (Allen 1974, PRESS): exactly the prediction of
        the ridge fit to the other rows. A row of weight zero was not seen anyway.
        """
        leverage = row_weight * self.roots(phi).square().sum(-2)
        floor = torch.finfo(phi.dtype).eps ** 0.5
        slack = (1.0 - leverage).clamp_min(floor).unsqueeze(-1)
        fitted = phi @ self.weight
        seen = (row_weight > 0).unsqueeze(-1)
        return torch.where(seen, Y - (Y - fitted) / slack, fitted)

    def update(self, phi: Tensor, row_weight: Tensor, residual: Tensor) -> Tensor:
        """What further rows change in the weights, `S x T x B x P x F`: recursive least squares.

        It is exactly the change that the ridge fit to all rows makes (Plackett 1950). There are `B`
        sets of `k` rows, each with `F` versions of targets: features are `S x T x B x k x P`-dim,
        residuals `S x T x B x k x F`-dim, weights `T x B x k`-dim, zero for rows not observed.
        """
        roots = self.roots(phi.flatten(2, 3)).unflatten(-1, phi.shape[2:4]).movedim(-2, 2)
        # The root has no gradient at zero.
        seen = row_weight > 0
        scale = torch.where(seen, row_weight, 1.0).sqrt() * seen
        return self._through_roots(roots * scale.unsqueeze(-2), residual * scale.unsqueeze(-1))

    def _through_roots(self, roots: Tensor, residual: Tensor) -> Tensor:
        """Solve for the coefficients of the rows and go back to weights."""
        return self._unroot(roots @ solve_system(roots.transpose(-1, -2) @ roots, residual))

    def _unroot(self, combined: Tensor) -> Tensor:
        """Solve with the transposed factor for a `S x T x B x P x F`-dim tensor."""
        back = self.factor.transpose(-1, -2)
        solve = partial(torch.linalg.solve_triangular, back, upper=True)
        return by_columns(solve, combined)


def solve_system(gram: Tensor, residual: Tensor) -> Tensor:
    """Solve `(I + gram) c = residual`."""
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.cholesky_solve(residual, torch.linalg.cholesky(gram + identity))


def by_columns(solve: Callable[[Tensor], Tensor], sets: Tensor) -> Tensor:
    """Apply a solver that wants `S x T x P x (B F)` columns to a `S x T x B x P x F`-dim tensor."""
    columns = sets.transpose(-3, -2)
    return solve(columns.flatten(-2)).unflatten(-1, columns.shape[-2:]).transpose(-3, -2)


def above_rounding(penalty: Tensor, gram: Tensor) -> Tensor:
    """Penalties in double precision, none below what rounding did to the Gram matrix.

    In single precision a small penalty would be less than the error of what it is added to.
    """
    rounding = 100.0 * torch.finfo(gram.dtype).eps * gram.diagonal(dim1=-2, dim2=-1)
    return torch.maximum(penalty, rounding.amax(-1, keepdim=True)).double()


def solve_ridge(gram: Tensor, moment: Tensor, penalty: Tensor) -> RidgeSolution:
    """Ridge regressions, in double precision, of sums of `phi phi^T` and of `phi y`.

    They are `batch_shape x P x P`- and `batch_shape x P x m`-dim, penalties `batch_shape x P`-dim.
    """
    penalty = above_rounding(penalty, gram)
    factor = cholesky(gram.double() + torch.diag_embed(penalty))
    weight = torch.cholesky_solve(moment.double(), factor)
    return RidgeSolution(weight=weight.to(gram), factor=factor.to(gram))

"""Closed-form output weights: batched ridge regression with exact leave-one-out errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

EXCLUDED = 1e8
"""A penalty under which a column plays no part."""


def cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factors, each with the smallest diagonal jitter that makes it exist.

    Args:
        matrix: A `batch_shape x P x P`-dim tensor of symmetric positive semi-definite matrices.

    Returns:
        A `batch_shape x P x P`-dim tensor.

    Raises:
        RuntimeError: If a matrix is not finite, or not positive definite even with a relative
            jitter of 1e-3.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    if not bool(info.any()):
        return factor
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)
    jitter = torch.zeros_like(scale)
    for power in range(-12, -2):
        jitter = torch.where(info.unsqueeze(-1) > 0, 10.0**power * scale, jitter)
        factor, info = torch.linalg.cholesky_ex(
            matrix + torch.diag_embed(jitter.expand(matrix.shape[:-1]))
        )
        if not bool(info.any()):
            return factor
    raise RuntimeError(
        "Expected positive definite normal equations, got ones that are not even with a relative "
        "jitter of 1e-3. Are the inputs and targets finite?"
    )


@dataclass(frozen=True)
class RidgeSolution:
    """The minimiser of a ridge problem and what leave-one-out errors need of it.

    Attributes:
        weight: A `batch_shape x P x m`-dim tensor of output weights.
        factor: A `batch_shape x P x P`-dim tensor, the lower Cholesky factor of the regularised
            normal matrix.
    """

    weight: Tensor
    factor: Tensor

    def roots(self, phi: Tensor) -> Tensor:
        """A `batch_shape x r x n`-dim tensor whose squared columns sum to the leverages."""
        return torch.linalg.solve_triangular(self.factor, phi.transpose(-1, -2), upper=False)

    def leave_one_out(self, phi: Tensor, row_weight: Tensor, Y: Tensor) -> Tensor:
        """Predictions of every row by a fit that has not seen it.

        For a row of positive weight this is `y_i - e_i / (1 - h_i)`, with `e_i` its residual and
        `h_i = w_i phi_i^T A^-1 phi_i` its leverage (Allen 1974, PRESS): exactly the prediction of
        the ridge fit to the other rows. A row of weight zero was not seen anyway.

        Args:
            phi: A `batch_shape x n x P`-dim tensor of features.
            row_weight: A `batch_shape x n`-dim tensor of the weights the rows had in the fit.
            Y: A `batch_shape x n x m`-dim tensor of targets.

        Returns:
            A `batch_shape x n x m`-dim tensor.
        """
        leverage = row_weight * self.roots(phi).square().sum(-2)
        floor = torch.finfo(phi.dtype).eps ** 0.5
        slack = (1.0 - leverage).clamp_min(floor).unsqueeze(-1)
        fitted = phi @ self.weight
        seen = (row_weight > 0).unsqueeze(-1)
        return torch.where(seen, Y - (Y - fitted) / slack, fitted)

    def update(self, phi: Tensor, row_weight: Tensor, residual: Tensor) -> Tensor:
        r"""What further rows change in the weights, without solving again.

        .. math:: w' - w = A^{-1} \Phi^\top (\Omega^{-1} + \Phi A^{-1} \Phi^\top)^{-1}
            (y - \Phi w)

        (recursive least squares, Plackett 1950): exactly the change that the ridge fit to all rows
        makes. There are `B` sets of `k` rows, independent of each other, each with `F` versions of
        its targets.

        Args:
            phi: A `S x T x B x k x P`-dim tensor of features.
            row_weight: A `T x B x k`-dim tensor, zero for rows that a task was not observed in.
            residual: A `S x T x B x k x F`-dim tensor, targets minus predictions.

        Returns:
            A `S x T x B x P x F`-dim tensor.
        """
        roots = self.roots(phi.flatten(2, 3)).unflatten(-1, phi.shape[2:4]).movedim(-2, 2)
        # The root has no gradient at zero.
        seen = row_weight > 0
        scale = torch.where(seen, row_weight, 1.0).sqrt() * seen
        return self._through_roots(roots * scale.unsqueeze(-2), residual * scale.unsqueeze(-1))

    def _through_roots(self, roots: Tensor, residual: Tensor) -> Tensor:
        """Solve for the coefficients of the rows and go back to weights."""
        return self._unroot(roots @ _solve_system(roots.transpose(-1, -2) @ roots, residual))

    def _unroot(self, combined: Tensor) -> Tensor:
        """Solve with the transposed factor for a `S x T x B x P x F`-dim tensor."""
        return _by_columns(
            lambda columns: torch.linalg.solve_triangular(
                self.factor.transpose(-1, -2), columns, upper=True
            ),
            combined,
        )


def _solve_system(gram: Tensor, residual: Tensor) -> Tensor:
    """Solve `(I + gram) c = residual`."""
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.cholesky_solve(residual, torch.linalg.cholesky(gram + identity))


def _by_columns(solve: Callable[[Tensor], Tensor], sets: Tensor) -> Tensor:
    """Apply a solver that wants `S x T x P x (B F)` columns to a `S x T x B x P x F`-dim tensor."""
    columns = sets.transpose(-3, -2)
    return solve(columns.flatten(-2)).unflatten(-1, columns.shape[-2:]).transpose(-3, -2)


@dataclass(frozen=True)
class RegularizedTasksSolution(RidgeSolution):
    """The solution of `solve_regularized_tasks`.

    Attributes:
        weight: A `batch_shape x T x P x 1`-dim tensor, the weights of each task.
        factor: A `batch_shape x G x P x P`-dim tensor, a factor for each group of tasks.
        own_penalty: A `batch_shape x 1 x P`-dim tensor, the penalty of the tasks' own weights.
        shared_factor: A `batch_shape x 1 x P x P`-dim tensor, the lower Cholesky factor of the
            system solved for the shared weights.
    """

    own_penalty: Tensor
    shared_factor: Tensor

    def roots(self, phi: Tensor) -> Tensor:
        """As in `RidgeSolution`; the second half of the rows comes from the shared weights."""
        own = super().roots(phi)
        through_own = torch.linalg.solve_triangular(
            self.factor.transpose(-1, -2), own, upper=True
        ) * self.own_penalty.unsqueeze(-1)
        shared = torch.linalg.solve_triangular(self.shared_factor, through_own, upper=False)
        return torch.cat([own, shared], dim=-2)

    def leave_one_out(self, phi: Tensor, row_weight: Tensor, Y: Tensor) -> Tensor:
        r"""As in `RidgeSolution`, by a fit that has not seen the row of any task.

        Row `i` of all tasks is one point: what another task was observed to be there says as much
        of a task as its own observation. With the `T x T` block `H_i` of the leverages of a point
        and the tasks' weights `\Omega_i`, the residuals are `(I - H_i \Omega_i)^{-1} e_i`.

        Args:
            phi: A `batch_shape x G x n x P`-dim tensor of features of `G` groups of tasks.
            row_weight: A `batch_shape x G x n`-dim tensor of the weights the rows had in the fit.
            Y: A `batch_shape x G x n x m`-dim tensor of targets of the `m` tasks of each group.

        Returns:
            A `batch_shape x G x n x m`-dim tensor.
        """
        fitted = (phi @ self.weight).squeeze(-1).transpose(-1, -2)
        own, shared = self.roots(phi).movedim(-1, -3).chunk(2, dim=-1)
        # The tasks of one group have one leverage.
        own_leverage = own.square().sum(-1).expand_as(fitted)
        block = shared @ shared.transpose(-1, -2) + torch.diag_embed(own_leverage)
        root = row_weight.transpose(-1, -2).sqrt().expand_as(fitted)
        targets = Y.transpose(-3, -2).flatten(-2)
        residual = torch.where(root > 0, targets - fitted, 0.0)
        slack = torch.diag_embed(torch.ones_like(root)) - (
            root.unsqueeze(-1) * block * root.unsqueeze(-2)
        )
        scaled = torch.cholesky_solve((root * residual).unsqueeze(-1), cholesky(slack))
        left_out = fitted - (block @ (root.unsqueeze(-1) * scaled)).squeeze(-1)
        return left_out.unflatten(-1, (Y.shape[-3], -1)).transpose(-3, -2)

    def _through_roots(self, roots: Tensor, residual: Tensor) -> Tensor:
        """As in `RidgeSolution`, but a row of one task has a say in the weights of all."""
        num_tasks, k = roots.shape[1], roots.shape[-1]
        own, shared = roots.chunk(2, dim=-2)
        # One system of the rows of all tasks, S x B x (T k) x (T k), whose tasks meet in `shared`.
        rows = shared.movedim(1, -2).flatten(-2)
        own_gram = (own.transpose(-1, -2) @ own).movedim(1, -1)
        gram = torch.diag_embed(own_gram, dim1=2, dim2=4).flatten(4, 5).flatten(2, 3)
        gram = gram + rows.transpose(-1, -2) @ rows
        coefficients = _solve_system(gram, residual.movedim(1, 2).flatten(2, 3))
        by_task = coefficients.unflatten(2, (num_tasks, k)).movedim(2, 1)
        return self._unroot(own @ by_task) + _by_columns(
            self._weights_from_shared, (rows @ coefficients).unsqueeze(1)
        )

    def _weights_from_shared(self, columns: Tensor) -> Tensor:
        """Every task's weights from `S x 1 x P x N` columns in the roots of the shared weights."""
        w_0 = torch.linalg.solve_triangular(
            self.shared_factor.transpose(-1, -2), columns, upper=True
        )
        penalized = (self.own_penalty.unsqueeze(-1) * w_0).expand(
            *self.factor.shape[:-1], columns.shape[-1]
        )
        return torch.cholesky_solve(penalized, self.factor)


def _above_rounding(penalty: Tensor, gram: Tensor) -> Tensor:
    """Penalties in double precision, none of them below what rounding did to the Gram matrix.

    Normal equations square the condition of the problem: in single precision a small penalty would
    be less than the error of what it is added to.
    """
    rounding = 100.0 * torch.finfo(gram.dtype).eps * gram.diagonal(dim1=-2, dim2=-1)
    return torch.maximum(penalty, rounding.amax(-1, keepdim=True)).double()


def solve_ridge(gram: Tensor, moment: Tensor, penalty: Tensor) -> RidgeSolution:
    r"""Independent ridge regressions, solved in double precision.

    .. math:: \min_w \sum_i \omega_i (y_i - \phi_i^\top w)^2 + \sum_j \pi_j w_j^2

    Args:
        gram: A `batch_shape x P x P`-dim tensor, the weighted sums of `phi phi^T`.
        moment: A `batch_shape x P x m`-dim tensor, the weighted sums of `phi y`.
        penalty: A `batch_shape x P`-dim tensor of penalties `π`, broadcast against `gram`.

    Returns:
        The solution, of the batch shape of `gram`.
    """
    penalty = _above_rounding(penalty, gram)
    factor = cholesky(gram.double() + torch.diag_embed(penalty))
    weight = torch.cholesky_solve(moment.double(), factor)
    return RidgeSolution(weight=weight.to(gram), factor=factor.to(gram))


def solve_regularized_tasks(
    gram: Tensor, moment: Tensor, shared_penalty: Tensor, own_penalty: Tensor
) -> RegularizedTasksSolution:
    r"""Regularised multi-task learning with squared loss (Evgeniou and Pontil, KDD 2004).

    Solved in double precision.

    .. math:: \min \sum_t \sum_i \omega_{ti} \big(y_{ti} - \phi_{ti}^\top (w_0 + v_t)\big)^2
        + \frac{\lambda_1}{T} \sum_t \lVert v_t \rVert^2 + \lambda_2 \lVert w_0 \rVert^2

    Eliminating every `v_t = (G_t + Λ_1)^{-1} (b_t - G_t w_0)` leaves one system for `w_0`, so the
    cost is linear in the number of tasks:

    .. math:: M w_0 = \sum_t \Lambda_1 (G_t + \Lambda_1)^{-1} b_t, \qquad
        M = \Lambda_2 + \sum_t \Lambda_1 (G_t + \Lambda_1)^{-1} G_t

    The leverage of a row of task `t` is the quadratic form of
    `(G_t + Λ_1)^{-1} + (G_t + Λ_1)^{-1} Λ_1 M^{-1} Λ_1 (G_t + Λ_1)^{-1}`.

    Tasks that share their rows and weights, `m` in each of `G` groups, are factorized once.

    Args:
        gram: A `batch_shape x G x P x P`-dim tensor, each group's weighted sums of `phi phi^T`.
        moment: A `batch_shape x G x P x m`-dim tensor, each task's weighted sums of `phi y`.
        shared_penalty: A `batch_shape x P`-dim tensor, the diagonal of `Λ_2`: `λ_2` per column.
        own_penalty: A `batch_shape x P`-dim tensor, the diagonal of `Λ_1`: `λ_1 / T` per column.

    Returns:
        The solution, with `weight` holding every task's `w_t = w_0 + v_t`.
    """
    like, own = gram, _above_rounding(own_penalty.unsqueeze(-2), gram)
    per_group = moment.shape[-1]
    shared_penalty = _above_rounding(shared_penalty, per_group * gram.sum(-3))
    moment = moment.double().transpose(-1, -2).flatten(-3, -2).unsqueeze(-1)
    gram = gram.double()
    factor = cholesky(gram + torch.diag_embed(own))
    shrunk_gram = own.unsqueeze(-1) * torch.cholesky_solve(gram, factor)
    solved = torch.cholesky_solve(moment, factor)
    system = torch.diag_embed(shared_penalty) + per_group * shrunk_gram.sum(-3)
    shared_factor = cholesky(0.5 * (system + system.transpose(-1, -2)))
    w_0 = torch.cholesky_solve((own.unsqueeze(-1) * solved).sum(-3), shared_factor)
    v = solved - torch.cholesky_solve(gram @ w_0.unsqueeze(-3), factor)
    return RegularizedTasksSolution(
        weight=(w_0.unsqueeze(-3) + v).to(like),
        factor=factor.to(like),
        own_penalty=own.to(like),
        shared_factor=shared_factor.unsqueeze(-3).to(like),
    )

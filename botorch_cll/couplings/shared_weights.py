"""Regularised multi-task learning: weights that are pulled toward common ones."""

import math
from dataclasses import dataclass

import torch
from botorch.exceptions import UnsupportedError
from torch import Tensor

from botorch_cll.couplings.base import Coupling, NormalEquations
from botorch_cll.data import TaskBlocks, TaskData
from botorch_cll.data.bags import choose_rows
from botorch_cll.nn.ridge import (
    EXCLUDED,
    RidgeSolution,
    above_rounding,
    by_columns,
    cholesky,
    solve_system,
)
from botorch_cll.settings import SearchSettings


@dataclass(frozen=True)
class SharedWeights(Coupling):
    """One joint regression of all tasks on a common hidden layer; see `solve_regularized_tasks`."""

    lambda_1: float | None = None  #: penalty of the tasks' own weights; searched for if `None`
    lambda_2: float | None = None  #: penalty of the shared weights; likewise
    num_ridges = 2

    def pooling_rows(self, settings: SearchSettings) -> float:
        """The tasks have one setting, chosen by the errors of all."""
        return math.inf

    def rows_to_score(self, data: TaskData, most: int, generator: torch.Generator) -> TaskBlocks:
        """The same rows for all tasks: at a point that is left out all observations are."""
        return TaskBlocks.of_rows(data, choose_rows(data.observed, most, generator))

    def solve(self, equations: NormalEquations) -> RidgeSolution:
        """The joint solution of all tasks, whose ridge parameters are `λ_1` and `λ_2`."""
        ridge, included = equations.ridge[..., 0, :].clone(), equations.included[..., 0, :]
        for column, given in enumerate((self.lambda_1, self.lambda_2)):
            if given is not None:
                ridge[..., column] = given
        gram, moment = equations.gram, equations.moment
        lambda_1, lambda_2 = ridge.split(1, dim=-1)
        own = torch.where(included, lambda_1 / (moment.shape[-3] * moment.shape[-1]), EXCLUDED)
        shared = torch.where(included, lambda_2, EXCLUDED)
        return solve_regularized_tasks(gram, moment, shared_penalty=shared, own_penalty=own)

    def fill_in(self, weight: Tensor, data: TaskData, generator: torch.Generator) -> Tensor:
        """Tasks without data have the shared weights already."""
        return weight

    def check_gradients(self) -> None:
        """Refuse a fit by gradients, to which the penalties are not known."""
        raise UnsupportedError(
            "Expected method 'two_stage' for shared weights, whose penalties only their closed "
            "form knows; got 'gradient'."
        )


@dataclass(frozen=True)
class RegularizedTasksSolution(RidgeSolution):
    """The solution of `solve_regularized_tasks`, of `G` groups of tasks.

    `weight` is `batch_shape x T x P x 1`-dim, `factor` `batch_shape x G x P x P`-dim, the own
    penalty and the factor of the system of the shared weights have one group.
    """

    own_penalty: Tensor
    shared_factor: Tensor

    def roots(self, phi: Tensor) -> Tensor:
        """As in `RidgeSolution`; the second half of the rows comes from the shared weights."""
        own, back = super().roots(phi), self.factor.transpose(-1, -2)
        through_own = torch.linalg.solve_triangular(back, own, upper=True)
        through_own = through_own * self.own_penalty.unsqueeze(-1)
        shared = torch.linalg.solve_triangular(self.shared_factor, through_own, upper=False)
        return torch.cat([own, shared], dim=-2)

    def leave_one_out(self, phi: Tensor, row_weight: Tensor, Y: Tensor) -> Tensor:
        r"""As in `RidgeSolution`, by a fit that has not seen the row of any task.

        Row `i` of all tasks is one point: what another task was observed to be there says as much
        of a task as its own observation. With the `T x T` block `H_i` of the leverages of a point
        and the tasks' weights `\Omega_i`, the residuals are `(I - H_i \Omega_i)^{-1} e_i`.
        Features are `batch_shape x G x n x P`-dim, targets and predictions of the `m` tasks of each
        group `batch_shape x G x n x m`-dim.
        """
        fitted = (phi @ self.weight).squeeze(-1).transpose(-1, -2)
        own, shared = self.roots(phi).movedim(-1, -3).chunk(2, dim=-1)
        # The tasks of one group have one leverage.
        own_leverage = own.square().sum(-1).expand_as(fitted)
        block = shared @ shared.transpose(-1, -2) + torch.diag_embed(own_leverage)
        root = row_weight.transpose(-1, -2).sqrt().expand_as(fitted)
        targets = Y.transpose(-3, -2).flatten(-2)
        residual = torch.where(root > 0, targets - fitted, 0.0)
        weighted = root.unsqueeze(-1) * block * root.unsqueeze(-2)
        slack = torch.diag_embed(torch.ones_like(root)) - weighted
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
        coefficients = solve_system(gram, residual.movedim(1, 2).flatten(2, 3))
        by_task = coefficients.unflatten(2, (num_tasks, k)).movedim(2, 1)
        through_shared = (rows @ coefficients).unsqueeze(1)
        return self._unroot(own @ by_task) + by_columns(self._weights_from_shared, through_shared)

    def _weights_from_shared(self, columns: Tensor) -> Tensor:
        """Every task's weights from `S x 1 x P x N` columns in the roots of the shared weights."""
        back = self.shared_factor.transpose(-1, -2)
        w_0 = torch.linalg.solve_triangular(back, columns, upper=True)
        penalized = self.own_penalty.unsqueeze(-1) * w_0
        shape = (*self.factor.shape[:-1], columns.shape[-1])
        return torch.cholesky_solve(penalized.expand(shape), self.factor)


def solve_regularized_tasks(
    gram: Tensor, moment: Tensor, shared_penalty: Tensor, own_penalty: Tensor
) -> RegularizedTasksSolution:
    r"""Regularised multi-task learning (Evgeniou and Pontil, KDD 2004), in double precision.

    .. math:: \min \sum_t \sum_i \omega_{ti} \big(y_{ti} - \phi_{ti}^\top (w_0 + v_t)\big)^2
        + \frac{\lambda_1}{T} \sum_t \lVert v_t \rVert^2 + \lambda_2 \lVert w_0 \rVert^2

    Eliminating every `v_t = (G_t + Λ_1)^{-1} (b_t - G_t w_0)` leaves one system for `w_0`, so the
    cost is linear in the number of tasks:

    .. math:: M w_0 = \sum_t \Lambda_1 (G_t + \Lambda_1)^{-1} b_t, \qquad
        M = \Lambda_2 + \sum_t \Lambda_1 (G_t + \Lambda_1)^{-1} G_t

    The leverage of a row of task `t` is the quadratic form of
    `(G_t + Λ_1)^{-1} + (G_t + Λ_1)^{-1} Λ_1 M^{-1} Λ_1 (G_t + Λ_1)^{-1}`.

    Tasks that share their rows and weights, `m` in each of `G` groups, are factorized once. `gram`
    is `batch_shape x G x P x P`-dim and `moment` `batch_shape x G x P x m`-dim; the penalties are
    the diagonals of `Λ_2` and `Λ_1`, `batch_shape x P`-dim: `λ_2` and `λ_1 / T` per column.
    The `weight` of the solution holds every task's `w_t = w_0 + v_t`.
    """
    like, own = gram, above_rounding(own_penalty.unsqueeze(-2), gram)
    per_group = moment.shape[-1]
    shared_penalty = above_rounding(shared_penalty, per_group * gram.sum(-3))
    moment = moment.double().transpose(-1, -2).flatten(-3, -2).unsqueeze(-1)
    gram = gram.double()
    factor = cholesky(gram + torch.diag_embed(own))
    shrunk_gram = own.unsqueeze(-1) * torch.cholesky_solve(gram, factor)
    solved = torch.cholesky_solve(moment, factor)
    system = torch.diag_embed(shared_penalty) + per_group * shrunk_gram.sum(-3)
    shared_factor = cholesky(0.5 * (system + system.transpose(-1, -2)))
    w_0 = torch.cholesky_solve((own.unsqueeze(-1) * solved).sum(-3), shared_factor)
    v = solved - torch.cholesky_solve(gram @ w_0.unsqueeze(-3), factor)
    parts = (w_0.unsqueeze(-3) + v, factor, own, shared_factor.unsqueeze(-3))
    return RegularizedTasksSolution(*(part.to(like) for part in parts))

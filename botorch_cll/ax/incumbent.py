"""Which observations count, and which of them is best."""

import torch
from botorch.models.model import Model
from torch import Tensor


def feasible_rows(
    X: Tensor,
    Y: Tensor,
    X_observed: Tensor | None,
    outcome_constraints: tuple[Tensor, Tensor] | None,
    objective_weights: Tensor,
    thresholds: Tensor | None,
) -> Tensor:
    """Which rows have everything observed and violate nothing, a `n`-dim boolean tensor.

    Args:
        X: A `n x d`-dim tensor of inputs.
        Y: A `n x m`-dim tensor of the outcomes of objectives and constraints, NaN if not observed.
        X_observed: A `n' x d`-dim tensor of the points that are in the search space and agree with
            its fixed features; any if `None`.
        outcome_constraints: A `k x m`-dim tensor `A` and a `k x 1`-dim tensor `b` for `A y <= b`.
        objective_weights: A `k' x m`-dim tensor of the objectives' weights.
        thresholds: A `k'`-dim tensor of values that the objectives have to reach, NaN for those
            without a threshold.
    """
    feasible = ~Y.isnan().any(dim=-1)
    if X_observed is not None:
        feasible &= (X.unsqueeze(-2) == X_observed).all(dim=-1).any(dim=-1)
    if outcome_constraints is not None:
        A, b = outcome_constraints
        feasible &= (Y @ A.mT <= b.mT).all(dim=-1)
    if thresholds is not None:
        reached = (Y @ objective_weights.mT >= thresholds) | thresholds.isnan()
        feasible &= reached.all(dim=-1)
    return feasible


def best_value(model: Model, X: Tensor, Y: Tensor, feasible: Tensor, weights: Tensor) -> Tensor:
    """The best observed value of the objective with the `m` weights among the feasible rows.

    Where there are none, since its metrics were never observed together, the best value of the
    model's mean at the inputs. Shapes are those of `feasible_rows`.
    """
    if bool(feasible.any()):
        return (Y[feasible] @ weights).max()
    with torch.no_grad():
        return (model.posterior(X.unique(dim=0)).mean @ weights).max()

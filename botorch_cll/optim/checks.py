"""What the arguments of the swarm optimizers must look like."""

from __future__ import annotations

from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from torch import Tensor

from botorch_cll.optim.fixed_features import FixedFeatures
from botorch_cll.optim.settings import PROPOSAL


def check_bounds(bounds: Tensor) -> None:
    """Check that `bounds` are a box.

    Raises:
        BotorchTensorDimensionError: They do not have shape `2 x d`.
        InputDataError: They are no tensor of floating-point numbers, not finite, or upside down.
    """
    if not isinstance(bounds, Tensor) or not bounds.is_floating_point():
        kind = bounds.dtype if isinstance(bounds, Tensor) else type(bounds).__name__
        raise InputDataError(
            f"Expected `bounds` as a tensor of floating-point numbers, got {kind}."
        )
    if bounds.ndim != 2 or bounds.shape[0] != 2:
        raise BotorchTensorDimensionError(
            f"Expected `bounds` of shape `2 x d`, got {tuple(bounds.shape)}."
        )
    if not bounds.isfinite().all():
        raise InputDataError(f"Expected finite `bounds`, got {bounds.tolist()}.")
    if bool((bounds[0] > bounds[1]).any()):
        raise InputDataError(
            "Expected the lower bounds, `bounds[0]`, not to exceed the upper ones, `bounds[1]`, "
            f"got {bounds.tolist()}."
        )


def check_counts(**counts: int) -> None:
    """Raise `InputDataError` unless each of the named counts is positive."""
    for name, count in counts.items():
        if count < 1:
            raise InputDataError(f"Expected `{name}` to be at least 1, got {count}.")


def check_points(X: Tensor, bounds: Tensor, name: str, rows: str) -> None:
    """Check that `X` are points of the space of the bounds; `rows` stands for their number.

    Raises:
        InputDataError: They are no tensor, or not finite.
        BotorchTensorDimensionError: They are not of shape `rows x d`.
    """
    if not isinstance(X, Tensor) or not bool(X.isfinite().all()):
        raise InputDataError(f"Expected `{name}` as a tensor of finite numbers, got {X!r}.")
    if X.ndim != 2 or X.shape[-1] != bounds.shape[-1]:
        raise BotorchTensorDimensionError(
            f"Expected `{name}` of shape {rows} x {bounds.shape[-1]}, got {tuple(X.shape)}."
        )


def check_inside(X: Tensor, bounds: Tensor, fixed_features: FixedFeatures, name: str) -> None:
    """Raise `InputDataError` unless `X`, `(b) x q x d`-dim, is in the box, fixed features apart."""
    lower, upper = bounds
    slack = PROPOSAL.outside * (upper - lower)
    inside = (lower - slack <= X) & (upper + slack >= X)
    inside[..., list(fixed_features.values)] = True
    outside = ~inside
    if outside.any():
        raise InputDataError(
            f"Expected `{name}` within the bounds {bounds.tolist()}, got "
            f"{X[outside].tolist()} in features {outside.nonzero()[:, -1].unique().tolist()}."
        )

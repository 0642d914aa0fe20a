"""What the arguments of the swarm optimizers must look like."""

from collections.abc import Iterable

from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from torch import Tensor

from botorch_cll.optim.settings import PROPOSAL


def check_bounds(bounds: Tensor) -> None:
    """Raise `InputDataError` or `BotorchTensorDimensionError` unless `bounds` are a box."""
    kind = bounds.dtype if isinstance(bounds, Tensor) else type(bounds).__name__
    is_float = isinstance(bounds, Tensor) and bounds.is_floating_point()
    expect(is_float, "`bounds` as a tensor of floating-point numbers", kind)
    expect_shape(bounds.ndim == 2 and len(bounds) == 2, "`bounds` of shape `2 x d`", bounds)
    expect(bounds.isfinite().all(), "finite `bounds`", bounds.tolist())
    upright = "the lower bounds, `bounds[0]`, not to exceed the upper ones, `bounds[1]`"
    expect((bounds[0] <= bounds[1]).all(), upright, bounds.tolist())


def check_counts(**counts: int) -> None:
    """Raise `InputDataError` unless each of the named counts is positive."""
    for name, count in counts.items():
        expect(count >= 1, f"`{name}` to be at least 1", count)


def check_points(X: Tensor, bounds: Tensor, name: str, rows: str) -> None:
    """Refuse `X` unless they are points of the space of the bounds; `rows` is their number."""
    if not isinstance(X, Tensor) or not bool(X.isfinite().all()):
        raise InputDataError(f"Expected `{name}` as a tensor of finite numbers, got {X!r}.")
    d = bounds.shape[-1]
    expect_shape(X.ndim == 2 and X.shape[-1] == d, f"`{name}` of shape {rows} x {d}", X)


def check_inside(X: Tensor, bounds: Tensor, fixed: Iterable[int], name: str) -> None:
    """Refuse `X`, `(b) x q x d`-dim, if it is not in the box, fixed features apart."""
    lower, upper = bounds
    slack = PROPOSAL.outside * (upper - lower)
    inside = (lower - slack <= X) & (upper + slack >= X)
    inside[..., list(fixed)] = True
    features = (~inside).nonzero()[:, -1].unique().tolist()
    within = f"`{name}` within the bounds {bounds.tolist()}"
    expect(inside.all(), within, f"{X[~inside].tolist()} in features {features}")


def expect(holds: bool | Tensor, what: str, got: object) -> None:
    """Raise `InputDataError` with what was expected and what was got unless it holds."""
    if not holds:
        raise InputDataError(f"Expected {what}, got {got}.")


def refuse(given: bool, why: str) -> None:
    """Raise `UnsupportedError` where something is given that has no meaning."""
    if given:
        raise UnsupportedError(why)


def expect_shape(holds: bool, what: str, X: Tensor, got: str = "") -> None:
    """Raise `BotorchTensorDimensionError` likewise, for the shape of a tensor."""
    if not holds:
        raise BotorchTensorDimensionError(f"Expected {what}, got {got}{tuple(X.shape)}.")

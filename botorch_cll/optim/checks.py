"""What the arguments of the swarm optimizers must look like."""

from __future__ import annotations

from collections.abc import Sequence

from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from torch import Tensor

from botorch_cll.optim.search import SwarmSearch


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


def check_initial_conditions(search: SwarmSearch, X: Tensor) -> Tensor:
    """Return `batch_initial_conditions`, `X`, as a `b x q x d`-dim tensor.

    Raises:
        BotorchTensorDimensionError: They do not have shape `(b) x q x d`.
        InputDataError: They are out of bounds.
    """
    expected = (search.q, search.bounds.shape[-1])
    if X.ndim not in (2, 3) or X.shape[-2:] != expected:
        raise BotorchTensorDimensionError(
            f"Expected `batch_initial_conditions` of shape `(b) x {expected[0]} x {expected[1]}`, "
            f"got {tuple(X.shape)}."
        )
    X = X.detach().to(search.bounds).reshape(-1, *expected)
    check_inside(search, X, name="batch_initial_conditions")
    return X


def check_inside(search: SwarmSearch, X: Tensor, name: str) -> None:
    """Check that `b x q x d`-dim points are within the bounds, fixed features apart.

    Raises:
        InputDataError: They are not, or not numbers; shows the values and their features.
    """
    lower, upper = search.bounds
    slack = 1e-6 * (upper - lower)
    inside = (lower - slack <= X) & (upper + slack >= X)
    inside[..., list(search.fixed_features.values)] = True
    outside = ~inside
    if outside.any():
        raise InputDataError(
            f"Expected `{name}` within the bounds {search.bounds.tolist()}, got "
            f"{X[outside].tolist()} in features {outside.nonzero()[:, -1].unique().tolist()}."
        )


def check_sequence(
    acq_function: AcquisitionFunction | None,
    acq_function_sequence: Sequence[AcquisitionFunction] | None,
    q: int,
    sequential: bool,
) -> None:
    """Check that there is an acquisition function for each step.

    Raises:
        InputDataError: There is none at all, or not one for each of `q > 1` candidates.
        UnsupportedError: There is a sequence, but the candidates are not chosen in sequence.
    """
    if acq_function_sequence is None:
        if acq_function is None:
            raise InputDataError(
                "Expected one of `acq_function` and `acq_function_sequence`, got neither."
            )
    elif not sequential:
        raise UnsupportedError("`acq_function_sequence` requires `sequential=True`.")
    elif q < 2 or len(acq_function_sequence) != q:
        raise InputDataError(
            "Expected `acq_function_sequence` to have one element for each of `q > 1` candidates, "
            f"got {len(acq_function_sequence)} for q={q}."
        )


def check_sequential(
    acq_functions: Sequence[AcquisitionFunction],
    batch_initial_conditions: Tensor | None,
    return_best_only: bool,
) -> None:
    """Check that candidates can be chosen one after the other.

    Raises:
        UnsupportedError: They cannot; names the argument in the way.
    """
    for name, in_the_way in (
        ("`batch_initial_conditions`", batch_initial_conditions is not None),
        ("`return_best_only=False`", not return_best_only),
    ):
        if in_the_way:
            raise UnsupportedError(f"{name} is not supported with `sequential=True`.")
    for acq_function in acq_functions:
        name = type(acq_function).__name__
        if isinstance(acq_function, OneShotAcquisitionFunction):
            raise UnsupportedError(f"One-shot {name} is not supported with `sequential=True`.")
        if not hasattr(acq_function, "X_pending"):
            raise UnsupportedError(
                f"`sequential=True` requires acquisition functions with pending points, got {name}."
            )

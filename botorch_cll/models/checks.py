"""What data and transforms must look like."""

from __future__ import annotations

import warnings

import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from botorch.exceptions.warnings import InputDataWarning, UserInputWarning
from botorch.models.transforms.input import AppendFeatures, InputTransform
from botorch.models.transforms.utils import nanstd
from torch import Tensor

from botorch_cll.data.task_data import TaskData
from botorch_cll.models.tasks import TaskLayout

MIN_STD = 1e-8
"""The least standard deviation of targets that are scaled."""


def check_training_data(
    X: Tensor, Y: Tensor, Yvar: Tensor | None, *, missing: str, long_format: bool
) -> None:
    """Refuse training data that no fit can make sense of, before any work is done.

    With `missing="mask"` NaN in `Y` and `Yvar` are allowed, data in the long format have one column
    of targets. Wrong shapes are a `BotorchTensorDimensionError`, all else an `InputDataError`.
    """
    tensors = {"train_X": X, "train_Y": Y} | ({} if Yvar is None else {"train_Yvar": Yvar})
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise InputDataError(f"Expected {name} to be a tensor, got {type(tensor).__name__}.")
        if tensor.ndim != 2:
            raise BotorchTensorDimensionError(
                f"Expected {name} to be 2-dimensional, got shape {tuple(tensor.shape)}. "
                "An explicit output dimension is required; batches of models are not supported."
            )
    if X.shape[0] != Y.shape[0]:
        raise BotorchTensorDimensionError(
            "Expected train_X and train_Y to have the same number of rows, got "
            f"{X.shape[0]} and {Y.shape[0]}."
        )
    if X.shape[1] == 0 or Y.shape[1] == 0:
        raise BotorchTensorDimensionError(
            "Expected at least one column in train_X and train_Y, got shapes "
            f"{tuple(X.shape)} and {tuple(Y.shape)}."
        )
    if long_format and Y.shape[1] != 1:
        raise BotorchTensorDimensionError(
            f"Expected train_Y of shape n x 1 with a task_feature, got {tuple(Y.shape)}."
        )
    if Yvar is not None and Yvar.shape != Y.shape:
        raise BotorchTensorDimensionError(
            f"Expected train_Yvar of the shape of train_Y, {tuple(Y.shape)}, got "
            f"{tuple(Yvar.shape)}."
        )
    for what in ("dtype", "device"):
        found = {name: getattr(tensor, what) for name, tensor in tensors.items()}
        if len(set(found.values())) > 1:
            raise InputDataError(f"Expected all training data to share one {what}, got {found}.")
    if X.dtype not in (torch.float32, torch.float64):
        raise InputDataError(f"Expected a dtype of single or double precision, got {X.dtype}.")
    if not bool(X.isfinite().all()):
        raise InputDataError(
            "Expected finite train_X, got "
            f"{int((~X.isfinite()).sum())} entries that are NaN or infinite."
        )
    if bool(Y.isinf().any()):
        raise InputDataError(f"Expected finite train_Y, got {int(Y.isinf().sum())} infinities.")
    if missing == "raise" and bool(Y.isnan().any()):
        raise InputDataError(
            f"Expected no NaN in train_Y, got {int(Y.isnan().sum())}. Pass missing='mask' if NaN "
            "stands for a task that was not observed at that point."
        )
    if Yvar is not None:
        check_noise("train_Yvar", Yvar)
        if missing == "raise" and bool(Yvar.isnan().any()):
            raise InputDataError(
                f"Expected no NaN in train_Yvar, got {int(Yvar.isnan().sum())}. Pass "
                "missing='mask' if NaN stands for an unknown variance."
            )
    count = int((~Y.isnan()).sum())
    if count < 2:
        raise InputDataError(f"Expected at least 2 observations, got {count}.")


def check_finite(Y: Tensor, missing: Tensor) -> None:
    """Refuse a transformed target that is not missing and no finite number."""
    broken = ~Y.isfinite() & ~missing
    if bool(broken.any()):
        raise InputDataError(
            "Expected finite targets, also on the scale of the outcome transform, got "
            f"{int(broken.sum())} that are NaN or infinite."
        )


def check_noise(name: str, variance: Tensor) -> None:
    """Refuse a noise variance that is negative or infinite; NaN may be unknown."""
    broken = (variance < 0) | variance.isinf()
    if bool(broken.any()):
        raise InputDataError(
            f"Expected non-negative, finite {name}, got {variance[broken][0].item():g}."
        )


def appends_features(input_transform: InputTransform) -> bool:
    """Whether a transform adds columns to points that training inputs have already."""
    return any(
        isinstance(module, AppendFeatures) and not module.transform_on_train
        for module in input_transform.modules()
    )


def check_input_transform(input_transform: InputTransform, long_format: bool) -> None:
    """Refuse a transform that cannot be served; warn of parameters that no fit changes."""
    if any(parameter.requires_grad for parameter in input_transform.parameters()):
        warnings.warn(
            "Expected an input transform without parameters to learn, got a "
            f"{type(input_transform).__name__}: no fit changes them, they stay as they are.",
            UserInputWarning,
            stacklevel=6,
        )
    if long_format and appends_features(input_transform):
        raise UnsupportedError(
            "Expected no AppendFeatures with a task_feature, got both: use the wide format."
        )


def warn_of_tiny_targets(data: TaskData, tasks: TaskLayout) -> None:
    """Warn of tasks that vary too little for `Standardize` to scale them."""
    tiny = (data.varies & (nanstd(data.Y, dim=0) < MIN_STD)).nonzero().flatten().tolist()
    if tiny:
        warnings.warn(
            f"Expected targets with a standard deviation of at least {MIN_STD}, got less for "
            f"tasks {[tasks.values[i] for i in tiny]}: they are not scaled. Give them in "
            "a smaller unit.",
            InputDataWarning,
            stacklevel=6,
        )


def check_observations(
    X: Tensor, Y: Tensor, noise: Tensor | None, num_columns: int, batch_shape: torch.Size
) -> torch.Size:
    """Refuse further observations that no model can be conditioned on.

    `X` is `batch_shape' x n' x d`-dim. What is returned is the batch shape that the model, of
    `batch_shape` before, has after the observations.
    """
    if not bool(X.isfinite().all()):
        raise InputDataError(
            f"Expected finite X, got {int((~X.isfinite()).sum())} entries that are NaN or infinite."
        )
    if Y.ndim < 2 or Y.shape[-2:] != (X.shape[-2], num_columns):
        raise BotorchTensorDimensionError(
            f"Expected Y of shape batch_shape x {X.shape[-2]} x {num_columns}, got "
            f"{tuple(Y.shape)} for X of shape {tuple(X.shape)}."
        )
    try:
        batch = torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2], batch_shape)
    except RuntimeError as error:
        raise BotorchTensorDimensionError(
            f"Expected batch shapes that broadcast, got {tuple(X.shape[:-2])} of X, "
            f"{tuple(Y.shape[:-2])} of Y and {tuple(batch_shape)} of the model."
        ) from error
    if noise is not None:
        target = (*batch, *Y.shape[-2:])
        if not _broadcasts_to(noise.shape, target):
            raise BotorchTensorDimensionError(
                f"Expected noise that broadcasts to shape {target}, got {tuple(noise.shape)}."
            )
        check_noise("noise", noise)
    return batch


def _broadcasts_to(shape: torch.Size, target: tuple[int, ...]) -> bool:
    try:
        return torch.broadcast_shapes(shape, target) == target
    except RuntimeError:
        return False

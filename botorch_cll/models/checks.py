"""What data and transforms must look like."""

import warnings
from typing import Any

import torch
from botorch.exceptions import BotorchTensorDimensionError, InputDataError, UnsupportedError
from botorch.exceptions.warnings import InputDataWarning, UserInputWarning
from botorch.models.transforms.input import AppendFeatures, InputTransform
from botorch.models.transforms.utils import nanstd
from torch import Tensor

from botorch_cll.data import TaskData
from botorch_cll.models.tasks import TaskLayout

MIN_STD = 1e-8  #: the least standard deviation of targets that are scaled


def check_tensor(name: str, value: Any) -> None:
    """Refuse what is no tensor."""
    if not isinstance(value, Tensor):
        raise InputDataError(f"Expected {name} to be a tensor, got {type(value).__name__}.")


def check_entries(broken: Tensor, expected: str, found: str) -> None:
    """Refuse a tensor with broken entries, and say how many there are."""
    if bool(broken.any()):
        raise InputDataError(f"Expected {expected}, got {int(broken.sum())}{found}.")


def check_finite(Y: Tensor, missing: Tensor) -> None:
    """Refuse a transformed target that is not missing and no finite number."""
    expected = "finite targets, also on the scale of the outcome transform"
    check_entries(~Y.isfinite() & ~missing, expected, " that are NaN or infinite")


def check_noise(name: str, variance: Tensor) -> None:
    """Refuse a noise variance that is negative or infinite; NaN may be unknown."""
    broken = (variance < 0) | variance.isinf()
    if bool(broken.any()):
        found = variance[broken][0].item()
        raise InputDataError(f"Expected non-negative, finite {name}, got {found:g}.")


def check_training_data(
    X: Tensor, Y: Tensor, Yvar: Tensor | None, *, missing: str, long_format: bool
) -> None:
    """Refuse training data that no fit can make sense of, before any work is done.

    With `missing="mask"` NaN in `Y` and `Yvar` are allowed, data in the long format have one column
    of targets. Wrong shapes are a `BotorchTensorDimensionError`, all else an `InputDataError`.
    """
    tensors = {"train_X": X, "train_Y": Y} | ({} if Yvar is None else {"train_Yvar": Yvar})
    for name, tensor in tensors.items():
        check_tensor(name, tensor)
        if tensor.ndim != 2:
            raise BotorchTensorDimensionError(
                f"Expected {name} to be 2-dimensional, got shape {tuple(tensor.shape)}. "
                "An explicit output dimension is required; batches of models are not supported."
            )
    wrong = None
    if X.shape[0] != Y.shape[0]:
        wrong = f"train_X and train_Y to have the same number of rows, got {len(X)} and {len(Y)}."
    elif X.shape[1] == 0 or Y.shape[1] == 0:
        shapes = f"{tuple(X.shape)} and {tuple(Y.shape)}"
        wrong = f"at least one column in train_X and train_Y, got shapes {shapes}."
    elif long_format and Y.shape[1] != 1:
        wrong = f"train_Y of shape n x 1 with a task_feature, got {tuple(Y.shape)}."
    elif Yvar is not None and Yvar.shape != Y.shape:
        shape = tuple(Y.shape)
        wrong = f"train_Yvar of the shape of train_Y, {shape}, got {tuple(Yvar.shape)}."
    if wrong is not None:
        raise BotorchTensorDimensionError(f"Expected {wrong}")
    for what in ("dtype", "device"):
        found = {name: getattr(tensor, what) for name, tensor in tensors.items()}
        if len(set(found.values())) > 1:
            raise InputDataError(f"Expected all training data to share one {what}, got {found}.")
    if X.dtype not in (torch.float32, torch.float64):
        raise InputDataError(f"Expected a dtype of single or double precision, got {X.dtype}.")
    check_entries(~X.isfinite(), "finite train_X", " entries that are NaN or infinite")
    check_entries(Y.isinf(), "finite train_Y", " infinities")
    hint = ". Pass missing='mask' if NaN stands for "
    if missing == "raise":
        not_observed = hint + "a task that was not observed at that point"
        check_entries(Y.isnan(), "no NaN in train_Y", not_observed)
    if Yvar is not None:
        check_noise("train_Yvar", Yvar)
        if missing == "raise":
            check_entries(Yvar.isnan(), "no NaN in train_Yvar", hint + "an unknown variance")
    count = int((~Y.isnan()).sum())
    if count < 2:
        raise InputDataError(f"Expected at least 2 observations, got {count}.")


def appends_features(input_transform: InputTransform) -> bool:
    """Whether a transform adds columns to points that training inputs have already."""
    added = (module for module in input_transform.modules() if isinstance(module, AppendFeatures))
    return any(not module.transform_on_train for module in added)


def check_input_transform(input_transform: InputTransform, long_format: bool) -> None:
    """Refuse a transform that cannot be served; warn of parameters that no fit changes."""
    if any(parameter.requires_grad for parameter in input_transform.parameters()):
        warnings.warn(
            "Expected an input transform without parameters to learn, got a "
            f"{type(input_transform).__name__}: no fit changes them, they stay as they are.",
            UserInputWarning,
            stacklevel=5,
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
    """Refuse further observations that no model can be conditioned on; else the new batch shape."""
    check_entries(~X.isfinite(), "finite X", " entries that are NaN or infinite")
    if Y.ndim < 2 or Y.shape[-2:] != (X.shape[-2], num_columns):
        raise BotorchTensorDimensionError(
            f"Expected Y of shape batch_shape x {X.shape[-2]} x {num_columns}, got "
            f"{tuple(Y.shape)} for X of shape {tuple(X.shape)}."
        )
    batch = _broadcast(X.shape[:-2], Y.shape[:-2], batch_shape)
    if batch is None:
        raise BotorchTensorDimensionError(
            f"Expected batch shapes that broadcast, got {tuple(X.shape[:-2])} of X, "
            f"{tuple(Y.shape[:-2])} of Y and {tuple(batch_shape)} of the model."
        )
    if noise is not None:
        target = (*batch, *Y.shape[-2:])
        if _broadcast(noise.shape, target) != target:
            raise BotorchTensorDimensionError(
                f"Expected noise that broadcasts to shape {target}, got {tuple(noise.shape)}."
            )
        check_noise("noise", noise)
    return batch


def _broadcast(*shapes: tuple[int, ...]) -> torch.Size | None:
    try:
        return torch.broadcast_shapes(*shapes)
    except RuntimeError:
        return None

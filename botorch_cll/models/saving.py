"""Models in files: configuration, training data and state, safe to load."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from botorch.exceptions import InputDataError, UnsupportedError
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT

from botorch_cll.files import atomic_write
from botorch_cll.models.baselines import RegularizedMultiTaskRBFModel, SingleRBFModel
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.models.multi_rbf import MultiRBFCorrelationModel

_FORMAT = 4
_READ_FORMATS = (3, _FORMAT)
_CLASSES: dict[str, type[RBFEnsembleModel]] = {
    cls.__name__: cls
    for cls in (MultiRBFCorrelationModel, RegularizedMultiTaskRBFModel, SingleRBFModel)
}
_TRANSFORMS = ("input_transform", "outcome_transform")


def save_model(model: RBFEnsembleModel, path: str | PathLike[str]) -> None:
    """Write a model to a file: its configuration, training data and state.

    The file holds tensors and plain values only, so `torch.load(path, weights_only=True)` reads it,
    and it is complete or not there at all. Transforms other than the default one are objects of
    other libraries: their state is saved, they themselves are given again to `load_model`.

    Args:
        model: A model of this package, fitted or not.
        path: The file, in a folder that exists, else a `FileNotFoundError` is raised.

    Raises:
        UnsupportedError: If the class of the model is not one of this package's, or the model was
            conditioned on further observations.
    """
    name = type(model).__name__
    if _CLASSES.get(name) is not type(model):
        raise UnsupportedError(f"Expected a model out of {sorted(_CLASSES)}, got a {name}.")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Expected a folder for {path.name}, found none at {path.parent}.")
    content = {
        "format": _FORMAT,
        "class": name,
        "options": model.options,
        "data": {"X": model.train_X, "Y": model.train_Y, "Yvar": model.train_Yvar},
        "outputs": list(model.tasks.outputs),
        "transforms": {key: _kind(model, key) for key in _TRANSFORMS},
        "state": model.state_dict(),
    }
    with atomic_write(path) as file:
        torch.save(content, file)


def load_model(
    path: str | PathLike[str],
    input_transform: InputTransform | None = None,
    outcome_transform: OutcomeTransform | None = None,
    map_location: torch.device | str | None = None,
) -> RBFEnsembleModel:
    """Read a model that `save_model` wrote, in evaluation mode; its posterior is bitwise the same.

    Args:
        path: The file.
        input_transform: A transform of the class that the saved model had, if it had one.
        outcome_transform: The same, if it had another one than the default.
        map_location: The device to load to, as in `torch.load`.

    Raises:
        InputDataError: If the file is not one of `save_model`'s.
        UnsupportedError: If a transform is not of the class that the saved model had.
    """
    expected = f"Expected a file written by save_model (format {_FORMAT}): {path}."
    try:
        content = torch.load(path, weights_only=True, map_location=map_location)
    except OSError:
        raise
    except Exception as error:  # of whatever kind: the file may hold anything
        raise InputDataError(expected) from error
    if not isinstance(content, dict) or content.get("format") not in _READ_FORMATS:
        raise InputDataError(expected)
    given = {"input_transform": input_transform, "outcome_transform": outcome_transform}
    transforms = {
        key: _check_transform(key, kind, given[key]) for key, kind in content["transforms"].items()
    }
    data = {f"train_{name}": tensor for name, tensor in content["data"].items()}
    model = _CLASSES[content["class"]](**data, **content["options"], **transforms)
    model.load_state_dict(content["state"])
    return model.subset_output(content["outputs"]).eval()


def _kind(model: RBFEnsembleModel, key: str) -> str | None:
    """The name of a transform's class, `"default"` or `None`."""
    if key == "outcome_transform" and model.has_default_outcome_transform:
        return "default"
    return type(getattr(model, key)).__name__ if hasattr(model, key) else None


def _check_transform(key: str, kind: str | None, transform: Any) -> Any:
    if kind == "default" and transform is None:
        return DEFAULT
    found = None if transform is None else type(transform).__name__
    expected = None if kind == "default" else kind
    if found != expected:
        raise UnsupportedError(
            f"Expected {key} to be {expected or 'left out'}, as in the saved model, got {found}."
        )
    return transform

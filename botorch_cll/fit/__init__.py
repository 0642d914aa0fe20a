"""Fitting the surrogates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from botorch.exceptions.errors import UnsupportedError
from torch import Tensor

from botorch_cll.fit.gradient import GradientOptions, fit_gradient
from botorch_cll.fit.two_stage import TwoStageOptions, fit_two_stage
from botorch_cll.models.ensemble import RBFEnsembleModel

__all__ = ["GradientOptions", "TwoStageOptions", "fit_rbf_ensemble"]

_OPTIONS: dict[str, type[TwoStageOptions] | type[GradientOptions]] = {
    "two_stage": TwoStageOptions,
    "gradient": GradientOptions,
}

ModelT = TypeVar("ModelT", bound=RBFEnsembleModel)


def fit_rbf_ensemble(
    model: ModelT,
    method: str = "two_stage",
    options: TwoStageOptions | GradientOptions | None = None,
    warm_start: RBFEnsembleModel | Mapping[str, Tensor] | None = None,
) -> ModelT:
    """Fit a surrogate of this package.

    `"two_stage"`: centers, widths and ridge of the hidden layer are chosen by leave-one-out error
    among random and then refined settings, the output weights are exact, and the correlation layer
    is trained on predictions of rows not seen. `"gradient"` is the procedure of Xu, Luo, Li and
    Cao (2023): k-means centers, then Adam on all parameters. Both work on all restarts and tasks at
    once, give each restart its own random share of the rows, and fit the variance of the ensemble
    to the rows left out.

    The same model, data and seed give the same bits, and PyTorch's global random state is not used.

    Args:
        model: The model. Its parameters are replaced.
        method: `"two_stage"` or `"gradient"`.
        options: Options of the method; its defaults if omitted.
        warm_start: A model fitted before, or its `state_dict`, to start from: one of the same input
            dimension, whatever its numbers of rows, tasks, restarts and centers. The search of the
            two-stage fit then starts from its settings and tries a fifth as many new ones.

    Returns:
        The model, fitted and in evaluation mode.

    Raises:
        UnsupportedError: If the model is not of this package, was conditioned on further
            observations or belongs to `torch.inference_mode`, the method is not known, the options
            are not its own, or there is no starting from `warm_start`.

    Example:
        >>> model = fit_rbf_ensemble(MultiRBFCorrelationModel(train_X, train_Y))
    """
    if not isinstance(model, RBFEnsembleModel):
        raise UnsupportedError(f"Expected an RBFEnsembleModel, got {type(model).__name__}.")
    model.check_not_conditioned()
    if torch.is_inference_mode_enabled() or model.train_X.is_inference():
        raise UnsupportedError(
            "Expected a model that is made and fitted outside of torch.inference_mode, whose "
            "tensors have no gradients, got one within. torch.no_grad makes no difference."
        )
    if not isinstance(warm_start, RBFEnsembleModel | Mapping | None):
        raise UnsupportedError(
            "Expected warm_start to be an RBFEnsembleModel or its state_dict, got "
            f"{type(warm_start).__name__}."
        )
    if method not in _OPTIONS:
        raise UnsupportedError(f"Expected method in {sorted(_OPTIONS)}, got {method!r}.")
    options = _OPTIONS[method]() if options is None else options
    if not isinstance(options, _OPTIONS[method]):
        raise UnsupportedError(
            f"Expected options of class {_OPTIONS[method].__name__} for method {method!r}, got "
            f"{type(options).__name__}."
        )
    if isinstance(options, TwoStageOptions):
        fit_two_stage(model, options, warm_start)
    elif warm_start is None:
        fit_gradient(model, options)
    else:
        raise UnsupportedError("Expected no warm_start for method 'gradient', got one.")
    model.is_fitted.fill_(True)
    return model.eval()

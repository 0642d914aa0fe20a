"""One call that fits a model of this package."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

import torch
from botorch.exceptions import InputDataWarning, UnsupportedError
from torch import Tensor, nn

from botorch_cll.data import TaskData
from botorch_cll.ensemble import Architecture, FittedEnsemble
from botorch_cll.fit.gradient import fit_gradient
from botorch_cll.fit.hidden_settings import known_settings
from botorch_cll.fit.options import GradientOptions, TwoStageOptions
from botorch_cll.fit.two_stage import fit_two_stage

_Options = type[TwoStageOptions] | type[GradientOptions]
_OPTIONS: dict[str, _Options] = {"two_stage": TwoStageOptions, "gradient": GradientOptions}


class EnsembleHolder(ABC):
    """What a fit asks of a model: data, what to fit to them, and to hold what comes of it."""

    fitted: FittedEnsemble | None  #: what it predicts with
    input_scale: Tensor  #: `d`, the sides of the box that is the unit cube

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """What kind of ensemble to fit."""

    @property
    @abstractmethod
    def data(self) -> TaskData:
        """The training data, inputs in the unit cube, outcomes transformed."""

    @property
    @abstractmethod
    def task_values(self) -> tuple[int, ...]:
        """What users call the tasks."""

    @abstractmethod
    def check_not_conditioned(self) -> None:
        """Raise an `UnsupportedError` if the model knows more than its training data."""

    @abstractmethod
    def hold(self, fitted: FittedEnsemble | None) -> None:
        """Predict with an ensemble from now on, `None` for none."""


ModelT = TypeVar("ModelT", bound=EnsembleHolder)


def fit_rbf_ensemble(
    model: ModelT,
    method: str = "two_stage",
    options: TwoStageOptions | GradientOptions | None = None,
    warm_start: EnsembleHolder | Mapping[str, Tensor] | None = None,
) -> ModelT:
    """Fit a surrogate of this package.

    `"two_stage"`: centers, widths and ridge of the hidden layer are chosen by leave-one-out error
    among random and then refined settings, the output weights are exact, and the correlation layer
    is trained on predictions of rows not seen. `"gradient"` is the procedure of Xu, Luo, Li and
    Cao (2023): k-means centers, then Adam on all parameters. Both work on all restarts and tasks at
    once, give each restart its own random share of the rows, and fit the variance of the ensemble
    to the rows left out. The same model, data and seed give the same bits, and PyTorch's global
    random state is not used.

    Args:
        model: The model. What it has been fitted to before is replaced.
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
    if not isinstance(model, EnsembleHolder):
        raise UnsupportedError(f"Expected an RBFEnsembleModel, got {type(model).__name__}.")
    model.check_not_conditioned()
    data, architecture = model.data, model.architecture
    if torch.is_inference_mode_enabled() or data.Y.is_inference():
        raise UnsupportedError(
            "Expected a model that is made and fitted outside of torch.inference_mode, whose "
            "tensors have no gradients, got one within. torch.no_grad makes no difference."
        )
    if not isinstance(warm_start, EnsembleHolder | Mapping | None):
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
    generator = torch.Generator().manual_seed(architecture.seed)
    if isinstance(options, TwoStageOptions):
        known = None
        if warm_start is not None:
            state = warm_start.state_dict() if isinstance(warm_start, nn.Module) else warm_start
            assert isinstance(state, Mapping)
            known = known_settings(state, model.input_scale, architecture.coupling.num_ridges)
        fitted = fit_two_stage(data, architecture, options, generator, known)
    elif warm_start is None:
        callback, before = options.callback, model.fitted

        def report(step: int, ensemble: FittedEnsemble) -> None:
            if callback is not None:
                model.hold(ensemble)
                callback(step, model)

        try:
            fitted = fit_gradient(data, architecture, options, generator, report)
        except BaseException:
            # What was shown to the callback is neither trained to the end nor calibrated.
            model.hold(before)
            raise
    else:
        raise UnsupportedError("Expected no warm_start for method 'gradient', got one.")
    model.hold(fitted)
    _warn_of_uncalibrated(model, data, fitted)
    return model


def _warn_of_uncalibrated(model: EnsembleHolder, data: TaskData, fitted: FittedEnsemble) -> None:
    """Warn where there was no prediction of a task to calibrate by."""
    assert fitted.left_out is not None
    without = data.observed.any(0) & fitted.left_out[0].isnan().all(-1)
    if bool(without.any()):
        tasks = [model.task_values[i] for i in without.nonzero().flatten().tolist()]
        warnings.warn(
            "Expected observations that at least two members were not fitted to (one, if there is "
            f"no other), got none of tasks {tasks}: their noise and intervals are not calibrated. "
            "Choose a smaller sample_fraction or more restarts.",
            InputDataWarning,
            stacklevel=3,
        )

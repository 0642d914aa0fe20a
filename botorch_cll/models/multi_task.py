"""Multi-task data on one side, a posterior made of ensemble members on the other."""

import copy
from abc import ABC, abstractmethod
from typing import Any, Self

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions import BotorchTensorDimensionError, InputDataError, UnsupportedError
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform, Standardize
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor, nn

from botorch_cll.data import TaskData
from botorch_cll.models.checks import (
    MIN_STD,
    appends_features,
    check_entries,
    check_input_transform,
    check_noise,
    check_tensor,
    check_training_data,
    warn_of_tiny_targets,
)
from botorch_cll.models.data_sets import FromDataSets
from botorch_cll.models.outcomes import OutcomeScale
from botorch_cll.models.tasks import TaskLayout
from botorch_cll.posteriors import MemberPosterior, TransformedMemberPosterior


class MultiTaskEnsembleModel(FromDataSets, ABC):
    """What BoTorch sees of an ensemble over several tasks, whatever its members are.

    It brings training data in the wide or the long format into one form, applies transforms, and
    makes the posterior from the members' values, which `forward` gives in the scale of the
    transformed outcomes for all tasks. The arguments are those of `RBFEnsembleModel`.
    """

    _appends_features = False

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None,
        task_feature: int | None,
        output_tasks: list[int] | None,
        all_tasks: list[int] | None,
        missing: str,
        input_transform: InputTransform | None,
        outcome_transform: OutcomeTransform | _DefaultType | None,
    ) -> None:
        super().__init__()
        if missing not in ("raise", "mask"):
            raise UnsupportedError(f"Expected missing to be 'raise' or 'mask', got {missing!r}.")
        self.missing, is_long = missing, task_feature is not None
        check_training_data(train_X, train_Y, train_Yvar, missing=missing, long_format=is_long)
        self.tasks = TaskLayout.of(train_X, train_Y, task_feature, output_tasks, all_tasks)
        for name, transform, kind in (
            ("input_transform", input_transform, InputTransform),
            ("outcome_transform", outcome_transform, (OutcomeTransform, _DefaultType)),
        ):
            if transform is not None and not isinstance(transform, kind):
                raise UnsupportedError(f"Expected {name} to be one of BoTorch, got {transform!r}.")
        if input_transform is not None:
            check_input_transform(input_transform, is_long)
            self._appends_features = appends_features(input_transform)
            self.input_transform = input_transform.to(train_X)
        self.has_default_outcome_transform = outcome_transform is DEFAULT
        # A transform given with long data was made for its single column of targets.
        self._transform_is_long = is_long and not self.has_default_outcome_transform
        if self.has_default_outcome_transform:
            self.outcome_transform = Standardize(m=self.num_tasks, min_stdv=MIN_STD)
        elif outcome_transform is not None:
            self.outcome_transform = outcome_transform
        for name, tensor in (("X", train_X), ("Y", train_Y), ("Yvar", train_Yvar)):
            copied = None if tensor is None else tensor.detach().clone()
            self.register_buffer(f"train_{name}", copied, persistent=False)
        with torch.no_grad():
            self._set_rows()

    def _set_rows(self) -> None:
        """Transform the training data and bring them into canonical order."""
        X, Y, Yvar = self.transform_inputs(self.train_X), self.train_Y, self.train_Yvar
        if X.shape[:-1] != self.train_X.shape[:-1]:
            raise UnsupportedError(
                "Expected an input transform that keeps the number of training rows, got "
                f"{len(X)} rows from {len(self.train_X)}."
            )
        expected = "finite inputs from the input transform"
        check_entries(~X.isfinite(), expected, " that are NaN or infinite")
        if self._transform_is_long:
            Y, Yvar = self._outcomes.learn(Y, Yvar, X)
        if self.tasks.feature is None:
            data = TaskData.from_wide(X, Y, Yvar)
        else:
            keep, task = ~Y[:, 0].isnan(), self.tasks.index(self.train_X)
            inputs, noise = self.tasks.without_task(X), None if Yvar is None else Yvar[keep, 0]
            data = TaskData.from_long(inputs[keep], task[keep], Y[keep, 0], noise, self.num_tasks)
        if self.has_default_outcome_transform:
            warn_of_tiny_targets(data, self.tasks)
        self.register_buffer("rows_fingerprint", data.fingerprint())
        Y, Yvar = data.Y, data.Yvar
        if not self._transform_is_long:
            Y, Yvar = self._outcomes.learn(Y, Yvar, data.X)
        rows = {"_rows_X": data.X, "_rows_Y": Y, "_rows_Yvar": Yvar, "_row": data.row}
        for name, tensor in rows.items():
            self.register_buffer(name, tensor, persistent=False)
        low, high = data.X.amin(0), data.X.amax(0)
        self.register_buffer("input_offset", low)
        self.register_buffer("input_scale", torch.where(high > low, high - low, 1.0))

    @property
    def num_tasks(self) -> int:
        """The number `T` of tasks that are modelled."""
        return len(self.tasks.values)

    @property
    def num_outputs(self) -> int:
        """The number `m` of outputs."""
        return len(self.tasks.outputs)

    @property
    def output_tasks(self) -> list[int]:
        """The task values of the outputs; in the wide format the columns of `train_Y`."""
        return [self.tasks.values[i] for i in self.tasks.outputs]

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        feature = self.tasks.feature
        all_tasks = None if feature is None else list(self.tasks.values)
        return {"task_feature": feature, "all_tasks": all_tasks, "missing": self.missing}

    @property
    def train_inputs(self) -> tuple[Tensor]:
        """The training inputs as they were given, before any transform."""
        return (self.train_X,)

    @property
    @abstractmethod
    def noise(self) -> Tensor:
        """A `T`-dim tensor of noise variances in the scale of the transformed outcomes."""

    @property
    def data(self) -> TaskData:
        """The training data in canonical order, inputs in the unit cube, outcomes transformed."""
        return TaskData(self._to_unit_cube(self._rows_X), self._rows_Y, self._rows_Yvar, self._row)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; the data stay as they are, so there is nothing to convert."""
        return nn.Module.train(self, mode)

    def eval(self) -> Self:
        """Set the evaluation mode."""
        return nn.Module.train(self, False)

    @abstractmethod
    def forward(self, X: Tensor) -> Tensor:
        """The members' values at transformed inputs: `S x q x T`, in the scale of the outcomes."""

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior:
        """The posterior at `X`.

        Args:
            X: A `batch_shape x q x d`-dim tensor of inputs in the scale of `train_X`. In the long
                format it may hold the task column; the posterior then has one output, each
                point's own task.
            output_indices: The outputs wanted; all if omitted.
            observation_noise: Whether to add the observation noise; or a tensor of noise variances
                in the scale of the transformed outcomes that broadcasts to
                `batch_shape x q x m`, with `m` = 1 where `X` holds the task column.
            posterior_transform: A posterior transform. It acts on the members where there is no
                observation noise, on the Gaussian of the posterior where there is.

        Returns:
            A `MemberPosterior` of shape `batch_shape x q x m`, or what the transform makes of it.

        Raises:
            ModelFittingError: If the model has not been fitted.
            BotorchTensorDimensionError: If `X` has the wrong number of columns.
            InputDataError: If `X` has another dtype than the model, or a noise variance is negative
                or infinite.
        """
        self._check_fitted()
        task = self._check_inputs(X)
        if task is not None and output_indices is not None:
            raise UnsupportedError(
                f"Expected no output_indices where X holds the task column, got {output_indices}."
            )
        columns = list(self.tasks.subset(output_indices).outputs)
        self.eval()
        X = self._transformed(X, with_task=task is not None)
        latent, outcomes = self.forward(self.tasks.without_task(X)), self._outcomes
        noise_std = self._noise_std(observation_noise, latent, with_task=task is not None)
        values = outcomes.invert(latent, X.unsqueeze(-3))
        values = _choose(values, columns, None if task is None else task.unsqueeze(-2))
        noise = latent_noise = None
        if noise_std is not None:
            latent_noise = noise_std.square()
            noise = outcomes.invert_moments(latent.mean(-3), noise_std, X)[1].square()
            noise = _choose(noise, columns, task)
        if posterior_transform is not None:
            if noise is not None:
                return posterior_transform(MemberPosterior(values, noise=noise), X)
            q_and_m = values.ndim
            values = posterior_transform.evaluate(values, X.unsqueeze(-3))
            return MemberPosterior(values.unsqueeze(-1) if values.ndim < q_and_m else values)
        if outcomes.is_affine:
            return MemberPosterior(values, noise=noise)
        return TransformedMemberPosterior(
            values,
            noise,
            MemberPosterior(latent, latent_noise),
            lambda samples: _choose(outcomes.invert(samples, X), columns, task),
        )

    def subset_output(self, idcs: list[int]) -> Self:
        """The model of some of the outputs, in that order; it shares no state with this one.

        Args:
            idcs: Indices of outputs; an `UnsupportedError` if one is out of range.
        """
        tasks = self.tasks.subset(idcs)
        subset = copy.deepcopy(self)
        subset.tasks = tasks
        return subset

    @property
    def _outcomes(self) -> OutcomeScale:
        transform = getattr(self, "outcome_transform", None)
        return OutcomeScale(transform, self.tasks, self._transform_is_long)

    @abstractmethod
    def _check_fitted(self) -> object:
        """Raise a `ModelFittingError` unless the model has been fitted."""

    def _check_inputs(self, X: Tensor) -> Tensor | None:
        """Check inputs; return the positions of their tasks if they hold a task column."""
        check_tensor("X", X)
        width = self.train_X.shape[-1]
        widths = [width] if self.tasks.feature is None else [width - 1, width]
        # What a transform appends is known once it has been applied.
        if X.ndim < 2 or (X.shape[-1] not in widths and not self._appends_features):
            raise BotorchTensorDimensionError(
                f"Expected X of shape batch_shape x q x d with d in {widths}, got {tuple(X.shape)}."
            )
        if X.dtype != self.train_X.dtype:
            raise InputDataError(f"Expected X of dtype {self.train_X.dtype}, got {X.dtype}.")
        if self.tasks.feature is None or X.shape[-1] < width:
            return None
        return self.tasks.index(X)

    def _transformed(self, X: Tensor, with_task: bool) -> Tensor:
        """Transformed inputs, in the long format with a task column."""
        given = X if with_task else self.tasks.with_task(X, self.output_tasks[0])
        X_tf, width = self.transform_inputs(given), self._rows_X.shape[-1]
        if self._appends_features and X_tf.shape[-1] != width:
            raise BotorchTensorDimensionError(
                f"Expected X of shape batch_shape x q x d with d = {width} after "
                f"the input transform, got {X_tf.shape[-1]} from shape {tuple(X.shape)}."
            )
        return X_tf

    def _to_unit_cube(self, X: Tensor) -> Tensor:
        return (X - self.input_offset) / self.input_scale

    def _noise_std(
        self, observation_noise: bool | Tensor, values: Tensor, with_task: bool
    ) -> Tensor | None:
        """Noise standard deviations of all tasks in the scale of the transformed outcomes."""
        shape = (*values.shape[:-3], *values.shape[-2:])
        if isinstance(observation_noise, bool):
            return self.noise.sqrt().expand(shape) if observation_noise else None
        if not isinstance(observation_noise, Tensor):
            raise UnsupportedError(
                f"Expected observation_noise to be a bool or a tensor, got {observation_noise!r}."
            )
        num_columns = 1 if with_task else self.num_outputs
        if observation_noise.ndim > 0 and observation_noise.shape[-1] not in (1, num_columns):
            raise BotorchTensorDimensionError(
                f"Expected observation_noise with {num_columns} columns, got shape "
                f"{tuple(observation_noise.shape)}."
            )
        check_noise("observation_noise", observation_noise)
        std = values.new_zeros(shape)
        # Where points hold their task, the noise of a point is in the column of its own task too.
        columns = range(self.num_tasks) if with_task else self.tasks.outputs
        std[..., list(columns)] = observation_noise.sqrt().expand(*shape[:-1], len(columns))
        return std


def _choose(values: Tensor, columns: list[int], task: Tensor | None) -> Tensor:
    """Columns of values of all tasks, or for each row that of its own task."""
    if task is None:
        return values[..., columns]
    return values.gather(-1, task.unsqueeze(-1).expand(*values.shape[:-1], 1))

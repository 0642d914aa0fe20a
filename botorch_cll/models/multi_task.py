"""Multi-task data on one side, a posterior made of ensemble members on the other."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Self

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    UnsupportedError,
)
from botorch.exceptions.warnings import InputDataWarning, UserInputWarning
from botorch.models.model import Model
from botorch.models.transforms.input import AppendFeatures, InputTransform
from botorch.models.transforms.outcome import OutcomeTransform, Standardize
from botorch.models.transforms.utils import nanstd
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor, nn

from botorch_cll.models.data import TaskData, check_finite, check_noise, check_training_data
from botorch_cll.models.tasks import TaskLayout
from botorch_cll.posteriors import MemberPosterior, TransformedMemberPosterior

_MIN_STD = 1e-8


class MultiTaskEnsembleModel(Model, ABC):
    """What BoTorch sees of an ensemble over several tasks, whatever its members are.

    It brings training data in the wide or the long format into one form, applies transforms, and
    makes the posterior from the members' values, which `forward` gives in the scale of the
    transformed outcomes for all tasks. A subclass also has `noise`, a `T`-dim tensor of noise
    variances in that scale.

    Args:
        train_X: A `n x d`-dim tensor of inputs, in any scale; with a `task_feature` a
            `n x (d + 1)`-dim tensor.
        train_Y: A `n x T`-dim tensor of targets; with a `task_feature` a `n x 1`-dim tensor.
        train_Yvar: A tensor of the shape of `train_Y` of known noise variances, in the squared unit
            of the targets. With `missing="mask"` NaN stands for a variance to be inferred.
        task_feature: The column of `train_X` that holds the task, for data in the long format.
        output_tasks: The task values to model outputs for (long format); all if omitted.
        all_tasks: All task values (long format), those in `train_X` if omitted. Tasks without data
            are modelled through the others.
        missing: `"raise"`, or `"mask"` if NaN in `train_Y` stands for a task not observed there.
        input_transform: A BoTorch input transform. No fit changes its parameters, such as those of
            a `Warp`.
        outcome_transform: A BoTorch outcome transform; standardizes every task if omitted.
            `None` for none.

    Raises:
        BotorchTensorDimensionError: If a shape is not as above.
        InputDataError: If the data cannot be fitted; see `check_training_data`.
        UnsupportedError: If task arguments contradict each other or the data, or a transform is
            not one of BoTorch.
    """

    noise: Tensor
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
        check_training_data(
            train_X, train_Y, train_Yvar, missing=missing, long_format=task_feature is not None
        )
        self.missing = missing
        if task_feature is not None:
            self.tasks = TaskLayout.long(train_X, task_feature, output_tasks, all_tasks)
        elif output_tasks is not None or all_tasks is not None:
            raise UnsupportedError(
                "output_tasks and all_tasks need a task_feature; in the wide format choose "
                "outputs with subset_output."
            )
        else:
            self.tasks = TaskLayout.wide(train_Y.shape[-1])
        for name, transform, kind in (
            ("input_transform", input_transform, InputTransform),
            ("outcome_transform", outcome_transform, (OutcomeTransform, _DefaultType)),
        ):
            if transform is not None and not isinstance(transform, kind):
                raise UnsupportedError(f"Expected {name} to be one of BoTorch, got {transform!r}.")
        if input_transform is not None:
            self._set_input_transform(input_transform.to(train_X))
        self._set_outcome_transform(outcome_transform)
        for name, tensor in (("X", train_X), ("Y", train_Y), ("Yvar", train_Yvar)):
            copied = None if tensor is None else tensor.detach().clone()
            self.register_buffer(f"train_{name}", copied, persistent=False)
        self._set_rows()

    @classmethod
    def construct_inputs(
        cls,
        training_data: SupervisedDataset,
        categorical_features: list[int] | None = None,
        fidelity_features: list[int] | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """The arguments of the model that follow from a data set.

        A `SupervisedDataset` with several outcomes is wide data, whose NaN are tasks not observed.
        A `MultiTaskDataset` is long data: if it does not say where its task column is, that is the
        last one, and task 0 is its target outcome.

        Args:
            training_data: The data set.
            categorical_features: Has to be empty.
            fidelity_features: Has to be empty.
            task_feature: The column of the task, for data in the long format.
            output_tasks: As in the model; the target task of a `MultiTaskDataset` if omitted.
            all_tasks: As in the model.
            options: Further arguments of the model, handed on as they are.

        Returns:
            Keyword arguments of the model.

        Raises:
            UnsupportedError: If there are categorical or fidelity features, or the data sets of a
                `MultiTaskDataset` have different features.
        """
        for name, columns in (
            ("categorical_features", categorical_features),
            ("fidelity_features", fidelity_features),
        ):
            if columns:
                raise UnsupportedError(f"Expected no {name}, got {columns}: not supported.")
        inputs = super().construct_inputs(training_data=training_data)
        if isinstance(training_data, MultiTaskDataset):
            if training_data.task_feature_index is None:
                width = inputs["train_X"].shape[-1]
                task_feature = width - 1 if task_feature is None else task_feature
                if task_feature % width != width - 1:
                    raise UnsupportedError(
                        f"Expected task_feature {width - 1}, the column that the MultiTaskDataset "
                        f"appends, got {task_feature}."
                    )
                all_tasks = list(range(len(training_data.datasets)))
                output_tasks = [0] if output_tasks is None else output_tasks
            elif task_feature is None:
                task_feature = training_data.task_feature_index
        if bool(inputs["train_Y"].isnan().any()):
            options = {"missing": "mask"} | options
        if task_feature is not None:
            options |= {
                "task_feature": task_feature,
                "output_tasks": output_tasks,
                "all_tasks": all_tasks,
            }
        return inputs | options

    def _set_input_transform(self, input_transform: InputTransform) -> None:
        if any(parameter.requires_grad for parameter in input_transform.parameters()):
            warnings.warn(
                "Expected an input transform without parameters to learn, got a "
                f"{type(input_transform).__name__}: no fit changes them, they stay as they are.",
                UserInputWarning,
                stacklevel=5,
            )
        # Such a transform adds columns to points that training inputs have already.
        self._appends_features = any(
            isinstance(module, AppendFeatures) and not module.transform_on_train
            for module in input_transform.modules()
        )
        if self._appends_features and self.tasks.feature is not None:
            raise UnsupportedError(
                "Expected no AppendFeatures with a task_feature, got both: use the wide format."
            )
        self.input_transform = input_transform

    def _set_outcome_transform(
        self, outcome_transform: OutcomeTransform | _DefaultType | None
    ) -> None:
        # A transform given with long data was made for its single column of targets.
        self._transform_is_long = self.tasks.feature is not None
        self.has_default_outcome_transform = outcome_transform is DEFAULT
        if outcome_transform is DEFAULT:
            self.outcome_transform = Standardize(m=self.num_tasks, min_stdv=_MIN_STD)
            self._transform_is_long = False
        elif outcome_transform is not None:
            self.outcome_transform = outcome_transform

    def _set_rows(self) -> None:
        """Transform the training data and bring them into canonical order."""
        X, Y, Yvar = self.train_X, self.train_Y, self.train_Yvar
        with torch.no_grad():
            X_tf = self.transform_inputs(X)
            if X_tf.shape[:-1] != X.shape[:-1]:
                raise UnsupportedError(
                    "Expected an input transform that keeps the number of training rows, got "
                    f"{X_tf.shape[0]} rows from {X.shape[0]}."
                )
            if not bool(X_tf.isfinite().all()):
                raise InputDataError(
                    "Expected finite inputs from the input transform, got "
                    f"{int((~X_tf.isfinite()).sum())} that are NaN or infinite."
                )
            if hasattr(self, "outcome_transform") and self._transform_is_long:
                Y, Yvar = self._learn_outcomes(Y, Yvar, X_tf)
            if self.tasks.feature is None:
                data = TaskData.from_wide(X_tf, Y, Yvar)
            else:
                task = self.tasks.index(X)
                keep = ~Y[:, 0].isnan()
                data = TaskData.from_long(
                    self.tasks.without_task(X_tf)[keep],
                    task[keep],
                    Y[keep, 0],
                    None if Yvar is None else Yvar[keep, 0],
                    self.num_tasks,
                )
            if self.has_default_outcome_transform:
                self._warn_of_tiny_targets(data)
            self.register_buffer("rows_fingerprint", data.fingerprint())
            Y, Yvar = data.Y, data.Yvar
            if hasattr(self, "outcome_transform") and not self._transform_is_long:
                Y, Yvar = self._learn_outcomes(Y, Yvar, data.X)
            low, high = data.X.amin(0), data.X.amax(0)
        self.register_buffer("_rows_X", data.X, persistent=False)
        self.register_buffer("_rows_Y", Y, persistent=False)
        self.register_buffer("_rows_Yvar", Yvar, persistent=False)
        self.register_buffer("_row", data.row, persistent=False)
        self.register_buffer("input_offset", low)
        self.register_buffer("input_scale", torch.where(high > low, high - low, 1.0))

    def _warn_of_tiny_targets(self, data: TaskData) -> None:
        """Warn of tasks that vary too little for `Standardize` to scale them."""
        tiny = (data.varies & (nanstd(data.Y, dim=0) < _MIN_STD)).nonzero().flatten().tolist()
        if tiny:
            warnings.warn(
                f"Expected targets with a standard deviation of at least {_MIN_STD}, got less for "
                f"tasks {[self.tasks.values[i] for i in tiny]}: they are not scaled. Give them in "
                "a smaller unit.",
                InputDataWarning,
                stacklevel=6,
            )

    def _learn_outcomes(
        self, Y: Tensor, Yvar: Tensor | None, X: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Fit the outcome transform to the training data and apply it."""
        missing = Y.isnan()
        # A task without data has no scale that a transform could learn; the other tasks' stands in.
        Y = torch.where(missing.all(0), Y.nanmean(1, keepdim=True), Y)
        self.outcome_transform.train()
        Y, Yvar = self.outcome_transform(Y, Yvar, X)
        self.outcome_transform.eval()
        check_finite(Y, missing)
        return Y.masked_fill(missing, torch.nan), Yvar

    # -- what BoTorch asks for -----------------------------------------------------------------

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
        long = self.tasks.feature is not None
        return {
            "task_feature": self.tasks.feature,
            "all_tasks": list(self.tasks.values) if long else None,
            "missing": self.missing,
        }

    @property
    def train_inputs(self) -> tuple[Tensor]:
        """The training inputs as they were given, before any transform."""
        return (self.train_X,)

    @property
    def data(self) -> TaskData:
        """The training data in canonical order, inputs in the unit cube, outcomes transformed."""
        return TaskData(
            X=self._to_unit_cube(self._rows_X), Y=self._rows_Y, Yvar=self._rows_Yvar, row=self._row
        )

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; the data stay as they are, so there is nothing to convert."""
        return nn.Module.train(self, mode)

    def eval(self) -> Self:
        """Set the evaluation mode."""
        return nn.Module.train(self, False)

    @abstractmethod
    def forward(self, X: Tensor) -> Tensor:
        """The members' values.

        Args:
            X: A `batch_shape x q x d`-dim tensor of inputs, transformed, without a task column.

        Returns:
            A `batch_shape x S x q x T`-dim tensor in the scale of the transformed outcomes.
        """

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
        latent = self.forward(self.tasks.without_task(X))
        noise_std = self._noise_std(observation_noise, latent, with_task=task is not None)
        values, noise = self._untransform(latent, noise_std, X)
        values = _choose(values, columns, None if task is None else task.unsqueeze(-2))
        noise = None if noise is None else _choose(noise, columns, task)
        if posterior_transform is not None:
            if noise is not None:
                return posterior_transform(MemberPosterior(values, noise=noise), X)
            q_and_m = values.ndim
            values = posterior_transform.evaluate(values, X.unsqueeze(-3))
            return MemberPosterior(values.unsqueeze(-1) if values.ndim < q_and_m else values)
        if not hasattr(self, "outcome_transform") or self.outcome_transform._is_linear:
            return MemberPosterior(values, noise=noise)
        return TransformedMemberPosterior(
            values,
            noise,
            MemberPosterior(latent, None if noise_std is None else noise_std.square()),
            partial(self._outputs_of_samples, X=X, columns=columns, task=task),
        )

    def _outputs_of_samples(
        self, samples: Tensor, X: Tensor, columns: list[int], task: Tensor | None
    ) -> Tensor:
        """Samples of all tasks on the transformed scale, as those of the outputs asked for."""
        return _choose(self._invert_outcomes(samples, X), columns, task)

    def subset_output(self, idcs: list[int]) -> Self:
        """The model of some of the outputs; it shares no state with this one.

        Args:
            idcs: Indices of outputs.

        Returns:
            A model of the same class whose outputs are those of `idcs`, in that order.

        Raises:
            UnsupportedError: If an index is out of range.
        """
        tasks = self.tasks.subset(idcs)
        subset = copy.deepcopy(self)
        subset.tasks = tasks
        return subset

    # -- inputs and outcomes -------------------------------------------------------------------

    @abstractmethod
    def _check_fitted(self) -> None:
        """Raise a `ModelFittingError` unless the model has been fitted."""

    def _check_inputs(self, X: Tensor) -> Tensor | None:
        """Check inputs; return the positions of their tasks if they hold a task column."""
        if not isinstance(X, Tensor):
            raise InputDataError(f"Expected X to be a tensor, got {type(X).__name__}.")
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
        X_tf = self.transform_inputs(
            X if with_task else self.tasks.with_task(X, self.output_tasks[0])
        )
        if self._appends_features and X_tf.shape[-1] != self._rows_X.shape[-1]:
            raise BotorchTensorDimensionError(
                f"Expected X of shape batch_shape x q x d with d = {self._rows_X.shape[-1]} after "
                f"the input transform, got {X_tf.shape[-1]} from shape {tuple(X.shape)}."
            )
        return X_tf

    def _to_unit_cube(self, X: Tensor) -> Tensor:
        return (X - self.input_offset) / self.input_scale

    def _noise_std(
        self, observation_noise: bool | Tensor, values: Tensor, with_task: bool
    ) -> Tensor | None:
        """Noise standard deviations of all tasks in the scale of the transformed outcomes."""
        if isinstance(observation_noise, bool):
            if not observation_noise:
                return None
            return self.noise.sqrt().expand(*values.shape[:-3], *values.shape[-2:])
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
        std = values.new_zeros(*values.shape[:-3], *values.shape[-2:])
        # Where points hold their task, the noise of a point is in the column of its own task too.
        columns = range(self.num_tasks) if with_task else self.tasks.outputs
        std[..., list(columns)] = observation_noise.sqrt().expand(*std.shape[:-1], len(columns))
        return std

    def _untransform(
        self, values: Tensor, noise_std: Tensor | None, X: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Bring member values and noise into the scale of the targets.

        The noise is carried over by the symmetric difference of the untransformed mean: exact for
        affine transforms, to first order for others.
        """
        if not hasattr(self, "outcome_transform"):
            return values, None if noise_std is None else noise_std.square()
        if noise_std is None:
            return self._invert_outcomes(values, X.unsqueeze(-3)), None
        _, std = self._untransform_moments(values.mean(-3), noise_std, X)
        return self._invert_outcomes(values, X.unsqueeze(-3)), std.square()

    def _untransform_moments(self, mean: Tensor, std: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
        """Bring means and standard deviations into the scale of the targets, to first order."""
        if not hasattr(self, "outcome_transform"):
            return mean, std
        upper = self._invert_outcomes(mean + std, X)
        lower = self._invert_outcomes(mean - std, X)
        return self._invert_outcomes(mean, X), 0.5 * (upper - lower).abs()

    def _invert_outcomes(self, Y: Tensor, X: Tensor) -> Tensor:
        return self._map_outcomes(self.outcome_transform.untransform, Y, X)

    def _map_outcomes(self, transform: Any, Y: Tensor, X: Tensor) -> Tensor:
        """Apply an outcome transform or its inverse to the columns of all tasks."""
        if not self._transform_is_long:
            return transform(Y, X=X)[0]
        bare = self.tasks.without_task(X)
        columns = [
            transform(Y[..., [i]], X=self.tasks.with_task(bare, task))[0]
            for i, task in enumerate(self.tasks.values)
        ]
        return torch.cat(columns, dim=-1)


def _choose(values: Tensor, columns: list[int], task: Tensor | None) -> Tensor:
    """Columns of values of all tasks, or for each row that of its own task."""
    if task is None:
        return values[..., columns]
    return values.gather(-1, task.unsqueeze(-1).expand(*values.shape[:-1], 1))

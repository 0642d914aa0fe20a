"""What all our surrogates share: data, transforms, the ensemble forward, posterior and state."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    ModelFittingError,
    UnsupportedError,
)
from botorch.models.model import Model
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform, Standardize
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor, nn

from botorch_cll.models.data import TaskData, check_training_data
from botorch_cll.nn import CorrelationLearningLayer, RBFNetwork
from botorch_cll.nn.ridge import EXCLUDED, RidgeSolution, solve_ridge
from botorch_cll.posteriors import MemberPosterior

DEFAULT_NUM_RESTARTS = 32
DEFAULT_NUM_CENTERS = 40

TAIL_RIDGE = 1e-2
"""The ridge parameter of the polynomial tail: small, so that trends are followed freely."""


class RBFEnsembleModel(Model, ABC):
    r"""An ensemble of RBF networks over several tasks; the base class of our surrogates.

    Restart `s` is a function `f_s` of all `T` tasks: preliminary outputs of one RBF network per
    task, mixed by a correlation layer where there is one. The posterior is made of the members

    .. math:: \bar f_t + \sqrt{\tau_t}\,(f_{st} - \bar f_t)

    with the ensemble mean `f̄` and one calibration factor `τ` per task, fitted out of bag together
    with one noise variance per task. `botorch_cll.fit.fit_rbf_ensemble` fits it.

    Inputs are scaled to the box that the training inputs span, after the input transform.

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
        num_restarts: The number `S` of ensemble members.
        num_centers: The number of centers of each network; fewer where there are fewer rows.
        missing: `"raise"`, or `"mask"` if NaN in `train_Y` stands for a task not observed there.
        input_transform: A BoTorch input transform.
        outcome_transform: A BoTorch outcome transform; standardizes every task if omitted.
            `None` for none.
        seed: The seed of everything random in the fit.

    Raises:
        BotorchTensorDimensionError: If a shape is not as above.
        InputDataError: If the data cannot be fitted; see `check_training_data`.
        UnsupportedError: If task arguments contradict each other or the data.
    """

    pooling_rows: ClassVar[float] = 30.0
    """How many rows' worth of say the other tasks have in a task's choice of centers and widths."""

    shares_hidden_layer: ClassVar[bool] = True
    """Whether the tasks have a say in each other's centers and widths at all."""

    num_ridges: ClassVar[int] = 1
    """How many ridge parameters the output weights have."""

    solves_tasks_jointly: ClassVar[bool] = False
    """Whether the output weights of one task depend on the other tasks' targets."""

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        num_restarts: int = DEFAULT_NUM_RESTARTS,
        num_centers: int | None = None,
        missing: str = "raise",
        input_transform: InputTransform | None = None,
        outcome_transform: OutcomeTransform | _DefaultType | None = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if missing not in ("raise", "mask"):
            raise UnsupportedError(f"Expected missing to be 'raise' or 'mask', got {missing!r}.")
        for name, value in (("num_restarts", num_restarts), ("num_centers", num_centers)):
            if value is not None and value < 1:
                raise UnsupportedError(f"Expected {name} of at least 1, got {value}.")
        check_training_data(
            train_X, train_Y, train_Yvar, missing=missing, long_format=task_feature is not None
        )
        self.num_restarts = num_restarts
        self.num_centers = num_centers if num_centers is not None else DEFAULT_NUM_CENTERS
        self.seed = seed
        self.task_feature: int | None = None
        self._set_tasks(train_X, train_Y, task_feature, output_tasks, all_tasks)
        if input_transform is not None:
            self.input_transform = input_transform.to(train_X)
        self._set_outcome_transform(outcome_transform)
        self.register_buffer("train_X", train_X.detach().clone(), persistent=False)
        self.register_buffer("train_Y", train_Y.detach().clone(), persistent=False)
        self._set_rows(train_Yvar)
        self.allocate(min(self.num_centers, self._rows_X.shape[0]))
        self.to(train_X)

    # -- construction --------------------------------------------------------------------------

    def _set_tasks(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        task_feature: int | None,
        output_tasks: list[int] | None,
        all_tasks: list[int] | None,
    ) -> None:
        """Settle which tasks there are and which of them are outputs."""
        if task_feature is None:
            if output_tasks is not None or all_tasks is not None:
                raise UnsupportedError(
                    "output_tasks and all_tasks need a task_feature; in the wide format choose "
                    "outputs with subset_output."
                )
            self.task_values = list(range(train_Y.shape[-1]))
            self._outputs = list(self.task_values)
            return
        width = train_X.shape[-1]
        if not -width <= task_feature < width:
            raise UnsupportedError(
                f"Expected task_feature between {-width} and {width - 1}, got {task_feature}."
            )
        if width < 2:
            raise BotorchTensorDimensionError(
                "Expected at least one input beside the task column, got none."
            )
        self.task_feature = task_feature % width
        column = train_X[:, self.task_feature]
        if bool((column != column.round()).any()):
            raise InputDataError("Expected whole numbers in the task column, got fractions.")
        found = sorted({int(value) for value in column.unique().tolist()})
        self.task_values = sorted(found if all_tasks is None else {int(t) for t in all_tasks})
        if not set(found) <= set(self.task_values):
            raise UnsupportedError(
                f"Expected all_tasks to contain every task in train_X, {found}, got "
                f"{self.task_values}."
            )
        chosen = self.task_values if output_tasks is None else [int(t) for t in output_tasks]
        if not chosen or not set(chosen) <= set(self.task_values):
            raise UnsupportedError(
                f"Expected output_tasks among {self.task_values}, got {output_tasks}."
            )
        self._outputs = [self.task_values.index(task) for task in chosen]

    def _set_outcome_transform(
        self, outcome_transform: OutcomeTransform | _DefaultType | None
    ) -> None:
        # A transform given with long data was made for its single column of targets.
        self._transform_is_long = self.task_feature is not None
        if outcome_transform is DEFAULT:
            self.outcome_transform = Standardize(m=self.num_tasks)
            self._transform_is_long = False
        elif outcome_transform is not None:
            self.outcome_transform = outcome_transform

    def _set_rows(self, train_Yvar: Tensor | None) -> None:
        """Transform the training data and bring them into canonical order."""
        X, Y, Yvar = self.train_X, self.train_Y, train_Yvar
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
                Y, Yvar = self._transform_outcomes(Y, Yvar, X_tf)
            if self.task_feature is None:
                data = TaskData.from_wide(X_tf, Y, Yvar)
            else:
                values = torch.tensor(self.task_values, device=X.device)
                task = torch.searchsorted(values, X[:, self.task_feature].long())
                keep = ~Y[:, 0].isnan()
                data = TaskData.from_long(
                    self._without_task(X_tf)[keep],
                    task[keep],
                    Y[keep, 0],
                    None if Yvar is None else Yvar[keep, 0],
                    self.num_tasks,
                )
            Y, Yvar = data.Y, data.Yvar
            if hasattr(self, "outcome_transform") and not self._transform_is_long:
                Y, Yvar = self._transform_outcomes(Y, Yvar, data.X)
            low, high = data.X.amin(0), data.X.amax(0)
        self.register_buffer("_rows_X", data.X, persistent=False)
        self.register_buffer("_rows_Y", Y, persistent=False)
        self.register_buffer("_rows_Yvar", Yvar, persistent=False)
        self.register_buffer("input_offset", low)
        self.register_buffer("input_scale", torch.where(high > low, high - low, 1.0))

    def _transform_outcomes(
        self, Y: Tensor, Yvar: Tensor | None, X: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        missing = Y.isnan()
        # A task without data has no scale that a transform could learn; the other tasks' stands in.
        Y = torch.where(missing.all(0), Y.nanmean(1, keepdim=True), Y)
        self.outcome_transform.train()
        Y, Yvar = self.outcome_transform(Y, Yvar, X)
        self.outcome_transform.eval()
        broken = ~Y.isfinite() & ~missing
        if bool(broken.any()):
            raise InputDataError(
                "Expected finite targets from the outcome transform, got "
                f"{int(broken.sum())} that are NaN or infinite."
            )
        return Y.masked_fill(missing, torch.nan), Yvar

    def allocate(self, num_centers: int) -> None:
        """Make the modules and buffers that a fit fills in.

        Args:
            num_centers: The number of centers of each network.
        """
        like = {"dtype": self.train_X.dtype, "device": self.train_X.device}
        self.network = RBFNetwork(
            self.num_restarts, self.num_tasks, num_centers, self._rows_X.shape[-1], **like
        )
        self.correlation = self._make_correlation_layer()
        self.register_buffer("inflation", torch.ones(self.num_tasks, **like))
        self.register_buffer("noise", torch.ones(self.num_tasks, **like))
        self.register_buffer("is_fitted", torch.tensor(False, device=like["device"]))
        self.requires_grad_(False)

    def _make_correlation_layer(self) -> CorrelationLearningLayer | None:
        """The layer between preliminary and final outputs; none unless a model has one."""
        return None

    def solve_output_weights(
        self, gram: Tensor, moment: Tensor, ridge: Tensor, included: Tensor
    ) -> RidgeSolution:
        """The output weights that follow from normal equations, in closed form.

        Args:
            gram: A `batch_shape x P x P`-dim tensor, sums of `phi phi^T` over the rows.
            moment: A `batch_shape x P x m`-dim tensor, sums of `phi y`.
            ridge: A `batch_shape x num_ridges`-dim tensor of ridge parameters.
            included: A `batch_shape x P`-dim boolean tensor: the columns that take part.

        Returns:
            The solution.
        """
        tail = 1 + 2 * self._rows_X.shape[-1]
        penalty = ridge.expand(included.shape).clone()
        penalty[..., -tail:] = TAIL_RIDGE
        return solve_ridge(gram, moment, torch.where(included, penalty, EXCLUDED))

    # -- what BoTorch asks for -----------------------------------------------------------------

    @property
    def num_tasks(self) -> int:
        """The number `T` of tasks that are modelled."""
        return len(self.task_values)

    @property
    def num_outputs(self) -> int:
        """The number `m` of outputs."""
        return len(self._outputs)

    @property
    def output_tasks(self) -> list[int]:
        """The task values of the outputs; in the wide format the columns of `train_Y`."""
        return [self.task_values[i] for i in self._outputs]

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the model: empty, the restarts are not a batch to the outside."""
        return torch.Size()

    @property
    def train_inputs(self) -> tuple[Tensor]:
        """The training inputs as they were given, before any transform."""
        return (self.train_X,)

    @property
    def data(self) -> TaskData:
        """The training data in canonical order, inputs in the unit cube, outcomes transformed."""
        return TaskData(
            X=(self._rows_X - self.input_offset) / self.input_scale,
            Y=self._rows_Y,
            Yvar=self._rows_Yvar,
        )

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; the data stay as they are, so there is nothing to convert."""
        return nn.Module.train(self, mode)

    def eval(self) -> Self:
        """Set the evaluation mode."""
        return nn.Module.train(self, False)

    def forward(self, X: Tensor) -> Tensor:
        """The members' values.

        Args:
            X: A `batch_shape x q x d`-dim tensor of inputs, transformed, without a task column.

        Returns:
            A `batch_shape x S x q x T`-dim tensor in the scale of the transformed outcomes, spread
            by the calibration factors.
        """
        values = self.network((X - self.input_offset) / self.input_scale)
        if self.correlation is not None:
            values = self.correlation(values)
        mean = values.mean(dim=-3, keepdim=True)
        return mean + self.inflation.sqrt() * (values - mean)

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
                `batch_shape x q x m`.
            posterior_transform: A posterior transform. It acts on the members where there is no
                observation noise, on the Gaussian of the posterior where there is.

        Returns:
            A `MemberPosterior` of shape `batch_shape x q x m`, or what the transform makes of it.

        Raises:
            ModelFittingError: If the model has not been fitted.
            BotorchTensorDimensionError: If `X` has the wrong number of columns.
            InputDataError: If `X` has another dtype than the model.
        """
        if not bool(self.is_fitted):
            raise ModelFittingError(
                f"Expected a fitted {type(self).__name__}, got one that is not: call "
                "botorch_cll.fit.fit_rbf_ensemble(model) first."
            )
        with_task = self._check_inputs(X)
        columns = self._columns(output_indices, with_task)
        self.eval()
        task = X[..., self.task_feature] if with_task else None
        if self.task_feature is not None and not with_task:
            X = self._with_task(X, self.task_values[self._outputs[0]])
        X = self.transform_inputs(X)
        values = self.forward(self._without_task(X))
        noise = self._noise_std(observation_noise, values)
        if task is None:
            values, noise = self._untransform(values, noise, X)
            values = values[..., columns]
            noise = None if noise is None else noise[..., columns]
        else:
            index = self._task_index(task).unsqueeze(-1)
            values, noise = self._untransform(values, noise, X)
            values = values.gather(-1, index.unsqueeze(-3).expand(*values.shape[:-1], 1))
            noise = None if noise is None else noise.expand(*index.shape[:-1], -1).gather(-1, index)
        if noise is not None:
            posterior = MemberPosterior(values, noise=noise)
            return posterior if posterior_transform is None else posterior_transform(posterior, X)
        if posterior_transform is not None:
            q_and_m = values.ndim
            values = posterior_transform.evaluate(values, X.unsqueeze(-3))
            values = values.unsqueeze(-1) if values.ndim < q_and_m else values
        return MemberPosterior(values)

    def subset_output(self, idcs: list[int]) -> Self:
        """The model of some of the outputs; it shares no state with this one.

        Args:
            idcs: Indices of outputs.

        Returns:
            A model of the same class whose outputs are those of `idcs`, in that order.

        Raises:
            UnsupportedError: If an index is out of range.
        """
        if not idcs:
            raise UnsupportedError(f"Expected indices of {self.num_outputs} outputs, got none.")
        subset = copy.deepcopy(self)
        subset._outputs = self._columns(idcs, with_task=False)
        return subset

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a state, also one with another number of centers.

        Args:
            state_dict: The state of a model with as many restarts and tasks.
            strict: As in `torch.nn.Module.load_state_dict`.
            assign: As in `torch.nn.Module.load_state_dict`.

        Returns:
            The missing and unexpected keys.
        """
        centers = state_dict.get("network.centers")
        if centers is not None and centers.shape[-2] != self.network.centers.shape[-2]:
            self.allocate(centers.shape[-2])
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    # -- inputs and outcomes -------------------------------------------------------------------

    def _check_inputs(self, X: Tensor) -> bool:
        """Check the inputs of a posterior; return whether they hold the task column."""
        width = self.train_X.shape[-1]
        widths = [width] if self.task_feature is None else [width - 1, width]
        if X.ndim < 2 or X.shape[-1] not in widths:
            raise BotorchTensorDimensionError(
                f"Expected X of shape batch_shape x q x d with d in {widths}, got {tuple(X.shape)}."
            )
        if X.dtype != self.train_X.dtype:
            raise InputDataError(f"Expected X of dtype {self.train_X.dtype}, got {X.dtype}.")
        return self.task_feature is not None and X.shape[-1] == width

    def _columns(self, output_indices: list[int] | None, with_task: bool) -> list[int]:
        """The tasks that a posterior is asked for."""
        if output_indices is None:
            return self._outputs
        if with_task:
            raise UnsupportedError(
                f"Expected no output_indices where X holds the task column, got {output_indices}."
            )
        size = self.num_outputs
        if any(not -size <= i < size for i in output_indices):
            raise UnsupportedError(
                f"Expected output_indices of {size} outputs, got {output_indices}."
            )
        return [self._outputs[i] for i in output_indices]

    def _without_task(self, X: Tensor) -> Tensor:
        if self.task_feature is None:
            return X
        return torch.cat([X[..., : self.task_feature], X[..., self.task_feature + 1 :]], dim=-1)

    def _with_task(self, X: Tensor, task: int) -> Tensor:
        if self.task_feature is None:
            return X
        column = X.new_full((*X.shape[:-1], 1), float(task))
        return torch.cat([X[..., : self.task_feature], column, X[..., self.task_feature :]], dim=-1)

    def _task_index(self, task: Tensor) -> Tensor:
        """Positions in `task_values` of the entries of a task column."""
        values = torch.tensor(self.task_values, device=task.device)
        index = torch.searchsorted(values, task.long().contiguous()).clamp(max=len(values) - 1)
        if bool((values[index] != task).any()):
            found = sorted(task.unique().tolist())
            raise InputDataError(f"Expected tasks among {self.task_values}, got {found}.")
        return index

    def _noise_std(self, observation_noise: bool | Tensor, values: Tensor) -> Tensor | None:
        """Noise standard deviations of all tasks in the scale of the transformed outcomes."""
        if isinstance(observation_noise, bool):
            if not observation_noise:
                return None
            return self.noise.sqrt().expand(*values.shape[:-3], *values.shape[-2:])
        if observation_noise.ndim > 0 and observation_noise.shape[-1] not in (1, self.num_outputs):
            raise BotorchTensorDimensionError(
                f"Expected observation_noise with {self.num_outputs} columns, got shape "
                f"{tuple(observation_noise.shape)}."
            )
        std = values.new_zeros(*values.shape[:-3], *values.shape[-2:])
        std[..., self._outputs] = observation_noise.sqrt().expand(*std.shape[:-1], self.num_outputs)
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
        mean = values.mean(-3)
        upper = self._invert_outcomes(mean + noise_std, X)
        lower = self._invert_outcomes(mean - noise_std, X)
        return self._invert_outcomes(values, X.unsqueeze(-3)), (0.5 * (upper - lower)).square()

    def _invert_outcomes(self, Y: Tensor, X: Tensor) -> Tensor:
        if not self._transform_is_long:
            return self.outcome_transform.untransform(Y, X=X)[0]
        bare = self._without_task(X)
        columns = [
            self.outcome_transform.untransform(Y[..., [i]], X=self._with_task(bare, task))[0]
            for i, task in enumerate(self.task_values)
        ]
        return torch.cat(columns, dim=-1)

"""What all our surrogates share: RBF networks, correlation layer, calibration, fantasies, state."""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from botorch.exceptions.errors import (
    DeprecationError,
    ModelFittingError,
    UnsupportedError,
)
from botorch.models.model import FantasizeMixin
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.models.utils import fantasize as fantasize_flag
from botorch.sampling.base import MCSampler
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor

from botorch_cll.models.blocks import MAX_ELEMENTS, TaskBlocks, noise_weights
from botorch_cll.models.conditioning import AddedRows, rows_to_add
from botorch_cll.models.left_out import (
    LeftOut,
    average_trusted,
    left_out_moments,
    predict_left_out,
)
from botorch_cll.models.multi_task import MultiTaskEnsembleModel
from botorch_cll.models.tasks import whole_number
from botorch_cll.nn import CorrelationLearningLayer, RBFNetwork
from botorch_cll.nn.rbf import included_columns
from botorch_cll.nn.ridge import EXCLUDED, RidgeSolution, solve_ridge

DEFAULT_NUM_RESTARTS = 32
MIN_NUM_CENTERS, MAX_NUM_CENTERS, ROWS_PER_CENTER = 40, 80, 10

TAIL_RIDGE = 1e-2
"""The ridge parameter of the polynomial tail: small, so that trends are followed freely."""

NEAR = 0.1
"""The support at which a point counts as half near the centers, half remote."""


def default_num_centers(num_rows: int) -> int:
    """One center for ten rows, 40 at least and 80 at most: the cost of a row grows with its square.

    Args:
        num_rows: The number of training rows.
    """
    return min(MAX_NUM_CENTERS, max(MIN_NUM_CENTERS, num_rows // ROWS_PER_CENTER))


def remoteness(support: Tensor) -> Tensor:
    """How far a point is from a network's centers: 1 far from all of them, nearly 0 at one."""
    return NEAR / (NEAR + support)


class RBFEnsembleModel(MultiTaskEnsembleModel, FantasizeMixin, ABC):
    r"""An ensemble of RBF networks over several tasks; the base class of our surrogates.

    Restart `s` is a function `f_s` of all `T` tasks: preliminary outputs of one RBF network per
    task, mixed by a correlation layer where there is one. The posterior is made of the members

    .. math:: \bar f_t + \sqrt{\tau_t}\,(f_{st} - \bar f_t)
        + \sqrt{\alpha_t}\,(z_{st} \rho_{st} - \overline{z_t \rho_t}), \qquad
        \rho_{st}(x) = \frac{\delta}{\delta + \sum_k \phi_{stk}(x)^2}

    with the ensemble mean `f̄`. The second term lets the members differ where none of them has a
    center near: the remoteness `ρ` goes from nearly 0 at a center to 1 far from all of them, and
    `z` are fixed numbers of mean 0 and variance 1. (A center of an additive network looks at one
    input: there, far is far in every input.) `τ`, `α` and a noise variance per task are
    fitted out of bag. `botorch_cll.fit.fit_rbf_ensemble` fits all of it.

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
        num_centers: The number of centers of each network; fewer where there are fewer rows. If
            omitted, 40, or a tenth of the rows up to 80. More express more, at quadratic cost.
        missing: `"raise"`, or `"mask"` if NaN in `train_Y` stands for a task not observed there.
        input_transform: A BoTorch input transform. No fit changes its parameters, such as those of
            a `Warp`.
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
        num_restarts, seed = whole_number("num_restarts", num_restarts), whole_number("seed", seed)
        if num_centers is not None:
            num_centers = whole_number("num_centers", num_centers)
        for name, value in (("num_restarts", num_restarts), ("num_centers", num_centers)):
            if value is not None and value < 1:
                raise UnsupportedError(f"Expected {name} of at least 1, got {value}.")
        super().__init__(
            train_X=train_X,
            train_Y=train_Y,
            train_Yvar=train_Yvar,
            task_feature=task_feature,
            output_tasks=output_tasks,
            all_tasks=all_tasks,
            missing=missing,
            input_transform=input_transform,
            outcome_transform=outcome_transform,
        )
        self.num_restarts = num_restarts
        if num_centers is None:
            num_centers = default_num_centers(self._rows_X.shape[0])
        self.num_centers = num_centers
        self.seed = seed
        self.allocate(min(self.num_centers, self._rows_X.shape[0]))
        self.to(train_X)

    def allocate(self, num_centers: int) -> None:
        """Make the modules and buffers that a fit fills in.

        Args:
            num_centers: The number of centers of each network.
        """
        like = {"dtype": self.train_X.dtype, "device": self.train_X.device}
        members = (self.num_restarts, self.num_tasks)
        self.network = RBFNetwork(*members, num_centers, self._rows_X.shape[-1], **like)
        self.correlation = self._make_correlation_layer()
        self.register_buffer("inflation", torch.ones(self.num_tasks, **like))
        self.register_buffer("remote_variance", torch.ones(self.num_tasks, **like))
        self.register_buffer("remote_sign", torch.zeros(members, **like))
        self.register_buffer("noise", torch.ones(self.num_tasks, **like))
        self.register_buffer("log_ridge", torch.zeros(*members, self.num_ridges, **like))
        self.register_buffer("tail_degree", torch.full(members, 2, device=like["device"]))
        self.register_buffer("is_fitted", torch.tensor(False, device=like["device"]))
        for name in ("bags", "left_out", "left_out_rows"):
            self.register_buffer(name, None)
        self._solution: RidgeSolution | None = None
        self._added: AddedRows | None = None
        self._added_weight: Tensor | None = None
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

    def solution(self) -> RidgeSolution:
        """The output weights of the members' own rows, their hidden layers given.

        Rows are streamed in blocks, so memory does not grow with their number.

        Returns:
            The solution, a `S x T`-batch.

        Raises:
            ModelFittingError: If it is not known which rows the members were fitted to.
        """
        if self.bags is None:
            raise ModelFittingError(
                f"Expected a {type(self).__name__} fitted to its training data, got one that "
                "was not fitted or whose state comes from other data: call "
                "botorch_cll.fit.fit_rbf_ensemble(model) first."
            )
        data = self.data
        blocks = TaskBlocks.from_data(data, per_task=True)
        num_columns = self.network.weight.shape[-1]
        gram = data.X.new_zeros(*self.network.weight.shape, num_columns)
        moment = data.X.new_zeros(*self.network.weight.shape, 1)
        at_a_time = max(1, MAX_ELEMENTS // self.network.weight.numel())
        for index, Y, weight in blocks.in_bags(self.bags, at_a_time):
            phi = self.network.features(data.X[index])
            weighted = (phi * weight.unsqueeze(-1)).transpose(-1, -2)
            gram += weighted @ phi
            moment += weighted @ Y.unsqueeze(-1)
        included = included_columns(
            self.tail_degree, self.network.centers.shape[-2], data.X.shape[-1]
        )
        return self.solve_output_weights(gram, moment, self.log_ridge.exp(), included)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        return super().options | {
            "num_restarts": self.num_restarts,
            "num_centers": self.num_centers,
            "seed": self.seed,
        }

    # -- posterior -----------------------------------------------------------------------------

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape, empty for a fitted model, the fantasies' for a conditioned one."""
        return torch.Size() if self._added is None else self._added.batch_shape

    def forward(self, X: Tensor) -> Tensor:
        """The members' values.

        Args:
            X: A `batch_shape x q x d`-dim tensor of inputs, transformed, without a task column.

        Returns:
            A `batch_shape x S x q x T`-dim tensor in the scale of the transformed outcomes, spread
            by `τ` and `α`.
        """
        values, remote = self.mixed_outputs(self._to_unit_cube(X))
        mean = values.mean(dim=-3, keepdim=True)
        values = mean + self.inflation.sqrt() * (values - mean)
        apart = self.remote_sign.unsqueeze(-2) * remote
        return values + self.remote_variance.sqrt() * (apart - apart.mean(dim=-3, keepdim=True))

    def mixed_outputs(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The members as they were fitted, before their spread is calibrated, and the remoteness.

        Args:
            X: A `batch_shape x q x d`-dim tensor of points in the unit cube.

        Returns:
            Two `batch_shape x S x q x T`-dim tensors; the second one may lack the batch dimensions
            of fantasies.
        """
        if self._added is None:
            outputs, support = self.network.outputs_and_support(X)
            if self.correlation is not None:
                outputs = self.correlation(outputs)
            return outputs, remoteness(support)
        outputs, support = self.network.outputs_and_support(X, self._added_weight)
        support = support + self._added.support(self.network, X)
        if self.correlation is None:
            return outputs.squeeze(-1), remoteness(support)
        preliminary, change, own = outputs.unbind(-1)
        passed = self.correlation.passed_on(preliminary, change)
        return self.correlation(preliminary) + passed + own, remoteness(support)

    def _check_fitted(self) -> None:
        if not bool(self.is_fitted):
            raise ModelFittingError(
                f"Expected a fitted {type(self).__name__}, got one that is not: call "
                "botorch_cll.fit.fit_rbf_ensemble(model) first."
            )

    def loo(self) -> LeftOut:
        """Predictions of the training observations by the members that have not seen them.

        Every member is fitted to a share of the rows, so this takes no further fit. Where fewer
        than two members have not seen a row, all members' closed-form leave-one-out predictions
        stand in. A fit by gradients has no closed form: there such rows are NaN.

        Returns:
            Means and variances in the order and scale of `train_Y`.

        Raises:
            ModelFittingError: If the model was not fitted to its training data.
            UnsupportedError: If the model was conditioned on further observations.
        """
        self._check_fitted()
        self.check_not_conditioned()
        if self.bags is None or self.left_out is None:
            raise ModelFittingError(
                "Expected a model fitted to its training data, got one whose state comes from "
                "other data: call botorch_cll.fit.fit_rbf_ensemble(model) first."
            )
        return predict_left_out(self)

    def calibrated_moments(
        self, outputs: Tensor, remote: Tensor, trusted: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Means and calibrated variances over the members that have not seen a row.

        Args:
            outputs: A `S x n x T`-dim tensor of the members' predictions.
            remote: A `S x n x T`-dim tensor of remoteness.
            trusted: A `S x n x T`-dim boolean tensor of the predictions to use.

        Returns:
            Two `n x T`-dim tensors, in the scale of the transformed outcomes, without noise; NaN
            where there is no prediction to use.
        """
        mean, variance, used = left_out_moments(outputs, trusted)
        squared = average_trusted(remote.square(), trusted)
        variance = self.inflation * variance + self.remote_variance * squared
        return mean.where(used, torch.nan), variance.where(used, torch.nan)

    def out_of_sample_outputs(self, rows: Tensor, solution: RidgeSolution) -> tuple[Tensor, Tensor]:
        """Preliminary outputs in training rows, each by a fit that has not seen the task's row.

        Args:
            rows: A tensor of row numbers.
            solution: The solution that the members' output weights are.

        Returns:
            Two `S x len(rows) x T`-dim tensors: the outputs, and how remote the rows are.
        """
        data = self.data
        weight = (noise_weights(data)[rows] * self.bags[:, rows]).movedim(-1, 1)
        Y = data.Y[rows].nan_to_num(0.0).T.unsqueeze(-1)
        at_a_time = max(1, MAX_ELEMENTS // solution.weight.numel())
        outputs, supports = [], []
        for chosen in torch.arange(len(rows), device=rows.device).split(at_a_time):
            phi = self.network.features(data.X[rows[chosen]])
            supports.append(self.network.support(phi))
            outputs.append(
                solution.leave_one_out(
                    phi, weight[..., chosen], Y[:, chosen].expand(*phi.shape[:2], -1, -1)
                )
            )
        return (
            torch.cat(outputs, dim=-2).squeeze(-1).movedim(1, -1),
            remoteness(torch.cat(supports, dim=-1).movedim(1, -1)),
        )

    # -- fantasies -----------------------------------------------------------------------------

    def condition_on_observations(self, X: Tensor, Y: Tensor, noise: Tensor | None = None) -> Self:
        """The model after further observations, without a new fit.

        Every member takes all new rows into its output weights; centers, widths, ridge, correlation
        layer and calibration stay as they are. Without a correlation layer this is exactly what a
        two-stage fit of these weights to the old and the new rows would do. (Weights that Adam
        fitted are no closed form: there the step is the same, and its result is no such fit.) With
        a layer, a task learns from its own new observations by the weights of its own network, and
        from those of other tasks through the layer; see `AddedRows.output_weights`. This model is
        not changed.

        Args:
            X: A `batch_shape x n' x d`-dim tensor of inputs in the scale of `train_X`; in the long
                format with or without the task column.
            Y: A `batch_shape' x n' x m`-dim tensor of targets in their natural scale, NaN where an
                output was not observed; one column if `X` holds the task column. `batch_shape'`
                may have more leading dimensions than `batch_shape`.
            noise: A tensor of noise variances that broadcasts to the shape of `Y`, in the scale of
                the transformed outcomes, as BoTorch has it.

        Returns:
            A model of this class whose `batch_shape` is `batch_shape'`.

        Raises:
            ModelFittingError: If the model was not fitted to its training data.
            BotorchTensorDimensionError: If shapes do not fit together.
            InputDataError: If `X` has another dtype than the model or is not finite, an observed
                target is infinite or not in the domain of the outcome transform, or a noise
                variance is negative or infinite.
        """
        self._check_fitted()
        added = rows_to_add(self, X, Y, noise)
        return self._conditioned(added if self._added is None else self._added.join(added))

    def _conditioned(self, added: AddedRows) -> Self:
        if self._solution is None:
            # What is kept has to serve gradients later on too.
            with torch.inference_mode(False), torch.no_grad():
                self._solution = self.solution()
        model = copy.deepcopy(self)
        model._added = added
        model._added_weight = added.output_weights(self.network, self._solution, self.correlation)
        return model

    def fantasize(
        self,
        X: Tensor,
        sampler: MCSampler,
        observation_noise: Tensor | None = None,
        **kwargs: Any,
    ) -> Self:
        """The model conditioned on samples of its own posterior.

        Args:
            X: A `batch_shape x n' x d`-dim tensor of inputs.
            sampler: What draws the fantasies from the posterior at `X`, observation noise included.
            observation_noise: A tensor of noise variances in the scale of the transformed outcomes
                that broadcasts to `batch_shape x n' x m`; the model's own if omitted.
            kwargs: Handed on to `condition_on_observations`; `propagate_grads`, which BoTorch's
                acquisition functions pass, makes no difference here.

        Returns:
            A model of batch shape `num_fantasies x batch_shape`.

        Raises:
            DeprecationError: If `observation_noise` is a bool, as in BoTorch.
        """
        kwargs.pop("propagate_grads", None)
        if isinstance(observation_noise, Tensor):
            kwargs["noise"] = observation_noise
        elif observation_noise is not None:
            raise DeprecationError(
                f"Expected observation_noise to be a tensor or None, got {observation_noise!r}."
            )
        with fantasize_flag():
            posterior = self.posterior(
                X, observation_noise=True if observation_noise is None else observation_noise
            )
        return self.condition_on_observations(X, sampler(posterior), **kwargs)

    def check_not_conditioned(self) -> None:
        """Refuse a model that knows more than its training data.

        Raises:
            UnsupportedError: If the model was conditioned on further observations.
        """
        if self._added is not None:
            raise UnsupportedError(
                "Expected a model as it was fitted, got one conditioned on further observations, "
                "which can be predicted with and conditioned again only. Fit a new model to all "
                "data, with warm_start=the model before it was conditioned."
            )

    # -- state ---------------------------------------------------------------------------------

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The fitted state; see `torch.nn.Module.state_dict`.

        Raises:
            UnsupportedError: If the model was conditioned on further observations, which no other
                model's state could hold.
        """
        self.check_not_conditioned()
        return super().state_dict(*args, **kwargs)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a state, also one of another number of training rows or centers.

        What a state knows of the rows it was fitted to is left out where this model's are others;
        then `loo` and fantasies need a new fit.

        Args:
            state_dict: The state of a model with as many restarts and tasks.
            strict: As in `torch.nn.Module.load_state_dict`.
            assign: As in `torch.nn.Module.load_state_dict`.

        Returns:
            The missing and unexpected keys.

        Raises:
            UnsupportedError: If the model was conditioned on further observations.
        """
        self.check_not_conditioned()
        state = dict(state_dict)
        centers = state.get("network.centers")
        if centers is not None and centers.shape[-2] != self.network.centers.shape[-2]:
            self.allocate(centers.shape[-2])
        rows = state.get("rows_fingerprint")
        same_rows = rows is not None and int(rows) == int(self.rows_fingerprint)
        state["rows_fingerprint"] = self.rows_fingerprint
        for name in ("bags", "left_out", "left_out_rows"):
            if not same_rows:
                state.pop(name, None)
            value = state.get(name)
            if value is not None:
                dtype = self.train_X.dtype if value.is_floating_point() else value.dtype
                value = torch.empty_like(value, dtype=dtype, device=self.train_X.device)
            setattr(self, name, value)
        self._solution = None
        return super().load_state_dict(state, strict=strict, assign=assign)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # These are never changed in place, and tensors with a gradient cannot be copied.
        memo |= {id(kept): kept for kept in (self._solution, self._added, self._added_weight)}
        model = type(self).__new__(type(self))
        memo[id(self)] = model
        model.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return model

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Move what is not a parameter or buffer along with `to` and the like."""
        super()._apply(fn, recurse)
        self._solution = None
        if self._added is not None:
            self._added = self._added.map(fn)
            self._added_weight = fn(self._added_weight)
        return self

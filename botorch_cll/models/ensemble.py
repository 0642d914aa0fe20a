"""What all our surrogates share: a fitted ensemble behind BoTorch's interface."""

from abc import ABC
from dataclasses import dataclass
from typing import Any, Self

import torch
from botorch.exceptions.errors import DeprecationError, UnsupportedError
from botorch.models.model import FantasizeMixin
from botorch.models.transforms.input import InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.models.utils import fantasize as fantasize_flag
from botorch.sampling.base import MCSampler
from botorch.utils.types import DEFAULT, _DefaultType
from torch import Tensor

from botorch_cll.couplings import Coupling
from botorch_cll.data import AddedRows
from botorch_cll.data.blocks import weights_like
from botorch_cll.ensemble import Architecture
from botorch_cll.ensemble.left_out import predict_left_out
from botorch_cll.models.checks import check_finite, check_observations, check_tensor
from botorch_cll.models.holder import FittedEnsembleModel
from botorch_cll.models.tasks import whole_number
from botorch_cll.settings import NETWORK


@dataclass(frozen=True)
class LeftOut:
    """Predictions of training observations by members that were fitted without them.

    They are of the shape of `train_Y` (wide data: one column per output), in the scale of the
    targets, NaN where there is no observation.
    """

    mean: Tensor  #: predictive means
    variance: Tensor  #: predictive variances, observation noise included


class RBFEnsembleModel(FittedEnsembleModel, FantasizeMixin, ABC):
    """An ensemble of RBF networks over several tasks; the base class of our surrogates.

    Subclasses set the `coupling` of the tasks. What `botorch_cll.fit.fit_rbf_ensemble` makes of the
    data is held as `fitted`, a `FittedEnsemble`, `None` before. Inputs are scaled to the box that
    the training inputs span, after the input transform.

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
        UnsupportedError: If task arguments contradict each other or the data, or a transform is
            not one of BoTorch.
    """

    coupling: Coupling

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        train_Yvar: Tensor | None = None,
        task_feature: int | None = None,
        output_tasks: list[int] | None = None,
        all_tasks: list[int] | None = None,
        num_restarts: int = NETWORK.num_restarts,
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
        data = (train_X, train_Y, train_Yvar, task_feature, output_tasks, all_tasks)
        super().__init__(*data, missing, input_transform, outcome_transform)
        if num_centers is None:
            num_centers = NETWORK.num_centers(len(self._rows_X))
        self.num_restarts, self.num_centers, self.seed = num_restarts, num_centers, seed
        self.to(train_X)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that the model was made with, transforms and data left out."""
        own = {name: getattr(self, name) for name in ("num_restarts", "num_centers", "seed")}
        return super().options | own

    @property
    def architecture(self) -> Architecture:
        """What kind of ensemble is fitted to the data."""
        return Architecture(self.coupling, self.num_restarts, self.num_centers, self.seed)

    @property
    def task_values(self) -> tuple[int, ...]:
        """What users call the tasks."""
        return self.tasks.values

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
        fitted = self._check_rows_known()
        self.check_not_conditioned()
        mean, variance = predict_left_out(fitted, self.data)
        X = self.tasks.with_task(self._rows_X, self.output_tasks[0])
        mean, std = self._outcomes.invert_moments(mean, variance.sqrt(), X)
        return LeftOut(self._as_given(mean), self._as_given(std.square()))

    def _as_given(self, values: Tensor) -> Tensor:
        """Bring `n x T` values of canonical rows into the order and shape of `train_Y`."""
        given = torch.full_like(self.train_Y, torch.nan)
        if self.tasks.feature is None:
            row, task = (~self.train_Y.isnan()).nonzero(as_tuple=True)
            given[row, task] = values[self._row, task]
            return given[:, list(self.tasks.outputs)]
        keep = ~self.train_Y[:, 0].isnan()
        given[keep, 0] = values[self._row, self.tasks.index(self.train_X[keep])]
        return given

    def condition_on_observations(self, X: Tensor, Y: Tensor, noise: Tensor | None = None) -> Self:
        """The model after further observations, without a new fit.

        Every member takes all new rows into its output weights; all else stays as it is, this model
        included. Without a correlation layer this is exactly what a two-stage fit of these weights
        to the old and the new rows would do. (Weights that Adam fitted are no closed form: there
        the step is the same, and its result is no such fit.) With a layer, a task learns from its
        own new observations by the weights of its own network, and from those of other tasks
        through the layer; see `CorrelationLayers.take_in`.

        Args:
            X: A `batch_shape x n' x d`-dim tensor of inputs in the scale of `train_X`; in the long
                format with or without the task column.
            Y: A `batch_shape' x n' x m`-dim tensor of targets in their natural scale, NaN where an
                output was not observed; one column if `X` holds the task column. `batch_shape'`
                may have more leading dimensions.
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
        return self._with_rows(self._added_rows(X, Y, noise))

    def _added_rows(self, X: Tensor, Y: Tensor, noise: Tensor | None) -> AddedRows:
        """Further observations as the members see them; see `condition_on_observations`."""
        for name, tensor in (("Y", Y), ("noise", noise)):
            if tensor is not None:
                check_tensor(name, tensor)
        task = self._check_inputs(X)
        num_columns = self.num_outputs if task is None else 1
        batch = check_observations(X, Y, noise, num_columns, self.batch_shape)
        self.eval()
        with fantasize_flag():
            X = self._transformed(X, with_task=task is not None)
        Y = self.tasks.by_task(Y.expand(*batch, *Y.shape[-2:]), task)
        observed = ~Y.isnan()
        Y = self._outcomes.apply(Y, X)
        check_finite(Y, ~observed)
        Yvar = Y.new_full((X.shape[-2], self.num_tasks), torch.nan)
        if noise is not None:
            given = noise.expand(*noise.shape[:-2], Y.shape[-2], num_columns)
            Yvar = self.tasks.by_task(given, task)
        # A mask that all batches share keeps the weights small.
        first = observed[(0,) * len(batch)]
        if bool((observed == first).all()):
            observed = first
        inputs = self._to_unit_cube(self.tasks.without_task(X))
        return AddedRows(inputs, Y, weights_like(self.data, Yvar) * observed)

    def fantasize(
        self, X: Tensor, sampler: MCSampler, observation_noise: Tensor | None = None, **kwargs: Any
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
        noise = True if observation_noise is None else observation_noise
        with fantasize_flag():
            posterior = self.posterior(X, observation_noise=noise)
        return self.condition_on_observations(X, sampler(posterior), **kwargs)

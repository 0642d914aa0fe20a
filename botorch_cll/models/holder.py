"""A model that predicts with a fitted ensemble: holding, conditioning, copying and loading it."""

import copy
from abc import ABC
from collections.abc import Mapping
from typing import Any, Self

import torch
from botorch.exceptions import ModelFittingError, UnsupportedError
from torch import Tensor

from botorch_cll.data import AddedRows
from botorch_cll.ensemble import ConditionedEnsemble, FittedEnsemble
from botorch_cll.ensemble.fitted import upgrade_state
from botorch_cll.fit.rbf_ensemble import EnsembleHolder
from botorch_cll.models.multi_task import MultiTaskEnsembleModel
from botorch_cll.nn.ridge import RidgeSolution


class FittedEnsembleModel(MultiTaskEnsembleModel, EnsembleHolder, ABC):
    """A model with a `FittedEnsemble` (`None` before a fit), perhaps conditioned on rows."""

    fitted: FittedEnsemble | None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.register_module("fitted", None)
        self._solution: RidgeSolution | None = None
        self._conditioned: ConditionedEnsemble | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether the model has been fitted."""
        return self.fitted is not None

    def hold(self, fitted: FittedEnsemble | None) -> None:
        """Predict with an ensemble fitted to this model's data from now on, in evaluation mode."""
        self.fitted, self._solution = fitted, None
        self.eval()

    def check_not_conditioned(self) -> None:
        """Refuse a model that knows more than its training data."""
        if self._conditioned is not None:
            raise UnsupportedError(
                "Expected a model as it was fitted, got one conditioned on further observations, "
                "which can be predicted with and conditioned again only. Fit a new model to all "
                "data, with warm_start=the model before it was conditioned."
            )

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape, empty for a fitted model, the fantasies' for a conditioned one."""
        return torch.Size() if self._conditioned is None else self._conditioned.rows.batch_shape

    @property
    def noise(self) -> Tensor:
        """A `T`-dim tensor of noise variances in the scale of the transformed outcomes."""
        return self._check_fitted().noise

    def forward(self, X: Tensor) -> Tensor:
        """The members' values at transformed inputs; see `MultiTaskEnsembleModel.forward`."""
        ensemble = self._conditioned or self._check_fitted()
        return ensemble(self._to_unit_cube(X))

    def _check_fitted(self) -> FittedEnsemble:
        if self.fitted is None:
            raise ModelFittingError(
                f"Expected a fitted {type(self).__name__}, got one that is not: call "
                "botorch_cll.fit.fit_rbf_ensemble(model) first."
            )
        return self.fitted

    def _check_rows_known(self) -> FittedEnsemble:
        fitted = self._check_fitted()
        if fitted.members.bags is None:
            raise ModelFittingError(
                "Expected a model fitted to its training data, got one whose state comes from "
                "other data: call botorch_cll.fit.fit_rbf_ensemble(model) first."
            )
        return fitted

    def _with_rows(self, rows: AddedRows) -> Self:
        """A copy of the model that has taken in further rows."""
        fitted = self._check_rows_known()
        if self._conditioned is not None:
            rows = self._conditioned.rows.join(rows)
        if self._solution is None:
            # What is kept has to serve gradients later on too.
            with torch.inference_mode(False), torch.no_grad():
                self._solution = fitted.members.solve(fitted.coupling, self.data)
        model = copy.deepcopy(self)
        model._conditioned = ConditionedEnsemble.of(model._check_fitted(), self._solution, rows)
        return model

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As `torch.nn.Module.state_dict`; no state could hold what a model is conditioned on."""
        self.check_not_conditioned()
        return super().state_dict(*args, **kwargs)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a state, also one of other numbers of rows or centers, or of a file of format 3.

        What a state knows of the rows it was fitted to is left out where this model's are others;
        then `loo` and fantasies need a new fit.

        Args:
            state_dict: The state of a model with as many restarts and tasks.
            strict: As in `torch.nn.Module.load_state_dict`, whose result is returned.
            assign: Likewise.

        Raises:
            UnsupportedError: If the model was conditioned on further observations.
        """
        self.check_not_conditioned()
        state, before = upgrade_state(state_dict), self.fitted
        rows = state.get("rows_fingerprint")
        if rows is None or int(rows) != int(self.rows_fingerprint):
            for name in ("members.bags", "left_out", "left_out_rows"):
                state.pop(f"fitted.{name}", None)
        state["rows_fingerprint"] = self.rows_fingerprint
        like, self._solution = self._rows_X, None
        self.fitted = FittedEnsemble.for_state(state, self.architecture, self.num_tasks, like)
        try:
            return super().load_state_dict(state, strict=strict, assign=assign)
        except RuntimeError:
            self.fitted = before
            raise

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # These are never changed in place, and tensors with a gradient cannot be copied.
        memo[id(self._solution)] = self._solution
        if self._conditioned is not None:
            rows = self._conditioned.rows
            memo |= {id(kept): kept for kept in (rows, self._conditioned.weight)}
        model = type(self).__new__(type(self))
        memo[id(self)] = model
        model.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return model

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Move what is not a parameter or buffer along with `to` and the like."""
        super()._apply(fn, recurse)
        self._solution = None
        if self._conditioned is not None:
            rows, weight = self._conditioned.rows.map(fn), fn(self._conditioned.weight)
            self._conditioned = ConditionedEnsemble(self._check_fitted(), rows, weight)
        return self

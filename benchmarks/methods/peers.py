"""Factories of the models that the conformance study looks at: ours and BoTorch's.

Each takes the options that its model has and no others; nothing is added to a peer that its users
would not have.
"""

from __future__ import annotations

from typing import Any

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelList, MultiTaskGP, SingleTaskGP
from botorch.models.ensemble import EnsembleModel
from botorch.models.model import Model
from botorch.models.transforms import Normalize, Standardize
from botorch.models.transforms.input import InputPerturbation, InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT, _DefaultType
from botorch_community.models.vblls import (  # type: ignore[import-untyped, unused-ignore]
    VBLLModel,
)
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor, nn

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.testing import SurrogateFactory


def rbf_factory(model_class: type[RBFEnsembleModel]) -> SurrogateFactory:
    """The factory of one of our models, with eight members unless told otherwise.

    Args:
        model_class: The class.

    Returns:
        The factory.
    """

    def factory(train_X: Tensor, train_Y: Tensor, num_restarts: int = 8, **options: Any) -> Model:
        return fit_rbf_ensemble(model_class(train_X, train_Y, num_restarts=num_restarts, **options))

    return factory


def fit_single_task_gp(
    train_X: Tensor,
    train_Y: Tensor,
    train_Yvar: Tensor | None = None,
    input_transform: InputTransform | _DefaultType | None = DEFAULT,
    outcome_transform: OutcomeTransform | _DefaultType | None = DEFAULT,
) -> SingleTaskGP:
    """BoTorch's `SingleTaskGP`, inputs normalized, targets standardized, as its tutorials do.

    Args:
        train_X: A `n x d`-dim tensor of inputs.
        train_Y: A `n x T`-dim tensor of targets.
        train_Yvar: A `n x T`-dim tensor of noise variances.
        input_transform: An input transform; `Normalize` if omitted.
        outcome_transform: An outcome transform; `Standardize` if omitted.

    Returns:
        The fitted model.
    """
    if input_transform is DEFAULT:
        input_transform = Normalize(train_X.shape[-1])
    model = SingleTaskGP(
        train_X,
        train_Y,
        train_Yvar,
        input_transform=input_transform,
        outcome_transform=outcome_transform,
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def fit_stock_multi_task_gp(
    train_X: Tensor, train_Y: Tensor, task_feature: int | None = None, **options: Any
) -> MultiTaskGP:
    """BoTorch's `MultiTaskGP`, inputs normalized; a column per task becomes a row per observation.

    Args:
        train_X: A `n x d`-dim tensor of inputs; with a `task_feature` `n x (d + 1)`-dim.
        train_Y: A `n x T`-dim tensor of targets, with `missing="mask"` NaN where not observed;
            with a `task_feature` `n x 1`-dim.
        task_feature: The task column of long data, which are given to the model as they are.
        options: `missing`, for wide data; the other options of the model's constructor.

    Returns:
        The fitted model.
    """
    if task_feature is None:
        num_tasks = train_Y.shape[-1]
        task_feature = train_X.shape[-1]
        seen = torch.ones_like(train_Y, dtype=torch.bool)
        if options.pop("missing", "raise") == "mask":
            seen = ~train_Y.isnan()
        row, task = seen.nonzero(as_tuple=True)
        train_X = torch.cat([train_X[row], task.unsqueeze(-1).to(train_X)], dim=-1)
        train_Y = train_Y[row, task].unsqueeze(-1)
        if options.get("train_Yvar") is not None:
            options["train_Yvar"] = options["train_Yvar"][row, task].unsqueeze(-1)
        options["all_tasks"] = list(range(num_tasks))
    width = train_X.shape[-1]
    inputs = [i for i in range(width) if i != task_feature % width]
    options["input_transform"] = _beside_the_task(
        options.get("input_transform", Normalize(len(inputs))), inputs, width
    )
    model = MultiTaskGP(train_X, train_Y, task_feature=task_feature, **options)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _beside_the_task(
    transform: InputTransform | None, inputs: list[int], width: int
) -> InputTransform | None:
    """The same transform of the inputs for data that also have a task column."""
    if isinstance(transform, Normalize):
        bounds = None if transform.learn_bounds else transform.bounds
        return Normalize(width, indices=inputs, bounds=bounds)
    if isinstance(transform, InputPerturbation):
        return InputPerturbation(transform.perturbation_set, indices=inputs)
    return transform


class MLPEnsemble(EnsembleModel):
    """A deep ensemble as a user of BoTorch's `EnsembleModel` writes it.

    The members are networks with two hidden layers, trained from different random weights.

    Args:
        train_X: A `n x d`-dim tensor of inputs.
        train_Y: A `n x T`-dim tensor of targets.
        num_restarts: The number of members.
        input_transform: An input transform; `Normalize` if omitted.
        outcome_transform: An outcome transform; `Standardize` if omitted.
    """

    def __init__(
        self,
        train_X: Tensor,
        train_Y: Tensor,
        num_restarts: int = 8,
        input_transform: InputTransform | _DefaultType | None = DEFAULT,
        outcome_transform: OutcomeTransform | _DefaultType | None = DEFAULT,
    ) -> None:
        super().__init__()
        d, self._num_outputs = train_X.shape[-1], train_Y.shape[-1]
        if input_transform is DEFAULT:
            input_transform = Normalize(d)
        if outcome_transform is DEFAULT:
            outcome_transform = Standardize(m=self._num_outputs)
        if input_transform is not None:
            self.input_transform = input_transform
        if outcome_transform is not None:
            self.outcome_transform = outcome_transform
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, m)
            )
            for m in [self._num_outputs] * num_restarts
        )
        self.to(train_X)
        self._train(train_X, train_Y)

    def _train(self, train_X: Tensor, train_Y: Tensor, num_steps: int = 200) -> None:
        with torch.no_grad():
            X, Y = self.transform_inputs(train_X), train_Y
            if hasattr(self, "outcome_transform"):
                Y, _ = self.outcome_transform(Y, X=X)
        optimizer = torch.optim.Adam(self.members.parameters(), lr=1e-2)
        for _ in range(num_steps):
            optimizer.zero_grad()
            (self.forward(X) - Y).square().mean().backward()
            optimizer.step()
        self.eval()

    def forward(self, X: Tensor) -> Tensor:
        """The members' values.

        Args:
            X: A `batch_shape x q x d`-dim tensor.

        Returns:
            A `batch_shape x S x q x T`-dim tensor.
        """
        return torch.stack([member(X) for member in self.members], dim=-3)


def fit_stock_vbll(train_X: Tensor, train_Y: Tensor, num_epochs: int = 1500) -> Model:
    """BoTorch community's `VBLLModel` with its tutorial's architecture.

    The tutorial's 10 000 epochs at a learning rate of 0.001 take half a minute for the small data
    of the checks; 1 500 at 0.01 fit them as well. Its posterior has one output only, so that
    several tasks become a list of models.

    Args:
        train_X: A `n x d`-dim tensor of inputs.
        train_Y: A `n x T`-dim tensor of targets.
        num_epochs: The number of epochs.

    Returns:
        The fitted model.
    """
    settings = {"num_epochs": num_epochs, "lr": 1e-2}
    models = []
    for column in train_Y.T:
        model = VBLLModel(in_features=train_X.shape[-1], hidden_features=64, num_layers=3)
        model.fit(train_X, column.unsqueeze(-1), optimization_settings=settings)
        models.append(model)
    return models[0] if len(models) == 1 else ModelList(*models)


FACTORIES: dict[str, SurrogateFactory] = {
    "MultiRBFCorrelation": rbf_factory(MultiRBFCorrelationModel),
    "RMLA": rbf_factory(RegularizedMultiTaskRBFModel),
    "Single-RBF": rbf_factory(SingleRBFModel),
    "SingleTaskGP": fit_single_task_gp,
    "MultiTaskGP": fit_stock_multi_task_gp,
    "EnsembleModel": MLPEnsemble,
    "VBLLModel": fit_stock_vbll,
}
"""The factories by the name that the report has for them."""

"""BoTorch's own models as its documentation builds and fits them, each with its own options."""

from typing import Any, TypeVar

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelList, MultiTaskGP, SingleTaskGP
from botorch.models.ensemble import EnsembleModel
from botorch.models.gpytorch import GPyTorchModel
from botorch.models.model import Model
from botorch.models.transforms import Normalize, Standardize
from botorch.models.transforms.input import InputPerturbation, InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.utils.types import DEFAULT, _DefaultType
from botorch_community.models.vblls import VBLLModel  # type: ignore[import-untyped, unused-ignore]
from gpytorch.kernels import IndexKernel
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor, nn

GP = TypeVar("GP", bound=GPyTorchModel)


def fit_exactly(gp: GP) -> GP:
    """Fit a Gaussian process by its marginal likelihood."""
    fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp))
    return gp


def single_task_gp(train_X: Tensor, train_Y: Tensor, **options: Any) -> SingleTaskGP:
    """`SingleTaskGP` of `n x d`-dim inputs, normalized, and `n x T`-dim targets, standardized."""
    options = {"input_transform": Normalize(train_X.shape[-1])} | options
    return SingleTaskGP(train_X, train_Y, **options)


def multi_task_gp(
    train_X: Tensor,
    train_Y: Tensor,
    task_feature: int | None = None,
    missing: str = "raise",
    gp_class: type[MultiTaskGP] = MultiTaskGP,
    **options: Any,
) -> MultiTaskGP:
    """`MultiTaskGP`, or a subclass, inputs normalized, of long data if there is a `task_feature`.

    Wide data (`n x d` and `n x T`; NaN where not observed if `missing="mask"`) are made long.
    """
    if task_feature is None:
        task_feature = train_X.shape[-1]
        options["all_tasks"] = list(range(train_Y.shape[-1]))
        seen = ~train_Y.isnan() if missing == "mask" else torch.ones_like(train_Y).bool()
        row, task = seen.nonzero(as_tuple=True)
        train_X = torch.cat([train_X[row], task.unsqueeze(-1).to(train_X)], dim=-1)
        train_Y = train_Y[row, task].unsqueeze(-1)
        if options.get("train_Yvar") is not None:
            options["train_Yvar"] = options["train_Yvar"][row, task].unsqueeze(-1)
    width = train_X.shape[-1]
    inputs = [i for i in range(width) if i != task_feature % width]
    transform = options.get("input_transform", Normalize(len(inputs)))
    options["input_transform"] = beside_the_task(transform, inputs, width)
    return gp_class(train_X, train_Y, task_feature=task_feature, **options)


def beside_the_task(
    transform: InputTransform | None, inputs: list[int], width: int
) -> InputTransform | None:
    """The same transform of the inputs for data that also have a task column."""
    if isinstance(transform, Normalize):
        bounds = None if transform.learn_bounds else transform.bounds
        return Normalize(width, indices=inputs, bounds=bounds)
    if isinstance(transform, InputPerturbation):
        return InputPerturbation(transform.perturbation_set, indices=inputs)
    return transform


class IndexKernelMultiTaskGP(MultiTaskGP):
    r"""`MultiTaskGP` whose tasks may be negatively related, as before BoTorch 0.16.1.

    The covariance of the tasks is GPyTorch's `IndexKernel` of full rank, without a prior:
    :math:`k(s, t) = (B B^\top + \mathrm{diag}(v))_{st}`.
    """

    covar_module: Any  # a ProductKernel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # MultiTaskGP takes a kernel for the inputs only, and makes that of the tasks itself.
        over_inputs, _ = self.covar_module.kernels
        over_tasks = IndexKernel(self.num_tasks, self._rank, active_dims=[self._task_feature])
        self.covar_module = over_inputs * over_tasks.to(self.train_targets)


def vbll(d: int, device: torch.device | None = None) -> Any:
    """BoTorch community's `VBLLModel` of `d` inputs with its tutorial's sizes, not trained."""
    return VBLLModel(in_features=d, hidden_features=64, num_layers=3, out_features=1, device=device)


def fit_vblls(train_X: Tensor, train_Y: Tensor, num_epochs: int = 1500) -> Model:
    """One `VBLLModel` per column of `n x T`-dim targets: its posterior has one output only.

    The tutorial's 10 000 epochs at a rate of 0.001 take half a minute; 1 500 at 0.01 fit as well.
    """
    settings = {"num_epochs": num_epochs, "lr": 1e-2}
    models = []
    for column in train_Y.T:
        models.append(vbll(train_X.shape[-1]))
        models[-1].fit(train_X, column.unsqueeze(-1), optimization_settings=settings)
    return models[0] if len(models) == 1 else ModelList(*models)


class MLPEnsemble(EnsembleModel):
    """A deep ensemble of `n x T`-dim targets as a user of BoTorch's `EnsembleModel` writes it.

    The members, `num_restarts` of them, have two hidden layers and differ in their first weights.
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
        d, T = train_X.shape[-1], train_Y.shape[-1]
        self._num_outputs = T
        if input_transform is not None:
            self.input_transform = Normalize(d) if input_transform is DEFAULT else input_transform
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, T)
            )
            for _ in range(num_restarts)
        )
        self.to(train_X)
        with torch.no_grad():
            X, Y = self.transform_inputs(train_X), train_Y
            if outcome_transform is not None:
                default = outcome_transform is DEFAULT
                self.outcome_transform = Standardize(m=T) if default else outcome_transform
                Y, _ = self.outcome_transform(Y, X=X)
        optimizer = torch.optim.Adam(self.members.parameters(), lr=1e-2)
        for _ in range(200):
            optimizer.zero_grad()
            (self.forward(X) - Y).square().mean().backward()
            optimizer.step()
        self.eval()

    def forward(self, X: Tensor) -> Tensor:
        """The members' values, `batch_shape x S x q x T`, at `batch_shape x q x d`-dim points."""
        return torch.stack([member(X) for member in self.members], dim=-3)

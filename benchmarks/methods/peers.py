"""BoTorch's own models, as its documentation fits them, and wide ones for the studies."""

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.fit import fit_gpytorch_mll
from botorch.models import KroneckerMultiTaskGP, ModelList, ModelListGP, MultiTaskGP, SingleTaskGP
from botorch.models.ensemble import EnsembleModel
from botorch.models.gpytorch import GPyTorchModel
from botorch.models.model import Model
from botorch.models.transforms import Normalize, Standardize
from botorch.models.transforms.input import InputPerturbation, InputTransform
from botorch.models.transforms.outcome import OutcomeTransform
from botorch.models.utils import gpt_posterior_settings
from botorch.posteriors import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from botorch.utils.types import DEFAULT, _DefaultType
from botorch_community.models.vblls import VBLLModel  # type: ignore[import-untyped, unused-ignore]
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from gpytorch.kernels import IndexKernel
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood
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
    missing: str = "raise",  # or "mask": NaN where not observed
    gp_class: type[MultiTaskGP] = MultiTaskGP,
    **options: Any,
) -> MultiTaskGP:
    """`MultiTaskGP`, or a subclass, of data with a `task_feature`, or of wide ones, made long."""
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
    """`MultiTaskGP` whose tasks may be negatively related, as before BoTorch 0.16.1."""

    covar_module: Any  # a ProductKernel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # MultiTaskGP makes the kernel of the tasks itself; here it is B Bᵀ + diag(v), no prior.
        over_inputs, _ = self.covar_module.kernels
        over_tasks = IndexKernel(self.num_tasks, self._rank, active_dims=[self._task_feature])
        self.covar_module = over_inputs * over_tasks.to(self.train_targets)


def vbll(d: int, device: torch.device | None = None) -> Any:
    """BoTorch community's `VBLLModel` of `d` inputs with its tutorial's sizes, not trained."""
    return VBLLModel(in_features=d, hidden_features=64, num_layers=3, out_features=1, device=device)


def fit_vblls(train_X: Tensor, train_Y: Tensor, num_epochs: int = 1500) -> Model:
    """One `VBLLModel` per column of `n x T`-dim targets: its posterior has one output only."""
    # The tutorial's 10 000 epochs at a rate of 0.001 take half a minute; these fit as well.
    settings = {"num_epochs": num_epochs, "lr": 1e-2}
    models = []
    for column in train_Y.T:
        models.append(vbll(train_X.shape[-1]))
        models[-1].fit(train_X, column.unsqueeze(-1), optimization_settings=settings)
    return models[0] if len(models) == 1 else ModelList(*models)


class MLPEnsemble(EnsembleModel):
    """A deep ensemble of `n x T`-dim targets as a user of BoTorch's `EnsembleModel` writes it."""

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
        self._num_outputs, self.members = T, nn.ModuleList()
        if input_transform is not None:
            self.input_transform = Normalize(d) if input_transform is DEFAULT else input_transform
        for _ in range(num_restarts):
            hidden = nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()
            self.members.append(nn.Sequential(*hidden, nn.Linear(32, T)))
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


def by_task(X: Tensor, Y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The points and values (`n_t x 1`) of each task, where it was observed."""
    return [(X[~y.isnan()], y[~y.isnan()].unsqueeze(-1)) for y in Y.T]


def independent_gps(X: Tensor, Y: Tensor) -> ModelListGP:
    """One `SingleTaskGP` per task, fitted to the rows that it was observed in."""
    model = ModelListGP(*(single_task_gp(*data) for data in by_task(X, Y)))
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def wants_noise(output_indices: list[int] | None, observation_noise: bool | Tensor) -> bool:
    """Whether a posterior is to have the noise; what our peers' models cannot do is refused."""
    if output_indices is not None:
        raise NotImplementedError("Expected output_indices=None; use a posterior transform.")
    if not isinstance(observation_noise, bool):
        raise UnsupportedError("Expected observation_noise to be True or False, got a tensor.")
    return observation_noise


class WideModel(Model, ABC):
    """A fit of `n x d` points and `n x T` values, NaN where not seen, by the global random state.

    Tasks are standardized one by one before, and predictions scaled back after.
    """

    batch_shape = torch.Size()
    num_outputs = 0  # the number of tasks

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        super().__init__()
        unseen = Y.isnan().all(0).nonzero().flatten().tolist()
        if unseen:
            raise InputDataError(f"Expected observations of every task, got none of {unseen}.")
        self.num_outputs = Y.shape[-1]
        self.standardize = Standardize(m=self.num_outputs)
        self.scaled_Y, _ = self.standardize(Y)
        self.standardize.eval()

    @abstractmethod
    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        """The distribution of the standardized tasks at `batch_shape x q x d`-dim points."""

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior of all tasks at `batch_shape x q x d`-dim points."""
        noise = wants_noise(output_indices, observation_noise)
        posterior = GPyTorchPosterior(self._distribution(X, noise))
        posterior = self.standardize.untransform_posterior(posterior, X=X)
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


class WideMultiTaskGP(WideModel):
    """`MultiTaskGP`, or a subclass `gp_class`."""

    def __init__(self, X: Tensor, Y: Tensor, gp_class: type[MultiTaskGP] = MultiTaskGP) -> None:
        super().__init__(X, Y)
        gp = multi_task_gp(X, self.scaled_Y, None, "mask", gp_class, outcome_transform=None)
        self.gp = fit_exactly(gp)

    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        return self.gp.posterior(X, observation_noise=observation_noise).distribution


class WideKroneckerGP(WideModel):
    """`KroneckerMultiTaskGP`, predicting by GPyTorch: BoTorch 0.18 takes all noises for equal."""

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        if Y.isnan().any():
            got = f"got {Y.isnan().sum()} of {Y.numel()} values missing."
            raise UnsupportedError(f"KroneckerMultiTaskGP needs every task at every point, {got}")
        super().__init__(X, Y)
        normalize = Normalize(X.shape[-1])
        self.gp = fit_exactly(KroneckerMultiTaskGP(X, self.scaled_Y, input_transform=normalize))

    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        self.eval()
        with gpt_posterior_settings():
            distribution = self.gp(self.gp.transform_inputs(X))
            return self.gp.likelihood(distribution) if observation_noise else distribution


class WideVBLL(WideModel):
    r"""A network with a variational Bayesian last layer per task, `VBLLModel` having one output.

    .. math::
        y_t(x) = w_t^\top \phi_t(x) + \epsilon_t, \qquad
        w_t \sim N(m_t, S_t), \quad \epsilon_t \sim N(0, \sigma_t^2)

    Source: P. Brunzema et al., Bayesian Optimization via Continual Variational Last Layer Training,
    ICLR 2025. `VBLLModel.posterior` always has the noise, and no covariance between points.
    """

    networks: Any  # a ModuleList of VBLLModel

    def __init__(self, X: Tensor, Y: Tensor, **settings: Any) -> None:
        super().__init__(X, Y)
        self.normalize = Normalize(X.shape[-1])
        self.normalize(X)
        self.normalize.eval()
        self.networks = nn.ModuleList(vbll(X.shape[-1], X.device) for _ in Y.T)
        all_data = by_task(self.normalize(X), self.scaled_Y)
        for network, data in zip(self.networks, all_data, strict=True):
            network.fit(*data, optimization_settings=settings)

    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        self.eval()
        tasks = []
        for network in self.networks:
            features = network.backbone(self.normalize(X))
            weights, noise = network.head.W(), network.head.noise()
            spread = features @ weights.scale_tril.squeeze(0)
            variance = noise.scale.square() if observation_noise else torch.zeros_like(noise.scale)
            covariance = spread @ spread.mT + variance * torch.eye(X.shape[-2]).to(X)
            tasks.append(MultivariateNormal(features @ weights.mean.squeeze(0), covariance))
        return MultitaskMultivariateNormal.from_independent_mvns(tasks)

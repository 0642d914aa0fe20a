"""The peers of the studies, all of `n x d` points `X` and `n x T` values `Y`, NaN where not seen.

They are fitted when they are made, with the global random state.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.fit import fit_gpytorch_mll
from botorch.models import KroneckerMultiTaskGP, ModelListGP, MultiTaskGP
from botorch.models.model import Model
from botorch.models.transforms import Normalize, Standardize
from botorch.models.utils import gpt_posterior_settings
from botorch.posteriors import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from gpytorch.mlls import SumMarginalLogLikelihood
from torch import Tensor

from benchmarks.methods.peers import fit_exactly, multi_task_gp, single_task_gp, vbll


def by_task(X: Tensor, Y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The points and values (`n_t x 1`) of each task, where it was observed."""
    return [(X[~y.isnan()], y[~y.isnan()].unsqueeze(-1)) for y in Y.T]


def independent_gps(X: Tensor, Y: Tensor) -> ModelListGP:
    """One `SingleTaskGP` per task, fitted to the rows that it was observed in."""
    model = ModelListGP(*(single_task_gp(*data) for data in by_task(X, Y)))
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


class WideModel(Model, ABC):
    """Base class: tasks are standardized one by one before, and predictions scaled back after."""

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
        if output_indices is not None:
            raise NotImplementedError("Expected output_indices=None; use a posterior transform.")
        if not isinstance(observation_noise, bool):
            raise UnsupportedError("Expected observation_noise to be True or False, got a tensor.")
        posterior = GPyTorchPosterior(self._distribution(X, observation_noise))
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
    """`KroneckerMultiTaskGP`, predicting by GPyTorch's exact inference.

    The `posterior` of BoTorch 0.18 assumes one noise level for all tasks, where each has its own.
    """

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        if Y.isnan().any():
            raise UnsupportedError(
                "KroneckerMultiTaskGP needs every task at every point, got "
                f"{Y.isnan().sum()} of {Y.numel()} values missing."
            )
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
    ICLR 2025. `VBLLModel.posterior` always has the noise, and no covariance between points; here
    both are as the formula says. The `settings` are optimization settings of `VBLLModel.fit`.
    """

    networks: Any  # a ModuleList of VBLLModel

    def __init__(self, X: Tensor, Y: Tensor, **settings: Any) -> None:
        super().__init__(X, Y)
        self.normalize = Normalize(X.shape[-1])
        self.normalize(X)
        self.normalize.eval()
        self.networks = torch.nn.ModuleList(vbll(X.shape[-1], X.device) for _ in Y.T)
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

"""The peers of the studies, with one column per task.

BoTorch's multi-task models want their targets standardized task by task, and each takes them in
another form; these all take `n x d`-dim points `X` and `n x T`-dim values `Y`, NaN where a task was
not observed. They are fitted when they are made, with the global random state.
"""

from __future__ import annotations

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


def independent_gps(X: Tensor, Y: Tensor) -> ModelListGP:
    """One `SingleTaskGP` per task, fitted to the rows that it was observed in."""
    rows = [~column.isnan() for column in Y.T]
    model = ModelListGP(
        *(single_task_gp(X[seen], Y[seen, task : task + 1]) for task, seen in enumerate(rows))
    )
    fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


class WideModel(Model, ABC):
    """Base class: tasks are standardized before, and predictions scaled back after.

    Raises:
        InputDataError: If a task was never observed.
    """

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        super().__init__()
        unseen = Y.isnan().all(0).nonzero().flatten().tolist()
        if unseen:
            raise InputDataError(f"Expected observations of every task, got none of {unseen}.")
        self.standardize = Standardize(m=Y.shape[-1])
        self.standardize(Y)
        self.standardize.eval()

    @property
    def num_outputs(self) -> int:
        """The number of tasks."""
        return self.standardize.means.shape[-1]

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape: empty."""
        return torch.Size()

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
        """The posterior of all tasks at `batch_shape x q x d`-dim points.

        Raises:
            NotImplementedError: If some outputs only are asked for.
            UnsupportedError: If noise variances are given.
        """
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
        scaled, _ = self.standardize(Y)
        self.gp = fit_exactly(
            multi_task_gp(X, scaled, missing="mask", gp_class=gp_class, outcome_transform=None)
        )

    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        return self.gp.posterior(X, observation_noise=observation_noise).distribution


class WideKroneckerGP(WideModel):
    """`KroneckerMultiTaskGP`.

    Predictions come from GPyTorch's exact inference: the variance that
    `KroneckerMultiTaskGP.posterior` of BoTorch 0.18 reports assumes one noise level for all tasks,
    while the model fits one for each.

    Raises:
        UnsupportedError: If a task was not observed somewhere.
    """

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        missing = int(Y.isnan().sum())
        if missing:
            raise UnsupportedError(
                "KroneckerMultiTaskGP needs every task at every point, got "
                f"{missing} of {Y.numel()} values missing."
            )
        super().__init__(X, Y)
        scaled, _ = self.standardize(Y)
        normalize = Normalize(X.shape[-1])
        self.gp = fit_exactly(KroneckerMultiTaskGP(X, scaled, input_transform=normalize))

    def _distribution(self, X: Tensor, observation_noise: bool) -> MultitaskMultivariateNormal:
        self.eval()
        with gpt_posterior_settings():
            distribution = self.gp(self.gp.transform_inputs(X))
            return self.gp.likelihood(distribution) if observation_noise else distribution


class WideVBLL(WideModel):
    r"""One network with a variational Bayesian last layer per task, trained by `VBLLModel.fit`.

    .. math::
        y_t(x) = w_t^\top \phi_t(x) + \epsilon_t, \qquad
        w_t \sim N(m_t, S_t), \quad \epsilon_t \sim N(0, \sigma_t^2)

    Source: P. Brunzema et al., Bayesian Optimization via Continual Variational Last Layer
    Training, ICLR 2025. `VBLLModel` predicts for one output only, which is why each task has its
    own. Its `posterior` always includes the noise and leaves out the covariance between points;
    here both are as the formula says.
    The `settings` are the `optimization_settings` of `VBLLModel.fit` that are not its defaults.
    """

    networks: Any  # a ModuleList of VBLLModel

    def __init__(self, X: Tensor, Y: Tensor, **settings: Any) -> None:
        super().__init__(X, Y)
        self.normalize = Normalize(X.shape[-1])
        self.normalize(X)
        self.normalize.eval()
        self.networks = torch.nn.ModuleList(vbll(X.shape[-1], X.device) for _ in Y.T)
        for network, column in zip(self.networks, self.standardize(Y)[0].T, strict=True):
            seen = ~column.isnan()
            points, targets = self.normalize(X[seen]), column[seen].unsqueeze(-1)
            network.fit(points, targets, optimization_settings=settings)

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

"""The surrogates that our studies compare, each fitted as its authors recommend."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import PosteriorTransform, ScalarizedPosteriorTransform
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, MultiTaskGP, SingleTaskGP
from botorch.models.model import Model
from botorch.models.transforms import Normalize, Standardize
from botorch.optim import optimize_acqf
from botorch.posteriors.posterior import Posterior
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood
from torch import Tensor

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models.ensemble import RBFEnsembleModel


@contextmanager
def without_sparse_warning() -> Iterator[None]:
    """Hide, while inside, what PyTorch says of the sparse tensors that GPyTorch makes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generator, which BoTorch's fits and optimizers draw from, while inside.

    Its state is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class WideMultiTaskGP(Model):
    """BoTorch's `MultiTaskGP` with one column per task: inputs normalized, tasks standardized.

    `MultiTaskGP` wants its targets standardized per task, and BoTorch's transform for that works
    for one output only; this class standardizes before and undoes it after.

    Args:
        X: A `n x d`-dim tensor of points.
        Y: A `n x T`-dim tensor of values, NaN where a task was not observed.
    """

    def __init__(self, X: Tensor, Y: Tensor) -> None:
        super().__init__()
        d = X.shape[-1]
        self.standardize = Standardize(m=Y.shape[-1])
        scaled, _ = self.standardize(Y)
        self.standardize.eval()
        row, task = (~Y.isnan()).nonzero(as_tuple=True)
        self.gp = MultiTaskGP(
            torch.cat([X[row], task.unsqueeze(-1).to(X)], dim=-1),
            scaled[row, task].unsqueeze(-1),
            task_feature=d,
            outcome_transform=None,
            input_transform=Normalize(d + 1, indices=list(range(d))),
        )

    @property
    def num_outputs(self) -> int:
        """The number of tasks."""
        return self.gp.num_outputs

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape: empty."""
        return torch.Size()

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
        """
        if output_indices is not None:
            raise NotImplementedError("Expected output_indices=None; use a posterior transform.")
        posterior = self.gp.posterior(X, observation_noise=bool(observation_noise))
        posterior = self.standardize.untransform_posterior(posterior, X=X)
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


def fit_multi_task_gp(X: Tensor, Y: Tensor, seed: int) -> WideMultiTaskGP:
    """Fit `MultiTaskGP` by marginal likelihood."""
    with own_random_state(seed):
        model = WideMultiTaskGP(X, Y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.gp.likelihood, model.gp))
    return model


def fit_independent_gps(X: Tensor, Y: Tensor, seed: int) -> ModelListGP:
    """Fit one `SingleTaskGP` per task on the rows it was observed in."""
    models = []
    for column in Y.T:
        seen = ~column.isnan()
        normalize = Normalize(X.shape[-1])
        models.append(SingleTaskGP(X[seen], column[seen].unsqueeze(-1), input_transform=normalize))
    model = ModelListGP(*models)
    with own_random_state(seed):
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def rbf_fit(
    model_class: type[RBFEnsembleModel], **options: Any
) -> Callable[[Tensor, Tensor, int], RBFEnsembleModel]:
    """A fit of one of our models with given options, as `run_bay_mrbfcor` takes it."""

    def fit(X: Tensor, Y: Tensor, seed: int) -> RBFEnsembleModel:
        return fit_rbf_ensemble(model_class(X, Y, missing="mask", seed=seed, **options))

    return fit


def propose_by_gradient(model: Model | None, bounds: Tensor, best_f: Tensor, seed: int) -> Tensor:
    """One candidate per task by `LogExpectedImprovement` and `optimize_acqf`, task by task.

    20 restarts from 512 raw samples, BoTorch's usual setting.
    """
    assert model is not None
    candidates, values = [], []
    for task, incumbent in enumerate(best_f):
        weights = torch.zeros_like(best_f)
        weights[task] = 1.0
        acqf = LogExpectedImprovement(
            model, incumbent, posterior_transform=ScalarizedPosteriorTransform(weights)
        )
        with own_random_state(seed):
            candidate, value = optimize_acqf(
                acqf, bounds, q=1, num_restarts=20, raw_samples=512, options={"seed": seed}
            )
        candidates.append(candidate)
        values.append(value)
    return torch.cat(candidates)[torch.stack(values).argsort(descending=True)]

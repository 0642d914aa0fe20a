"""The surrogates that our studies compare, each fitted as its authors recommend."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.model import Model
from botorch.models.transforms import Normalize
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood, SumMarginalLogLikelihood
from torch import Tensor

from benchmarks.methods.wide import (
    IndexKernelMultiTaskGP,
    WideKroneckerGP,
    WideMultiTaskGP,
    WideVBLL,
)
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim import best_by_task
from botorch_cll.optim.random_state import isolated_random_state


@contextmanager
def without_sparse_warning() -> Iterator[None]:
    """Hide, while inside, what PyTorch says of the sparse tensors that GPyTorch makes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse invariant checks")
        yield


def _fit_gp(model: WideMultiTaskGP | WideKroneckerGP) -> None:
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.gp.likelihood, model.gp))


def fit_multi_task_gp(X: Tensor, Y: Tensor, seed: int) -> WideMultiTaskGP:
    """Fit `MultiTaskGP` by marginal likelihood."""
    with isolated_random_state(seed, X.device):
        model = WideMultiTaskGP(X, Y)
        _fit_gp(model)
    return model


def fit_index_kernel_gp(X: Tensor, Y: Tensor, seed: int) -> WideMultiTaskGP:
    """Fit `MultiTaskGP` with an `IndexKernel` between the tasks by marginal likelihood."""
    with isolated_random_state(seed, X.device):
        model = WideMultiTaskGP(X, Y, gp_class=IndexKernelMultiTaskGP)
        _fit_gp(model)
    return model


def fit_kronecker_gp(X: Tensor, Y: Tensor, seed: int) -> WideKroneckerGP:
    """Fit `KroneckerMultiTaskGP` by marginal likelihood.

    Raises:
        UnsupportedError: If a task was not observed somewhere.
    """
    with isolated_random_state(seed, X.device):
        model = WideKroneckerGP(X, Y)
        _fit_gp(model)
    return model


def fit_vbll(
    X: Tensor, Y: Tensor, seed: int, optimization_settings: dict[str, Any] | None = None
) -> WideVBLL:
    """Train one `VBLLModel` per task as `VBLLModel.fit` does, by default with its settings."""
    with isolated_random_state(seed, X.device):
        model = WideVBLL(X, Y)
        model.train_networks(X, Y, optimization_settings)
    return model


def fit_independent_gps(X: Tensor, Y: Tensor, seed: int) -> ModelListGP:
    """Fit one `SingleTaskGP` per task on the rows it was observed in."""
    models = []
    for column in Y.T:
        seen = ~column.isnan()
        normalize = Normalize(X.shape[-1])
        models.append(SingleTaskGP(X[seen], column[seen].unsqueeze(-1), input_transform=normalize))
    model = ModelListGP(*models)
    with isolated_random_state(seed, X.device):
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def rbf_fit(
    model_class: type[RBFEnsembleModel], **options: Any
) -> Callable[[Tensor, Tensor, int], RBFEnsembleModel]:
    """A fit of one of our models with given options, as `run_bay_mrbfcor` takes it."""

    def fit(X: Tensor, Y: Tensor, seed: int) -> RBFEnsembleModel:
        return fit_rbf_ensemble(model_class(X, Y, missing="mask", seed=seed, **options))

    return fit


OURS = "MultiRBFCorrelation"
NO_LAYER = "no correlation layer"
SINGLE_RBF = "Single-RBF"
INDEPENDENT_GPS = "independent GPs"
MULTI_TASK_GP = "MultiTaskGP"
INDEX_KERNEL_GP = "MultiTaskGP-IndexKernel"
KRONECKER_GP = "KroneckerMultiTaskGP"

SURROGATES: dict[str, Callable[[Tensor, Tensor, int], Model]] = {
    OURS: rbf_fit(MultiRBFCorrelationModel),
    NO_LAYER: rbf_fit(MultiRBFCorrelationModel, correlation_layers=None),
    "RMLA": rbf_fit(RegularizedMultiTaskRBFModel),
    SINGLE_RBF: rbf_fit(SingleRBFModel),
    INDEPENDENT_GPS: fit_independent_gps,
    MULTI_TASK_GP: fit_multi_task_gp,
    INDEX_KERNEL_GP: fit_index_kernel_gp,
    KRONECKER_GP: fit_kronecker_gp,
    "VBLL": fit_vbll,
}
MULTI_TASK_GPS = (MULTI_TASK_GP, INDEX_KERNEL_GP, KRONECKER_GP)
GPS = (INDEPENDENT_GPS, *MULTI_TASK_GPS)


def propose_by_gradient(
    model: Model | None, bounds: Tensor, X: Tensor, Y: Tensor, seed: int
) -> Tensor:
    """One candidate per task by `LogExpectedImprovement` and `optimize_acqf`, task by task.

    20 restarts from 512 raw samples and the best observation as incumbent, as in BoTorch's
    tutorials.
    """
    assert model is not None
    best_f = best_by_task(X, Y).Y
    candidates, values = [], []
    for task, incumbent in enumerate(best_f):
        weights = torch.zeros_like(best_f)
        weights[task] = 1.0
        acqf = LogExpectedImprovement(
            model, incumbent, posterior_transform=ScalarizedPosteriorTransform(weights)
        )
        with isolated_random_state(seed, X.device):
            candidate, value = optimize_acqf(
                acqf, bounds, q=1, num_restarts=20, raw_samples=512, options={"seed": seed}
            )
        candidates.append(candidate)
        values.append(value)
    return torch.cat(candidates)[torch.stack(values).argsort(descending=True)]

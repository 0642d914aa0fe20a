"""All surrogates by name: those of the studies and of the speed, and those of the conformance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP
from botorch.models.model import Model
from gpytorch.mlls import SumMarginalLogLikelihood
from torch import Tensor

from benchmarks.methods.peers import (
    IndexKernelMultiTaskGP,
    MLPEnsemble,
    fit_exactly,
    fit_vblls,
    multi_task_gp,
    single_task_gp,
)
from benchmarks.methods.wide import WideKroneckerGP, WideMultiTaskGP, WideVBLL
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.optim.random_state import isolated_random_state


def rbf_fit(model_class: type[Any], missing: str = "mask", **options: Any) -> Callable[..., Any]:
    """A fit of one of our models with given options: of `X` and `Y`, a seed and further options."""

    def fit(X: Tensor, Y: Tensor, seed: int = 0, **further: Any) -> Model:
        given = {"missing": missing, "seed": seed} | options | further
        return fit_rbf_ensemble(model_class(X, Y, **given))

    return fit


def fit_multi_task_gp(X: Tensor, Y: Tensor, seed: int, **options: Any) -> WideMultiTaskGP:
    """Fit `MultiTaskGP`, or the `gp_class` of the options."""
    with isolated_random_state(seed, X.device):
        model = WideMultiTaskGP(X, Y, **options)
        fit_exactly(model.gp)
    return model


def fit_index_kernel_gp(X: Tensor, Y: Tensor, seed: int) -> WideMultiTaskGP:
    """Fit `MultiTaskGP` with an `IndexKernel` between the tasks."""
    return fit_multi_task_gp(X, Y, seed, gp_class=IndexKernelMultiTaskGP)


def fit_kronecker_gp(X: Tensor, Y: Tensor, seed: int) -> WideKroneckerGP:
    """Fit `KroneckerMultiTaskGP`, which refuses tasks that were not observed somewhere."""
    with isolated_random_state(seed, X.device):
        model = WideKroneckerGP(X, Y)
        fit_exactly(model.gp)
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
    seen = ~Y.isnan()
    models = [
        single_task_gp(X[rows], column[rows].unsqueeze(-1))
        for rows, column in zip(seen.T, Y.T, strict=True)
    ]
    model = ModelListGP(*models)
    with isolated_random_state(seed, X.device):
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
    return model


def fit_single_task_gp(train_X: Tensor, train_Y: Tensor, **options: Any) -> Model:
    """Fit BoTorch's `SingleTaskGP` as its users do."""
    return fit_exactly(single_task_gp(train_X, train_Y, **options))


def fit_stock_multi_task_gp(train_X: Tensor, train_Y: Tensor, **options: Any) -> Model:
    """Fit BoTorch's `MultiTaskGP` as its users do."""
    return fit_exactly(multi_task_gp(train_X, train_Y, **options))


OURS = "MultiRBFCorrelation"
NO_LAYER = "no correlation layer"
RMLA = "RMLA"
SINGLE_RBF = "Single-RBF"
INDEPENDENT_GPS = "independent GPs"
MULTI_TASK_GP = "MultiTaskGP"
INDEX_KERNEL_GP = "MultiTaskGP-IndexKernel"
KRONECKER_GP = "KroneckerMultiTaskGP"
MULTI_TASK_GPS = (MULTI_TASK_GP, INDEX_KERNEL_GP, KRONECKER_GP)
GPS = (INDEPENDENT_GPS, *MULTI_TASK_GPS)

SURROGATES: dict[str, Callable[[Tensor, Tensor, int], Model]] = {
    OURS: rbf_fit(MultiRBFCorrelationModel),
    NO_LAYER: rbf_fit(MultiRBFCorrelationModel, correlation_layers=None),
    RMLA: rbf_fit(RegularizedMultiTaskRBFModel),
    SINGLE_RBF: rbf_fit(SingleRBFModel),
    INDEPENDENT_GPS: fit_independent_gps,
    MULTI_TASK_GP: fit_multi_task_gp,
    INDEX_KERNEL_GP: fit_index_kernel_gp,
    KRONECKER_GP: fit_kronecker_gp,
    "VBLL": fit_vbll,
}
"""Fits of all columns of `Y`, NaN where not observed, by name; of points, values and a seed."""

FACTORIES: dict[str, Callable[..., Model]] = {
    OURS: rbf_fit(MultiRBFCorrelationModel, missing="raise", num_restarts=8),
    RMLA: rbf_fit(RegularizedMultiTaskRBFModel, missing="raise", num_restarts=8),
    SINGLE_RBF: rbf_fit(SingleRBFModel, missing="raise", num_restarts=8),
    "SingleTaskGP": fit_single_task_gp,
    MULTI_TASK_GP: fit_stock_multi_task_gp,
    "EnsembleModel": MLPEnsemble,
    "VBLLModel": fit_vblls,
}
"""What `botorch_cll.testing` checks: models as they come, with the options that each has."""

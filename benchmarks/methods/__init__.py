"""Surrogates and methods by name, each peer defined once for studies, speed and conformance."""

from collections.abc import Callable
from typing import Any

from botorch.models.model import Model
from torch import Tensor

from benchmarks.methods import peers
from benchmarks.methods.run import Method, propose_by_gradient, propose_sobol
from botorch_cll import models
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.optim.loop import fit_multi_rbf
from botorch_cll.optim.random_state import isolated_random_state

OURS = "MultiRBFCorrelation"
NO_LAYER = "no correlation layer"
RMLA = "RMLA"
SINGLE_RBF = "Single-RBF"
INDEPENDENT_GPS = "independent GPs"
MULTI_TASK_GP = "MultiTaskGP"
INDEX_KERNEL_GP = "MultiTaskGP-IndexKernel"
KRONECKER_GP = "KroneckerMultiTaskGP"
VBLL = "VBLL"
MULTI_TASK_GPS = (MULTI_TASK_GP, INDEX_KERNEL_GP, KRONECKER_GP)
MASKING_GPS = (INDEPENDENT_GPS, MULTI_TASK_GP, INDEX_KERNEL_GP)  # where values may be missing
GPS = (*MASKING_GPS, KRONECKER_GP)


def rbf_fit(model_class: type[Any], **options: Any) -> Callable[..., Any]:
    """A fit of one of our models with given options: of `X` and `Y`, a seed and further options."""

    def fit(X: Tensor, Y: Tensor, seed: int = 0, **further: Any) -> Model:
        given = {"missing": "mask", "seed": seed} | options | further
        return fit_rbf_ensemble(model_class(X, Y, **given))

    return fit


def seeded(make: Callable[..., Model], **options: Any) -> Callable[..., Any]:
    """A fit whose random numbers come from its seed, for models that are fitted when made."""

    def fit(X: Tensor, Y: Tensor, seed: int) -> Model:
        with isolated_random_state(seed, X.device):
            return make(X, Y, **options)

    return fit


def stock(gp: Callable[..., Any]) -> Callable[..., Any]:
    """The fit of a Gaussian process with the options that its users have."""
    return lambda train_X, train_Y, **options: peers.fit_exactly(gp(train_X, train_Y, **options))


SURROGATES: dict[str, Callable[[Tensor, Tensor, int], Model]] = {
    OURS: rbf_fit(models.MultiRBFCorrelationModel),
    NO_LAYER: rbf_fit(models.MultiRBFCorrelationModel, correlation_layers=None),
    RMLA: rbf_fit(models.RegularizedMultiTaskRBFModel),
    SINGLE_RBF: rbf_fit(models.SingleRBFModel),
    INDEPENDENT_GPS: seeded(peers.independent_gps),
    MULTI_TASK_GP: seeded(peers.WideMultiTaskGP),
    INDEX_KERNEL_GP: seeded(peers.WideMultiTaskGP, gp_class=peers.IndexKernelMultiTaskGP),
    KRONECKER_GP: seeded(peers.WideKroneckerGP),
    VBLL: seeded(peers.WideVBLL),
}
"""Fits of points, values (a column per task, NaN where not observed) and a seed."""

FACTORIES: dict[str, Callable[..., Model]] = {
    OURS: rbf_fit(models.MultiRBFCorrelationModel, missing="raise", num_restarts=8),
    RMLA: rbf_fit(models.RegularizedMultiTaskRBFModel, missing="raise", num_restarts=8),
    SINGLE_RBF: rbf_fit(models.SingleRBFModel, missing="raise", num_restarts=8),
    "SingleTaskGP": stock(peers.single_task_gp),
    MULTI_TASK_GP: stock(peers.multi_task_gp),
    "EnsembleModel": peers.MLPEnsemble,
    "VBLLModel": peers.fit_vblls,
}
"""What `botorch_cll.testing` checks: models as they come, with the options that each has."""

REFERENCE_METHOD = "Bay_MRBFCor"  # which reports compare all others with
NO_SURROGATE = "Sobol"
METHODS: dict[str, Method] = {
    REFERENCE_METHOD: Method(fit_multi_rbf),
    "Bay_MRBFCor (paper)": Method(
        rbf_fit(models.MultiRBFCorrelationModel, correlation_layers=(8,))
    ),
    NO_LAYER: Method(SURROGATES[NO_LAYER]),
    RMLA: Method(SURROGATES[RMLA]),
    SINGLE_RBF: Method(SURROGATES[SINGLE_RBF], one_task_at_a_time=True),
    INDEPENDENT_GPS: Method(SURROGATES[INDEPENDENT_GPS], propose_by_gradient, True),
    MULTI_TASK_GP: Method(SURROGATES[MULTI_TASK_GP], propose_by_gradient),
    NO_SURROGATE: Method(lambda X, Y, seed: None, propose_sobol),
}

"""The surrogates: BoTorch models over several tasks."""

from botorch_cll.models.baselines import RegularizedMultiTaskRBFModel, SingleRBFModel
from botorch_cll.models.multi_rbf import MultiRBFCorrelationModel
from botorch_cll.models.paths import MemberPaths
from botorch_cll.models.saving import load_model, save_model

__all__ = [
    "MemberPaths",
    "MultiRBFCorrelationModel",
    "RegularizedMultiTaskRBFModel",
    "SingleRBFModel",
    "load_model",
    "save_model",
]

"""The surrogates: BoTorch models over several tasks."""

from botorch_cll.models.baselines import RegularizedMultiTaskRBFModel, SingleRBFModel
from botorch_cll.models.multi_rbf import MultiRBFCorrelationModel

__all__ = ["MultiRBFCorrelationModel", "RegularizedMultiTaskRBFModel", "SingleRBFModel"]

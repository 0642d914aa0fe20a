"""What a fit makes: an ensemble of networks, its coupling and its calibration, fixed."""

from botorch_cll.ensemble.calibration import Calibration
from botorch_cll.ensemble.conditioning import ConditionedEnsemble
from botorch_cll.ensemble.fitted import Architecture, FittedEnsemble
from botorch_cll.ensemble.members import Members

__all__ = ["Architecture", "Calibration", "ConditionedEnsemble", "FittedEnsemble", "Members"]

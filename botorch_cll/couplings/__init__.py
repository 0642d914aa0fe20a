"""How the tasks' output weights hang together: one coupling per file."""

from botorch_cll.couplings.base import Coupling, NormalEquations, RowUpdate
from botorch_cll.couplings.independent import IndependentTasks
from botorch_cll.couplings.layers import CorrelationLayers
from botorch_cll.couplings.shared_weights import SharedWeights

__all__ = [
    "CorrelationLayers",
    "Coupling",
    "IndependentTasks",
    "NormalEquations",
    "RowUpdate",
    "SharedWeights",
]

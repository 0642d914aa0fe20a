"""Multi-task test problems: tasks that share one input space, each with an optimum of its own."""

from botorch_cll.test_functions.base import MultiTaskTestProblem
from botorch_cll.test_functions.cec17 import CEC17Tasks
from botorch_cll.test_functions.composite import CompositeTasks
from botorch_cll.test_functions.correlated import CorrelatedTasks
from botorch_cll.test_functions.families import (
    AlpineTasks,
    BraninTasks,
    ForresterTasks,
    HartmannTasks,
)
from botorch_cll.test_functions.shifted import ShiftedTasks
from botorch_cll.test_functions.sklearn_tuning import SklearnTuningTasks
from botorch_cll.test_functions.synthetic import Schwefel, Sphere, Weierstrass

__all__ = [
    "AlpineTasks",
    "BraninTasks",
    "CEC17Tasks",
    "CompositeTasks",
    "CorrelatedTasks",
    "ForresterTasks",
    "HartmannTasks",
    "MultiTaskTestProblem",
    "Schwefel",
    "ShiftedTasks",
    "SklearnTuningTasks",
    "Sphere",
    "Weierstrass",
]

"""Our surrogates in Ax: importing this registers everything Ax has to know of them.

Example:
    >>> from ax.api.client import Client
    >>> from botorch_cll.ax import make_generation_strategy
    >>> client = Client()
    >>> client.configure_experiment(parameters=[...])
    >>> client.configure_optimization(objective="-loss")
    >>> client.set_generation_strategy(make_generation_strategy())
"""

from botorch_cll.ax.drift import check_ax

# Before anything of an Ax is imported that may have moved it elsewhere.
check_ax()

from botorch_cll.ax.acquisition import SwarmAcquisition
from botorch_cll.ax.best import BestArm, TaskOptimum, best_by_task
from botorch_cll.ax.multi_task_gp import JointMultiTaskGP
from botorch_cll.ax.per_task import PerTaskNode
from botorch_cll.ax.storage import register, save_client
from botorch_cll.ax.strategy import make_generation_strategy
from botorch_cll.ax.surrogate import JointSurrogate
from botorch_cll.ax.surrogate_node import SurrogateNode
from botorch_cll.ax.target_task import TargetTaskNode

register()

__all__ = [
    "BestArm",
    "JointMultiTaskGP",
    "JointSurrogate",
    "PerTaskNode",
    "SurrogateNode",
    "SwarmAcquisition",
    "TargetTaskNode",
    "TaskOptimum",
    "best_by_task",
    "make_generation_strategy",
    "save_client",
]

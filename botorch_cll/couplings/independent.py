"""Tasks whose output weights know nothing of each other."""

from dataclasses import dataclass

import torch

from botorch_cll.couplings.base import Coupling, NormalEquations
from botorch_cll.nn.ridge import EXCLUDED, RidgeSolution, solve_ridge
from botorch_cll.settings import NETWORK, SearchSettings


@dataclass(frozen=True)
class IndependentTasks(Coupling):
    """A ridge regression per task."""

    #: Whether the tasks have centers in common and a say in each other's settings of the hidden
    #: layer. Otherwise a task knows nothing of the others at all.
    share_hidden_layer: bool = True

    def pooling_rows(self, settings: SearchSettings) -> float:
        """None without a shared hidden layer."""
        return settings.pooling_rows if self.share_hidden_layer else 0.0

    def num_hidden_layers(self, num_tasks: int) -> int:
        """One for all tasks if they share it."""
        return 1 if self.share_hidden_layer else num_tasks

    def solve(self, equations: NormalEquations) -> RidgeSolution:
        """Ridge regressions whose tail has a small penalty of its own."""
        penalty = equations.ridge.expand(equations.included.shape).clone()
        penalty[..., -equations.num_tail :] = NETWORK.tail_ridge
        penalty = torch.where(equations.included, penalty, EXCLUDED)
        return solve_ridge(equations.gram, equations.moment, penalty)

"""A fitted ensemble after further observations, by an update of every member in closed form."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from botorch_cll.data import AddedRows
from botorch_cll.ensemble.fitted import FittedEnsemble
from botorch_cll.ensemble.members import remoteness
from botorch_cll.nn import RBFNetwork, gaussian_rbf
from botorch_cll.nn.ridge import RidgeSolution


@dataclass(frozen=True)
class ConditionedEnsemble:
    """A fitted ensemble with further rows in its weights, and as centers in the remoteness."""

    fitted: FittedEnsemble  #: the ensemble as it was fitted
    rows: AddedRows  #: the further rows
    weight: Tensor  #: the output weights after them, as from `Coupling.take_in`

    @classmethod
    def of(cls, fitted: FittedEnsemble, solution: RidgeSolution, rows: AddedRows) -> Self:
        """Take all rows that came after the fit into an ensemble of the given output weights."""
        network = fitted.members.network
        return cls(fitted, rows, fitted.coupling.take_in(network, fitted.layer, solution, rows))

    def __call__(self, X: Tensor) -> Tensor:
        """As `FittedEnsemble.forward`; the batch shapes of `X` and the rows broadcast."""
        return self.fitted.calibration.spread(*self.outputs(X))

    def outputs(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """As `FittedEnsemble.outputs`; remoteness may lack batch dimensions of the rows."""
        network = self.fitted.members.network
        outputs, support = network.outputs_and_support(X, self.weight)
        final = self.fitted.coupling.combine(self.fitted.layer, outputs)
        return final, remoteness(support + _support_of(self.rows, network, X))


def _support_of(rows: AddedRows, network: RBFNetwork, X: Tensor) -> Tensor:
    """What added rows count for as centers near `X`, a `batch_shape x S x q x T`-dim tensor."""
    points, centers = (inputs[..., None, None, :, :] for inputs in (X, rows.X))
    radial = gaussian_rbf(points, centers, network.log_length_scale.exp())
    counted = (rows.row_weight > 0).to(radial).transpose(-1, -2)[..., None, :, None, :]
    return (radial.square() * counted).sum(-1).transpose(-1, -2)

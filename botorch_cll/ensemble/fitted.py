"""The object that a fit returns and that prediction, conditioning and saving take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from botorch_cll.couplings.base import Coupling
from botorch_cll.ensemble.calibration import Calibration
from botorch_cll.ensemble.members import Members, remoteness
from botorch_cll.nn import RBFNetwork

_CALIBRATION = ("inflation", "remote_variance", "remote_sign", "noise")


@dataclass(frozen=True)
class Architecture:
    """What kind of ensemble a model asks for, whatever its data."""

    coupling: Coupling  #: how the tasks' output weights hang together
    num_restarts: int  #: the number `S` of members
    num_centers: int  #: the number of centers of each network; fewer where there are fewer rows
    seed: int  #: the seed of everything random


@dataclass(frozen=True)
class LeftOutRows:
    """The means and variances, `2 x T x n'`, that members predict of rows not seen by them."""

    rows: Tensor
    moments: Tensor


class FittedEnsemble(nn.Module):
    """An ensemble as it was fitted: its parts are set when it is made and never replaced.

    Its values are those in docs/mathematics.md, "Posterior": spread by `τ`, and by `α` where no
    member has a center near. (A center of an additive network looks at one input: there, far is far
    in every input.)

    Args:
        coupling: How the tasks hang together.
        members: The networks, and what their output weights follow from.
        layer: What the coupling has put between preliminary and final outputs.
        calibration: The variances that were fitted out of bag.
        left_out: Predictions of rows left out, as far as they are known already.
    """

    inflation: Tensor
    remote_variance: Tensor
    remote_sign: Tensor
    noise: Tensor
    left_out: Tensor | None
    left_out_rows: Tensor | None

    def __init__(
        self,
        coupling: Coupling,
        members: Members,
        layer: nn.Module | None,
        calibration: Calibration,
        left_out: LeftOutRows | None = None,
    ) -> None:
        super().__init__()
        self.coupling, self.members, self.layer = coupling, members, layer
        for name in _CALIBRATION:
            self.register_buffer(name, getattr(calibration, name))
        self.register_buffer("left_out", None if left_out is None else left_out.moments)
        self.register_buffer("left_out_rows", None if left_out is None else left_out.rows)

    @classmethod
    def for_state(
        cls, state: Mapping[str, Tensor], architecture: Architecture, num_tasks: int, like: Tensor
    ) -> Self | None:
        """An ensemble of the sizes of a model's state to load it into; `None` if it has none."""
        if not any(name.startswith("fitted.") for name in state):
            return None

        def empty(name: str) -> Tensor | None:
            value = state.get(f"fitted.{name}")
            if value is None:
                return None
            dtype = like.dtype if value.is_floating_point() else value.dtype
            return torch.empty_like(value, dtype=dtype, device=like.device)

        size, coupling = (architecture.num_restarts, num_tasks), architecture.coupling
        centers = empty("members.network.centers")
        num_centers = architecture.num_centers if centers is None else centers.shape[-2]
        network = RBFNetwork(*size, num_centers, like.shape[-1], like.dtype, like.device)
        log_ridge = like.new_zeros(*size, coupling.num_ridges)
        tail_degree = torch.zeros(size, dtype=torch.long, device=like.device)
        members = Members(network, log_ridge, tail_degree, empty("members.bags"))
        layer = coupling.make_layer(*size, architecture.seed, like)
        rows, moments = empty("left_out_rows"), empty("left_out")
        left_out = None if rows is None or moments is None else LeftOutRows(rows, moments)
        return cls(coupling, members, layer, Calibration.none(*size, like), left_out)

    @property
    def calibration(self) -> Calibration:
        """The variances that were fitted out of bag."""
        return Calibration(self.inflation, self.remote_variance, self.remote_sign, self.noise)

    def forward(self, X: Tensor) -> Tensor:
        """The members' values, spread by `τ` and `α`, `batch_shape x S x n x T`-dim."""
        return self.calibration.spread(*self.outputs(X))

    def outputs(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The members before their spread is calibrated, and the remoteness, of the same shape."""
        outputs, support = self.members.network.outputs_and_support(X)
        return self.coupling.mix(self.layer, outputs), remoteness(support)


_EARLIER_NAMES = {
    "network": "members.network",
    "log_ridge": "members.log_ridge",
    "tail_degree": "members.tail_degree",
    "bags": "members.bags",
    "correlation": "layer",
    **{name: name for name in (*_CALIBRATION, "left_out", "left_out_rows")},
}


def upgrade_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state as files of format 3 hold it as one of today, and today's as it is.

    Names had no `fitted.`, left-out rows and bags had tasks last, unfitted models all tensors too.
    """
    if "is_fitted" not in state:
        return dict(state)
    upgraded = {}
    for name, value in state.items():
        first, dot, rest = name.partition(".")
        if first not in _EARLIER_NAMES:
            upgraded[name] = value
        elif bool(state["is_fitted"]):
            by_row = name in ("bags", "left_out")
            new_name = f"fitted.{_EARLIER_NAMES[first]}{dot}{rest}"
            upgraded[new_name] = value.mT.contiguous() if by_row else value
    upgraded.pop("is_fitted")
    return upgraded

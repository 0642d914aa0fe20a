"""How particle swarms converge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from botorch_cll.optim.swarm import ParticleSwarm
from botorch_cll.plots.figure import axes_or_new, check_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class SwarmRecord(NamedTuple):
    """What swarms came to: two `(num_iterations + 1) x num_swarms`-dim tensors, row 0 before any.

    Attributes:
        values: The best fitness so far.
        diameters: The widest side of the box around the best points of the particles, as a share of
            the search box.
    """

    values: Tensor
    diameters: Tensor


def record_swarm(swarm: ParticleSwarm, num_iterations: int) -> SwarmRecord:
    """Advance swarms, which are where they have got to afterwards, and keep a record.

    Raises:
        InputDataError: If the number of iterations is negative.
    """
    if num_iterations < 0:
        raise InputDataError(f"Expected num_iterations >= 0, got {num_iterations}.")
    values, diameters = [], []
    for iteration in range(num_iterations + 1):
        if iteration > 0:
            swarm.step()
        extent = (swarm.best_X.amax(-3) - swarm.best_X.amin(-3)) / swarm.span
        values.append(swarm.best().values.detach().flatten())
        diameters.append(extent.detach().amax((-2, -1)).flatten())
    return SwarmRecord(torch.stack(values), torch.stack(diameters))


def plot_swarm(
    record: SwarmRecord, *, labels: Sequence[str] | None = None, axes: Axes | None = None
) -> Axes:
    """Draw the best fitness of each swarm, and beside it how far its particles are apart.

    The dotted lines, on a logarithmic scale on the right, are the diameters.

    Raises:
        InputDataError: If there are more or fewer labels than swarms.
    """
    names = check_labels(labels, range(record.values.shape[-1]), "swarm")
    axes = axes_or_new(axes)
    right = axes.twinx()
    right.set_yscale("log")
    curves = record.values.T.cpu(), record.diameters.T.cpu()
    for values, diameters, name in zip(*curves, names, strict=True):
        (line,) = axes.plot(range(len(values)), values, label=name)
        right.plot(range(len(values)), diameters, ":", color=line.get_color())
    axes.set(xlabel="iteration", ylabel="best value")
    right.set_ylabel("diameter [share of the box]")
    return axes

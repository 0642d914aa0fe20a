"""Pictures of surrogates and of optimization runs; they need the extra `plots`.

Every function draws on the `axes` that it is given, or on those of a new figure that belongs to no
global state, and returns them; `labels` name what it draws. `axes.figure.savefig(...)` writes the
picture.
"""

from botorch_cll.plots.best import best_so_far, plot_best_so_far
from botorch_cll.plots.calibration import LEVELS, interval_coverage, plot_calibration
from botorch_cll.plots.correlation import correlation_weights, plot_correlation
from botorch_cll.plots.figure import make_figure
from botorch_cll.plots.surrogate import plot_surrogate
from botorch_cll.plots.swarm import SwarmRecord, plot_swarm, record_swarm

__all__ = [
    "LEVELS",
    "SwarmRecord",
    "best_so_far",
    "correlation_weights",
    "interval_coverage",
    "make_figure",
    "plot_best_so_far",
    "plot_calibration",
    "plot_correlation",
    "plot_surrogate",
    "plot_swarm",
    "record_swarm",
]

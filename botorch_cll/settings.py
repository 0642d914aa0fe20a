"""Every number that a fit and its calibration go by, one object per stage, with its reason."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSettings:
    """What the networks of an ensemble are made of."""

    num_restarts: int = 32  #: members; more vary less between seeds, at proportional cost
    rows_per_center: int = 10  #: a row costs the square of the number of centers
    min_centers: int = 40  #: fewer express too little even of few rows
    max_centers: int = 80  #: the cost of a row grows with their square
    tail_ridge: float = 1e-2  #: of the polynomial tail; small, so that trends are followed freely
    near: float = 0.1  #: the support at which a point counts as half near the centers, half remote
    #: What a network misses even without noise, as a share of the variance of the task's targets;
    #: known noise variances below it hardly matter to a row's weight.
    noise_floor: float = 0.05

    def num_centers(self, num_rows: int) -> int:
        """How many centers networks have of so many training rows if nobody says."""
        return min(self.max_centers, max(self.min_centers, num_rows // self.rows_per_center))


@dataclass(frozen=True)
class SearchSettings:
    """How settings of the hidden layer are drawn, moved and scored.

    They are scored on half of the rows, within limits. A warm start draws few new ones, as most of
    what it needs is known.
    """

    #: Of the logarithm of a length scale common to all inputs, around the distance of random
    #: points; from a quarter of it to six times.
    log_scale_range: tuple[float, float] = (-1.4, 1.8)
    log_scale_std: float = 1.0  #: of the logarithm of each input's own factor
    ridge_range: tuple[float, float] = (1e-4, 1.0)  #: below the least one rounding errors count
    additive_share: float = 0.5  #: half, as nothing is known beforehand
    move: float = 0.4  #: deviation of a step in the log of each length scale, half of it in all
    ridge_move: float = 0.5 * math.log(10.0)  #: the same; a step may leave the range upward tenfold
    min_rows: int = 150  #: rows scored at least, if there are
    max_rows: int = 600  #: rows scored at most; the cost of a search does not grow with the data
    min_centers: int = 40  #: centers scored at least; additive networks need some for every input
    rows_per_center: int = 8  #: length scales that are best with few centers are too long with many
    max_center_rows: int = 2_000  #: centers are chosen among so many rows at most
    max_honest_rows: int = 2_000  #: layer and calibration go by so many rows at most
    #: How many rows' worth of say all tasks together have in a task's choice of a setting; between
    #: 0 and 100 it hardly matters.
    pooling_rows: float = 30.0
    tiny_error: float = 1e-10  #: errors below it, in units of the task's variance, are rounding
    new_share: float = 0.25  #: new settings of a warm start, as a share of a cold start's
    known_share: float = 0.5  #: known settings of a warm start at most, likewise
    known_rounds: int = 1  #: further rounds of a warm start at most

    def score_size(self, num_rows: int, num_centers: int) -> tuple[int, int]:
        """How many of the rows settings are scored on, and with how many of the centers."""
        rows = min(num_rows, max(self.min_rows, min(num_rows // 2, self.max_rows)))
        centers = max(self.min_centers, rows // self.rows_per_center)
        return rows, min(centers, num_centers, num_rows)


@dataclass(frozen=True)
class LayerSettings:
    """How the correlation layer is trained on predictions of rows not seen."""

    #: What a linear layer's ridge is chosen from; from one that hardly costs anything to one that
    #: makes it all but the identity, by factors of four.
    ridges: tuple[float, ...] = tuple(4.0**power / 60.0 for power in range(5))
    full_layer_rows: float = 10.0  #: rows' worth of say of the layer as it is in what is kept of it
    num_steps: int = 150  #: of Adam, few, as layers with activations start at the identity
    learning_rate: float = 0.02  #: of Adam, for targets of about unit variance
    weight_decay: float = 4.0 / 60.0  #: the ridge that layers with activations make do with
    least_share: float = 1e-9  #: of its weight that a row added later keeps, above rounding


@dataclass(frozen=True)
class CalibrationSettings:
    """How the three variances of a task are fitted to errors in rows left out.

    Variances are in units of the task's; grids are a least and a largest value and a number.
    """

    no_noise: float = 1e-6  #: the least noise variance; what is below it is rounding
    #: Where the prior of `α` is centered; far from all data a task is not as uncertain as if
    #: nothing were known, since its mean is.
    usual_remote: float = 0.3
    remote_std: float = 1.0  #: the standard deviation of the logarithm of `α` around that
    inflation_grid: tuple[float, float, int] = (0.1, 30.0, 7)  #: of `τ`
    remote_grid: tuple[float, float, int] = (0.1, 10.0, 5)  #: of `α`, in units of `usual_remote`
    noise_grid: tuple[float, float, int] = (1e-6, 3.0, 9)  #: of `σ^2`; the least is `no_noise`
    num_rounds: int = 3  #: how often the grids zoom in on the best
    least_errors: int = 4  #: that the correction for fitting to few goes by; it grows without bound
    #: Two tasks' signs far from the data have the correlation `exp(-(30 Δ)^2 / 2)` if their
    #: kurtosis differs by `Δ`; none, unless the tasks are one.
    sign_frequency: float = 30.0

    @property
    def grids(self) -> tuple[tuple[float, float, int], ...]:
        """The grids of `τ`, `α` and `σ^2`, in units of the task's variance."""
        low, high, num = self.remote_grid
        remote = (low * self.usual_remote, high * self.usual_remote, num)
        return self.inflation_grid, remote, self.noise_grid


#: The networks of all our models; prediction needs these numbers as well as a fit.
NETWORK = NetworkSettings()

"""Every number that a fit and its calibration go by, one object per stage, with its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSettings:
    """What the networks of an ensemble are made of.

    Attributes:
        num_restarts: The number of members. Sixteen vary more between seeds, 64 cost twice as much.
        rows_per_center: One center for so many rows: a row costs the square of their number.
        min_centers: Fewer express too little even of few rows.
        max_centers: More cost more than they gained up to 100 000 rows.
        tail_ridge: The ridge of the polynomial tail: small, so that trends are followed freely.
        near: The support at which a point counts as half near the centers, half remote.
        noise_floor: What a network misses even without noise, as a share of the variance of the
            task's targets: known noise variances below it hardly matter to a row's weight.
    """

    num_restarts: int = 32
    rows_per_center: int = 10
    min_centers: int = 40
    max_centers: int = 80
    tail_ridge: float = 1e-2
    near: float = 0.1
    noise_floor: float = 0.05

    def num_centers(self, num_rows: int) -> int:
        """How many centers networks have of so many training rows if nobody says."""
        return min(self.max_centers, max(self.min_centers, num_rows // self.rows_per_center))


@dataclass(frozen=True)
class SearchSettings:
    """How settings of the hidden layer are drawn, moved and scored.

    Attributes:
        log_scale_range: The range of the logarithm of a length scale common to all inputs, around
            the distance of random points: from a quarter of it to six times.
        log_scale_std: The standard deviation of the logarithm of each input's own factor.
        ridge_range: The range of ridge parameters. Below the least one rounding errors count.
        additive_share: The share of additive settings: half, as nothing is known beforehand.
        move: The standard deviation of a step in the logarithm of each length scale; in all half.
        ridge_move: The same for a ridge parameter, which may leave its range upward tenfold.
        min_rows: Settings are scored on half of the rows, at least so many (if there are)
        max_rows: and at most so many, so that the cost of a search does not grow with the data.
        min_centers: They have so many centers at least, as additive ones need some for every input,
        rows_per_center: and one for so many rows: scales best with few are too long with many.
        max_center_rows: Centers are chosen among so many rows at most.
        max_honest_rows: Layer and calibration go by so many rows at most.
        pooling_rows: How many rows' worth of say all tasks together have in a task's choice of a
            setting: between 0 and 100 it hardly matters.
        tiny_error: Mean squared errors below it, in units of the task's variance, are rounding.
        new_share: A warm start draws this share of new settings, as most of what it needs is known,
        known_share: beside at most so many known ones, as a share of what a cold start draws,
        known_rounds: in at most so many further rounds.
    """

    log_scale_range: tuple[float, float] = (-1.4, 1.8)
    log_scale_std: float = 1.0
    ridge_range: tuple[float, float] = (1e-4, 1.0)
    additive_share: float = 0.5
    move: float = 0.4
    ridge_move: float = 0.5 * math.log(10.0)
    min_rows: int = 150
    max_rows: int = 600
    min_centers: int = 40
    rows_per_center: int = 8
    max_center_rows: int = 2_000
    max_honest_rows: int = 2_000
    pooling_rows: float = 30.0
    tiny_error: float = 1e-10
    new_share: float = 0.25
    known_share: float = 0.5
    known_rounds: int = 1

    def score_size(self, num_rows: int, num_centers: int) -> tuple[int, int]:
        """How many of the rows settings are scored on, and with how many of the centers."""
        rows = min(num_rows, max(self.min_rows, min(num_rows // 2, self.max_rows)))
        centers = max(self.min_centers, rows // self.rows_per_center)
        return rows, min(centers, num_centers, num_rows)


@dataclass(frozen=True)
class LayerSettings:
    """How the correlation layer is trained on predictions of rows not seen.

    Attributes:
        ridges: What a linear layer's ridge is chosen from: from one that hardly costs anything to
            one that makes it all but the identity, by factors of four.
        full_layer_rows: How many rows' worth of say the layer as it is has in what is kept of it.
        num_steps: The number of Adam steps for layers with activations: more changed nothing.
        learning_rate: Their learning rate, for targets of about unit variance.
        weight_decay: The ridge that layers with activations make do with.
        least_share: The least share of its weight that a row added later keeps, above rounding.
    """

    ridges: tuple[float, ...] = tuple(4.0**power / 60.0 for power in range(5))
    full_layer_rows: float = 10.0
    num_steps: int = 150
    learning_rate: float = 0.02
    weight_decay: float = 4.0 / 60.0
    least_share: float = 1e-9


@dataclass(frozen=True)
class CalibrationSettings:
    """How the three variances of a task are fitted to errors in rows left out.

    Attributes:
        no_noise: The least noise variance, in units of the task's variance: below it is rounding.
        usual_remote: Where the prior of `α` is centered, in the same unit: far from all data a
            task is not as uncertain as if nothing were known, since its mean is.
        remote_std: The standard deviation of the logarithm of `α` around that.
        inflation_grid: Least and largest value and number of points of the grid of `τ`.
        remote_grid: The same for `α`, in units of `usual_remote`.
        noise_grid: The same for `σ^2`; the least one is `no_noise`.
        num_rounds: How often the grids zoom in on the best.
        least_errors: The correction for having fitted to errors, which grows without bound with
            fewer, is that of so many at least.
        sign_frequency: Two tasks' signs far from the data have the correlation
            `exp(-(30 Δ)^2 / 2)` if their kurtosis differs by `Δ`: none, unless the tasks are one.
    """

    no_noise: float = 1e-6
    usual_remote: float = 0.3
    remote_std: float = 1.0
    inflation_grid: tuple[float, float, int] = (0.1, 30.0, 7)
    remote_grid: tuple[float, float, int] = (0.1, 10.0, 5)
    noise_grid: tuple[float, float, int] = (1e-6, 3.0, 9)
    num_rounds: int = 3
    least_errors: int = 4
    sign_frequency: float = 30.0

    @property
    def grids(self) -> tuple[tuple[float, float, int], ...]:
        """The grids of `τ`, `α` and `σ^2`, in units of the task's variance."""
        low, high, num = self.remote_grid
        remote = (low * self.usual_remote, high * self.usual_remote, num)
        return self.inflation_grid, remote, self.noise_grid


NETWORK = NetworkSettings()
"""The networks of all our models: prediction needs these numbers as well as a fit."""

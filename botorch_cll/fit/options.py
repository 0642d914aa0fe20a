"""The options of the fits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botorch.exceptions import UnsupportedError

from botorch_cll.settings import CalibrationSettings, SearchSettings


@dataclass(frozen=True)
class TwoStageOptions:
    """Options of the two-stage fit; an `UnsupportedError` if a value is out of range.

    Attributes:
        sample_fraction: The share of each task's rows that a restart is fitted to.
        num_initial: How many random settings of the hidden layer the search scores first.
        num_candidates: How many settings drawn near good ones each further round scores.
        num_rounds: How many further rounds there are.
        half_rows: How many rows it takes until leave-one-out errors decide between settings with
            half the weight of a likelihood; see `botorch_cll.couplings.Coupling.log_evidence`.
        search: All other numbers of the search.
        calibration: All numbers of the calibration.
    """

    sample_fraction: float = 0.8
    num_initial: int = 96
    num_candidates: int = 24
    num_rounds: int = 6
    half_rows: float = 60.0
    search: SearchSettings = field(default_factory=SearchSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)

    def __post_init__(self) -> None:
        _check_fraction(self.sample_fraction)
        for name, least in (("num_initial", 1), ("num_candidates", 1), ("num_rounds", 0)):
            value = getattr(self, name)
            if value < least:
                raise UnsupportedError(f"Expected {name} of at least {least}, got {value}.")
        if not self.half_rows >= 0.0:
            raise UnsupportedError(f"Expected half_rows >= 0, got {self.half_rows}.")


@dataclass(frozen=True)
class GradientOptions:
    """Options of the gradient fit, by default the paper's; an `UnsupportedError` if out of range.

    Attributes:
        num_steps: The number of full-batch Adam steps (not stated in the paper).
        learning_rate: The first learning rate.
        milestones: The steps after which the learning rate is halved.
        sample_fraction: The share of each task's rows that a restart is fitted to. Calibration and
            `model.loo()` go by observations that at least two restarts were not fitted to: with
            few restarts or a share near one there may be too few, with a share of one none.
        share_hidden_layer: Whether all tasks use the same centers and widths (the paper's
            MultiRBF) instead of training their own.
        callback: Called before the first step and after every step with the number of steps made
            and the model, whose `forward` then gives the restarts' values.
        calibration: All numbers of the calibration.
        first_weight: The standard deviation of the first output weights.
        single_scale: The spread of the centers where there is one only, in the unit cube.
        least_scale: The least first length scale.
        later_ridge: The ridge that later observations are taken in with; Adam itself has none.
    """

    num_steps: int = 10_000
    learning_rate: float = 1e-4
    milestones: tuple[int, ...] = (1000, 3000, 7000)
    sample_fraction: float = 0.8
    share_hidden_layer: bool = False
    callback: Callable[[int, Any], None] | None = None
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    first_weight: float = 0.1
    single_scale: float = 0.3
    least_scale: float = 0.05
    later_ridge: float = 1e-2

    def __post_init__(self) -> None:
        if self.num_steps < 0 or not self.learning_rate > 0.0:
            raise UnsupportedError(
                "Expected num_steps >= 0 and learning_rate > 0, got "
                f"{self.num_steps} and {self.learning_rate}."
            )
        _check_fraction(self.sample_fraction)


def _check_fraction(fraction: float) -> None:
    if not 0.0 < fraction <= 1.0:
        raise UnsupportedError(f"Expected sample_fraction in (0, 1], got {fraction}.")

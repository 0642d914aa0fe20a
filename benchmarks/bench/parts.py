"""Where the time of a fit goes, measured by the interpreter's profiler."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

PARTS = {
    "search": "_search",
    "centers": "_draw_centers",
    "output weights": "solution",
    "left-out predictions": "out_of_sample_outputs",
    "correlation layer": "_fit_correlation_layer",
    "calibration": "calibrate",
}
"""The parts of the two-stage fit and the functions that do them, none of them inside another."""


def time_parts(fit: Callable[[], object], now: Callable[[], float]) -> dict[str, float]:
    """Profile a fit.

    Args:
        fit: What to profile.
        now: The clock.

    Returns:
        The seconds of each of `PARTS` and of the rest, under `"rest"`. The profiler itself makes
        small calls slower: shares are more reliable than seconds.
    """
    profile = cProfile.Profile(now)
    profile.enable()
    fit()
    profile.disable()
    stats = pstats.Stats(profile)
    cumulative: dict[str, float] = {}
    for (path, _, function), (_, _, _, seconds, _) in stats.stats.items():  # type: ignore[attr-defined]
        if "botorch_cll" in path:
            cumulative[function] = cumulative.get(function, 0.0) + seconds
    parts = {part: cumulative.get(function, 0.0) for part, function in PARTS.items()}
    parts["rest"] = max(0.0, cumulative["fit_two_stage"] - sum(parts.values()))
    return parts

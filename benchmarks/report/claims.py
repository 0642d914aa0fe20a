"""Claims of gains, each with its confidence interval and what the samples say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks.report.statistics import Interval, mean_interval, verdicts


def claim_records(
    gains: Sequence[tuple[Mapping[str, Any], pd.Series]],
    columns: tuple[str, str, str],
    shown: Callable[[Interval], Iterable[float]] = iter,
) -> list[dict[str, Any]]:
    """A row per claim: the mean gain with its interval, and the verdict.

    Args:
        gains: What a row begins with, and the gains, one per seed; positive ones confirm the claim.
        columns: What mean and ends of the interval are called.
        shown: What is shown of the interval.
    """
    found = verdicts([gain for _, gain in gains])
    records = []
    for (record, gain), verdict in zip(gains, found, strict=True):
        interval = zip(columns, shown(mean_interval(gain)), strict=True)
        records.append({**record, **dict(interval), "verdict": verdict})
    return records

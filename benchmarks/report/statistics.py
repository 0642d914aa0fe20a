"""The few statistics that reports need: intervals, paired tests, verdicts on claims."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Array = npt.NDArray[np.float64]

SIGNIFICANCE = 0.05  # the probability of a wrong statement that reports allow themselves


def mean_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """The mean of independent values and Student's 95 % interval, NaN where there are too few."""
    x = np.asarray(values, dtype=np.float64)
    mean, half = float(x.mean()) if len(x) else np.nan, np.nan
    if len(x) > 1:
        half = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return mean, mean - half, mean + half


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Spearman's rank correlation, 0 where one of the two is constant."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return float(stats.spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


class PairedTest(NamedTuple):
    """A two-sided p-value, and the sign of a significant difference: -1 if the first are lower."""

    p_value: float
    sign: int


def paired_test(first: npt.ArrayLike, second: npt.ArrayLike) -> PairedTest:
    """Wilcoxon's signed-rank test (Wilcoxon 1945) of the pairs that differ, exact for few."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    difference = difference[difference != 0.0]
    p_value = float(stats.wilcoxon(difference).pvalue) if len(difference) else 1.0
    rank_sum = (np.sign(difference) * stats.rankdata(np.abs(difference))).sum()
    return PairedTest(p_value, int(np.sign(rank_sum)) if p_value < SIGNIFICANCE else 0)


def holm(p_values: npt.ArrayLike) -> Array:
    """P-values adjusted for being several (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort()
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def verdicts(samples: Sequence[npt.ArrayLike]) -> list[str]:
    """Whether the means of samples are positive, by Student's tests adjusted for being several."""
    values = [np.asarray(x, dtype=np.float64) for x in samples]
    tests = zip(values, holm([_student_p_value(x) for x in values]), strict=True)
    signs = [np.sign(x.mean()) if p < SIGNIFICANCE else 0.0 for x, p in tests]
    return [{1.0: "confirmed", -1.0: "refuted"}.get(sign, "undecided") for sign in signs]


def _student_p_value(x: Array) -> float:
    """The two-sided p-value of Student's test of mean zero."""
    if len(x) < 2 or not x.any():
        return 1.0
    error = x.std(ddof=1) / np.sqrt(len(x))
    return float(2.0 * stats.t.sf(abs(x.mean()) / error, len(x) - 1)) if error > 0.0 else 0.0


def claim_records(
    gains: Sequence[tuple[Mapping[str, Any], pd.Series]],
    columns: tuple[str, str, str],
    shown: Callable[[float], float] = float,
) -> list[dict[str, Any]]:
    """A row per claim: its labels, the mean gain of the seeds and its interval, and the verdict."""
    records = []
    for (record, gain), verdict in zip(gains, verdicts([x for _, x in gains]), strict=True):
        mean, *ends = map(shown, mean_interval(gain))
        interval = dict(zip(columns, (mean, *sorted(ends)), strict=True))
        records.append({**record, **interval, "verdict": verdict})
    return records

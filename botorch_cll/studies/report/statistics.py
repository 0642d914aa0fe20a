"""The few statistics that reports need: intervals, paired tests, ranks."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Array = npt.NDArray[np.float64]
Verdict = Literal["confirmed", "refuted", "undecided"]


class Interval(NamedTuple):
    """A mean and its confidence interval; NaN where there are too few values."""

    mean: float
    low: float
    high: float


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """The mean of independent values with Student's confidence interval.

    Args:
        values: The values.
        level: The confidence.

    Returns:
        The mean and the interval, whose ends are NaN for fewer than two values.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return Interval(float(x.mean()) if len(x) else np.nan, np.nan, np.nan)
    half = stats.t.ppf(0.5 + level / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half))


def without_common_variation(values: pd.DataFrame) -> pd.DataFrame:
    r"""Values without what their rows have in common, for intervals that suit paired comparisons.

    .. math:: z_{sm} = \bar y_m + \sqrt{\tfrac{M}{M - 1}}\, \big((y_{sm} - \bar y_s) -
        (\bar y_m - \bar y)\big)

    with one row per seed `s` and one column per method `m`, `M` methods in all: the columns keep
    their means, and their spread is that of the methods' differences (Cousineau 2005; Morey 2008,
    "Confidence intervals from normalized data: a correction to Cousineau (2005)").

    Args:
        values: The values, at least one column.

    Returns:
        A table of the same shape.
    """
    count = values.shape[1]
    if count == 1:
        return values
    centered = values.sub(values.mean(axis=1), axis=0)
    return values.mean() + (count / (count - 1)) ** 0.5 * (centered - centered.mean())


def paired_test(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test (Wilcoxon 1945) of paired values.

    Pairs without a difference are left out; if there are no others, the p-value is 1. It is exact
    for few pairs.

    Args:
        first: The first values.
        second: The second values, as many.

    Returns:
        The p-value.
    """
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    difference = difference[difference != 0.0]
    if len(difference) == 0:
        return 1.0
    return float(stats.wilcoxon(difference).pvalue)


def holm(p_values: npt.ArrayLike) -> Array:
    """P-values adjusted for being several (Holm 1979), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = p.argsort()
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def ranks(blocks: pd.DataFrame) -> pd.DataFrame:
    """The rank of every column within its row: 1 for the lowest value, ties share."""
    return blocks.rank(axis=1)


def verdict(interval: Interval) -> Verdict:
    """What an interval says of the claim that a quantity is positive."""
    if interval.low > 0.0:
        return "confirmed"
    return "refuted" if interval.high < 0.0 else "undecided"

"""Intervals and tests against definitions and enumeration."""

import itertools

import numpy as np
import pandas as pd
import pytest

from botorch_cll.studies.report.statistics import (
    Interval,
    holm,
    mean_interval,
    paired_test,
    ranks,
    verdict,
    without_common_variation,
)


def test_interval_is_students():
    # The 97.5 % quantile of Student's distribution with three degrees of freedom is 3.182446.
    values = [1.0, 2.0, 4.0, 9.0]
    half = 3.182446 * np.sqrt(38.0 / 3.0) / 2.0
    assert mean_interval(values) == pytest.approx((4.0, 4.0 - half, 4.0 + half), rel=1e-6)
    assert mean_interval([3.0])[0] == 3.0
    assert np.isnan(mean_interval([3.0])[1:]).all()


def exact_p(difference: np.ndarray) -> float:
    """Wilcoxon's two-sided p-value by all assignments of signs."""
    rank = np.abs(difference).argsort().argsort() + 1.0
    signs = np.array(list(itertools.product([0.0, 1.0], repeat=len(rank))))
    sums = signs @ rank
    observed = rank[difference > 0].sum()
    return min(1.0, 2.0 * min((sums <= observed).mean(), (sums >= observed).mean()))


@pytest.mark.parametrize("n", [3, 6, 10])
def test_paired_test_is_wilcoxons(n):
    generator = np.random.default_rng(n)
    for shift in (0.0, 0.5, 2.0):
        first, second = generator.normal(size=n) + shift, generator.normal(size=n)
        assert paired_test(first, second) == pytest.approx(exact_p(first - second))
        assert paired_test(second, first) == pytest.approx(exact_p(first - second))


def test_equal_pairs_do_not_count():
    assert paired_test([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert paired_test([], []) == 1.0
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 7))
    expected = paired_test(first, second)
    assert paired_test([*first, 5.0], [*second, 5.0]) == pytest.approx(expected)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == pytest.approx([1.0, 1.0])
    assert holm([]).tolist() == []


def test_ties_share_a_rank():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [0.0, 1.0]})
    assert ranks(table).to_numpy().tolist() == [[2.5, 2.5, 1.0], [2.0, 3.0, 1.0]]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 1, "confirmed"),
        (-1, -0.1, "refuted"),
        (-1, 1, "undecided"),
        (np.nan,) * 2 + ("undecided",),
    ],
)
def test_verdict(low, high, expected):
    assert verdict(Interval(0.0, low, high)) == expected


def test_intervals_for_paired_comparisons_are_those_of_the_differences():
    generator = np.random.default_rng(0)
    common = 100.0 * generator.normal(size=(8, 1))
    values = pd.DataFrame(common + generator.normal(size=(8, 2)), columns=["a", "b"])
    found = without_common_variation(values)
    assert found.mean().tolist() == pytest.approx(values.mean().tolist())
    # Of two methods, both get the interval of the difference, divided by the root of two.
    difference = mean_interval(values["a"] - values["b"])
    half = (difference.high - difference.mean) / 2**0.5
    for name in ("a", "b"):
        interval = mean_interval(found[name])
        assert interval.high - interval.mean == pytest.approx(half)
    pd.testing.assert_frame_equal(without_common_variation(values[["a"]]), values[["a"]])

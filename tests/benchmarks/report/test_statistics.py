"""Intervals and tests against definitions and enumeration."""

import itertools

import numpy as np
import pytest

from benchmarks.report.statistics import (
    holm,
    mean_interval,
    paired_test,
    verdicts,
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
        expected = exact_p(first - second)
        assert paired_test(first, second).p_value == pytest.approx(expected)
        assert paired_test(second, first).p_value == pytest.approx(expected)


def test_equal_pairs_do_not_count():
    assert paired_test([1.0, 2.0], [1.0, 2.0]) == paired_test([], []) == (1.0, 0)
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 7))
    expected = paired_test(first, second)
    assert paired_test([*first, 5.0], [*second, 5.0]) == pytest.approx(expected)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == pytest.approx([1.0, 1.0])
    assert holm([]).tolist() == []


def test_verdicts_are_adjusted_for_each_other():
    # Student's tests of five values: a mean of 3 standard errors is p = 0.040, of 6 p = 0.0039.
    unit = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    error = unit.std(ddof=1) / 5**0.5
    high, middle = unit + 6.0 * error, unit + 3.0 * error
    assert verdicts([high, -high, middle]) == ["confirmed", "refuted", "confirmed"]
    assert verdicts([middle]) == ["confirmed"]
    assert verdicts([middle, unit]) == ["undecided", "undecided"]
    assert verdicts([middle, [1.0], []]) == ["undecided"] * 3
    assert verdicts([[1.0, 1.0], [0.0, 0.0], [-1.0, -1.0]]) == ["confirmed", "undecided", "refuted"]
    assert verdicts([]) == []


def test_the_sign_of_a_test_is_that_of_its_ranks():
    # Few large differences of one sign and many equal pairs: the median is zero.
    first = np.array([0.0] * 9 + [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0])
    test = paired_test(first, np.zeros(15))
    assert test.p_value == pytest.approx(2.0 / 2**6)
    assert test.sign == -1
    assert paired_test(-first, np.zeros(15)).sign == 1
    assert paired_test([1.0, -1.0], [0.0, 0.0]).sign == 0

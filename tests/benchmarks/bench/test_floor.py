import time

import pytest
import torch

from benchmarks.bench.floor import (
    fit_parts,
    leave_one_out,
    measure_rates,
    normal_equations,
    posterior,
)


def test_counts_of_one_small_problem_by_hand() -> None:
    # 3 rows, 2 columns, 1 target: lower triangle of the Gram matrix 3 x 3 products and sums,
    # moment 2 x 3, Cholesky 8/3, two triangular solves 2 x 2 x 2.
    assert normal_equations(3, 2, 1)[0] == pytest.approx(18 + 12 + 8 / 3 + 8)
    # One triangular solve of 3 columns (4 each), their squares (4 each), predictions (4 each).
    assert leave_one_out(3, 2, 1)[0] == 3 * (4 + 4 + 4)


def test_the_floor_of_output_weights_is_linear_in_rows_and_that_of_the_search_is_bounded() -> None:
    small, large = fit_parts(10_000, 4, 2), fit_parts(100_000, 4, 2)
    ratio = large["output weights"][0] / small["output weights"][0]
    assert ratio == pytest.approx(10.0, rel=0.01)
    for part in ("search", "left-out predictions"):
        assert large[part].tolist() == small[part].tolist()
    assert posterior(1_000, 4, 2, n=40)[1] == 32 * 2 * 40 * 1_000


def test_measured_rates_are_those_of_a_computer() -> None:
    rates = measure_rates(time.perf_counter)
    before = torch.get_default_dtype()
    assert 1e8 < rates[0] < 1e14
    assert 1e6 < rates[1] < 1e12
    assert torch.get_default_dtype() == before

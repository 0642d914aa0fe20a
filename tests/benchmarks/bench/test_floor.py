import time

import pytest
import torch

from benchmarks.bench.floor import (
    Operations,
    Rates,
    fit_parts,
    leave_one_out,
    measure_rates,
    normal_equations,
    posterior,
)

RATES = Rates(flops=100.0, exponentials=10.0, bytes=1000.0)


def test_arithmetic_adds_up_and_memory_traffic_goes_on_meanwhile() -> None:
    assert Operations(flops=200, exponentials=10).seconds(RATES) == 3.0
    assert Operations(flops=200, bytes=5000).seconds(RATES) == 5.0
    assert (3 * (Operations(1, 2, 3) + Operations(10, 20, 30))) == Operations(33, 66, 99)


def test_counts_of_one_small_problem_by_hand() -> None:
    # 3 rows, 2 columns, 1 target: lower triangle of the Gram matrix 3 x 3 products and sums,
    # moment 2 x 3, Cholesky 8/3, two triangular solves 2 x 2 x 2.
    assert normal_equations(3, 2, 1).flops == pytest.approx(18 + 12 + 8 / 3 + 8)
    # One triangular solve of 3 columns (4 each), their squares (4 each), predictions (4 each).
    assert leave_one_out(3, 2, 1).flops == 3 * (4 + 4 + 4)


def test_the_floor_of_output_weights_is_linear_in_rows_and_that_of_the_search_is_bounded() -> None:
    small, large = fit_parts(10_000, 4, 2), fit_parts(100_000, 4, 2)
    ratio = large["output weights"].flops / small["output weights"].flops
    assert ratio == pytest.approx(10.0, rel=0.01)
    assert large["search"] == small["search"]
    assert large["left-out predictions"] == small["left-out predictions"]
    assert posterior(1_000, 4, 2, 40).exponentials == 32 * 2 * 40 * 1_000


def test_measured_rates_are_those_of_a_computer() -> None:
    rates = measure_rates(time.perf_counter)
    before = torch.get_default_dtype()
    assert 1e8 < rates.flops < 1e14
    assert 1e6 < rates.exponentials < 1e12
    assert 1e8 < rates.bytes < 1e13
    assert torch.get_default_dtype() == before

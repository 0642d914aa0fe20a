import math

import pandas as pd
import pytest

from botorch_cll.studies.prediction.comparison import (
    DASH,
    decimals,
    failure_lines,
    paired_means,
    paired_scores,
)


def results() -> pd.DataFrame:
    """Two problems, two surrogates, two seeds; B has no result for one of them."""
    values = {
        ("x", 0): {"A": 1.0, "B": 3.0},
        ("x", 1): {"A": 2.0, "B": math.nan},
        ("y", 0): {"A": 5.0, "B": 7.0},
        ("y", 1): {"A": 6.0, "B": 9.0},
    }
    return pd.DataFrame(
        {
            "family": "pairs",
            "problem": problem,
            "n": 20,
            "seed": seed,
            "surrogate": surrogate,
            "rmse": value,
            "failure": "Error: why" if math.isnan(value) else None,
        }
        for (problem, seed), row in values.items()
        for surrogate, value in row.items()
    )


def test_only_seeds_that_all_surrogates_solved_are_compared() -> None:
    paired = paired_scores(results(), "rmse", ["B", "A"])
    assert list(paired.columns) == ["B", "A"]
    assert paired.index.to_frame()[["problem", "seed"]].values.tolist() == [
        ["x", 0],
        ["y", 0],
        ["y", 1],
    ]
    means = paired_means(results(), "rmse", ["A", "B"])
    assert means.values.tolist() == [[1.0, 3.0], [5.5, 8.0]]
    assert len(paired_means(results(), "rmse", ["A", "unknown"])) == 0


def test_what_has_no_result_is_named() -> None:
    assert failure_lines(results()) == [f"B: {DASH} in 1 of 4 fits. Error: why"]


@pytest.mark.parametrize(("value", "text"), [(1.236, "1.24"), (math.nan, DASH)])
def test_numbers_and_dashes(value: float, text: str) -> None:
    assert decimals(value) == text

"""Comparisons of methods against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.comparison import (
    cells_table,
    complete_blocks,
    most_blocks,
    notes,
    summary_table,
)
from benchmarks.runner.results import Results

METHODS = ["worse", "Bay_MRBFCor", "better"]


def results(num_seeds: int = 8, drop: tuple[str, int] | None = None) -> Results:
    """`better` is ahead in every cell and seed, `worse` behind in problem `z` only."""
    records = []
    for seed in range(num_seeds):
        for problem in ("z", "a"):
            base = 1.0 + 0.1 * seed
            values = {
                "worse": base + (1.0 + 0.01 * seed if problem == "z" else (-1) ** seed * 0.1),
                "Bay_MRBFCor": base,
                "better": 0.5 * base,
            }
            records += [
                {"seed": seed, "problem": problem, "method": method, "task": 1, "value": value}
                for method, value in values.items()
                if drop != (method, seed)
            ]
    levels = {"seed": list(range(num_seeds)), "problem": ["z", "a"], "method": METHODS}
    rows = pd.DataFrame(records)
    return Results("x", {}, [levels], rows, pd.DataFrame(), pd.DataFrame())


def table(given: Results) -> pd.DataFrame:
    blocks = complete_blocks(given, "value")
    return summary_table(blocks, "summary", "title", "value").frame.set_index("method")


def test_summary_by_hand():
    found = table(results())
    assert found.index.tolist() == METHODS
    assert found["best in"].tolist() == [0, 0, 2]
    # Last in `z`; in `a` last for even seeds and before our method for odd ones.
    assert found["mean rank"].tolist() == pytest.approx([2.75, 2.25, 1.0])
    assert found["value"]["Bay_MRBFCor"] == pytest.approx(1.35)
    assert found["better in"].to_list() == pytest.approx([0, np.nan, 2], nan_ok=True)
    assert found["worse in"].to_list() == pytest.approx([1, np.nan, 0], nan_ok=True)
    # Eight differences of one sign: 2 / 2^8, twice for two comparisons.
    assert found["p"]["better"] == found["p"]["worse"] == pytest.approx(2 * 2.0**-7)


@pytest.mark.parametrize(("num_seeds", "differing"), [(5, 0), (6, 2)])
def test_cells_differ_at_the_5_percent_level(num_seeds, differing):
    # Differences of one sign: 2 / 2^5 = 0.06 and 2 / 2^6 = 0.03.
    assert table(results(num_seeds))["better in"]["better"] == differing


def test_ties_share_a_rank():
    index = pd.MultiIndex.from_tuples([("z", 0), ("z", 1)], names=["problem", "seed"])
    blocks = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [0.0, 1.0]}, index=index)
    found = summary_table(blocks, "summary", "title", "value").frame
    assert found["mean rank"].tolist() == [2.25, 2.75, 1.0]


def test_methods_with_most_runs_may_lack_a_tenth_of_them():
    given = results(10)
    seed, method = given.rows["seed"], given.rows["method"]
    rows = given.rows[~((method == "better") & (seed == 3)) & ~((method == "worse") & (seed < 2))]
    most = most_blocks(replace(given, rows=rows), "value")
    assert most.columns.tolist() == ["Bay_MRBFCor", "better"]
    assert len(most) == 18


def test_methods_are_compared_only_where_all_of_them_have_finished():
    given = results(drop=("better", 3))
    blocks = complete_blocks(given, "value")
    assert len(blocks) == 14
    assert 3 not in blocks.index.get_level_values("seed")
    text = " ".join([given.state, *notes(given, blocks)])
    assert "46 of 48 runs asked for are finished, 2 are missing" in text
    assert "14 of 16 pairs of cell and seed" in text


def test_cells_are_in_the_order_of_the_study_and_the_lowest_stands_out():
    given = results()
    blocks = complete_blocks(given, "value")
    found = cells_table(blocks, "cells", "value")
    assert found.frame["problem"].tolist() == ["z", "a"]
    assert found.frame["worse"].tolist() == pytest.approx([1.35 + 1.035, 1.35])
    assert found.bold["better"].all()
    assert "| z | 1 | 2.385 | 1.350 | **0.675** |" in found.to_markdown()

"""The table of what the layer is worth against numbers worked out by hand."""

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.report.comparison import layer_tables
from benchmarks.runner.results import Results

LAYER, WITHOUT = "Bay_MRBFCor", "no correlation layer"


def results(methods: tuple[str, ...] = (LAYER, WITHOUT, "RMLA")) -> Results:
    """With the layer: 0.1 to 0.3 lower in problem `z`, 0.1 higher or lower in `a`."""
    records = []
    for seed in range(4):
        for task in (1, 2):
            for problem in ("z", "a"):
                gain = 0.1 * (1 + seed % 2) if problem == "z" else 0.1 * (-1) ** seed
                gain += 0.05 if task == 1 else -0.05
                values = {LAYER: 1.0 - gain, WITHOUT: 1.0, "RMLA": 0.0}
                records += [
                    {"seed": seed, "problem": problem, "method": m, "task": task, "value": v}
                    for m, v in values.items()
                    # The layer has no result for seed 3 in `a`.
                    if m in methods and (m, seed, problem) != (LAYER, 3, "a")
                ]
    levels = {"seed": [0, 1, 2, 3], "problem": ["z", "a"], "method": list(methods)}
    return Results("x", {}, [levels], pd.DataFrame(records), pd.DataFrame(), pd.DataFrame())


def test_differences_by_hand():
    given = results()
    (table,) = layer_tables(given, "value", "regret")
    frame = table.frame.set_index("problem")
    assert frame.index.tolist() == ["z", "a", "all"]
    assert frame["seeds"].tolist() == [4, 3, 4]
    assert frame["difference"].tolist()[:2] == pytest.approx([-0.15, -0.1 / 3])
    assert frame["difference"].tolist() == pytest.approx(frame["with layer"] - frame["without"])
    # Four differences of -0.1 and -0.2: standard deviation 0.1 / √3, Student's 3.1824 / √4.
    half = 3.182446 / 2 * 0.1 / 3**0.5
    assert frame.loc["z", ["low", "high"]].tolist() == pytest.approx([-0.15 - half, -0.15 + half])
    assert frame["the layer"].tolist()[:2] == ["helps", "undecided"]


def test_a_gain_of_the_ensemble_without_layer_is_called_what_it_is():
    given = results()
    worse = given.rows.assign(value=-given.rows["value"])
    (table,) = layer_tables(replace(given, rows=worse), "value", "regret")
    assert table.frame.set_index("problem").loc["z", "the layer"] == "hurts"


def test_cells_and_correlations_are_summed_up_and_adjusted_each_for_themselves():
    given = results()
    parts = [given.rows.assign(correlation=p) for p in (0.9, 0.5)]
    # At 0.5 nothing but the seed matters.
    parts[1]["value"] = 1.0 + 0.01 * parts[1]["seed"] * (parts[1]["method"] == WITHOUT)
    rows = pd.concat(parts, ignore_index=True)
    levels = {"seed": [0, 1, 2, 3], "problem": ["z", "a"], "correlation": [0.9, 0.5]}
    given = Results("x", {}, [levels], rows, given.curves, given.failures)
    (table,) = layer_tables(given, "value", "regret")
    frame = table.frame.set_index(["problem", "correlation"])
    assert frame.index.tolist()[:4] == [("z", 0.9), ("z", 0.5), ("a", 0.9), ("a", 0.5)]
    assert frame.index.tolist()[4:] == [("all", 0.9), ("all", 0.5), ("all", "all")]
    assert frame.loc[("all", 0.5), "difference"] == pytest.approx(-0.015)
    # Beyond noise by itself (p = 0.014), not as one of four.
    assert frame.loc[("z", 0.9), "high"] < 0.0
    assert frame.loc[("z", 0.9), "the layer"] == "undecided"
    assert frame.loc[("z", 0.9), "difference"] == pytest.approx(-0.15)


def test_nothing_without_the_ensemble_to_compare_with():
    given = results((LAYER, "RMLA"))
    assert layer_tables(given, "value", "regret") == []

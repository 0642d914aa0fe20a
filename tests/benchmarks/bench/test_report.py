import pandas as pd
import pytest

from benchmarks.bench.report import report_bench
from benchmarks.bench.swarms import GRADIENTS, SWARM
from benchmarks.methods import INDEPENDENT_GPS, OURS


def table(rows: list[dict], name: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows).assign(versions="torch 1", threads=1)
    (found,) = [t for t in report_bench(frame).tables if t.name == name]
    assert found.to_markdown()
    return found.frame


def test_ratios_are_medians_over_rounds_of_the_same_number() -> None:
    rows = [
        {"part": "fit", "n": 9, "method": method, "repeat": repeat, "seconds": seconds}
        for method, all_seconds in ((OURS, [1.0, 2.0, 3.0]), (INDEPENDENT_GPS, [10.0, 4.0]))
        for repeat, seconds in enumerate(all_seconds)
    ]
    frame = table(rows, "fit").set_index("method")
    assert frame.seconds.to_dict() == {OURS: 2.0, INDEPENDENT_GPS: 7.0}
    assert frame.ratio.to_dict() == {OURS: 1.0, INDEPENDENT_GPS: pytest.approx(0.3)}
    assert frame.repeats.tolist() == [3, 2]


def test_swarms_are_compared_surface_by_surface() -> None:
    values = {SWARM: [1.0, 2.0, 0.9995, 0.0], GRADIENTS: [1.0, 1.0, 1.0, 0.5]}
    rows = [
        {
            "part": "swarm",
            "kind": "GP",
            "method": method,
            "repeat": seed,
            "seconds": 1.0 if method == SWARM else 2.0,
            "evaluations": 10,
            "value": value,
        }
        for method, found in values.items()
        for seed, value in enumerate(found)
    ]
    frame = table(rows, "swarm").set_index("optimizer")
    assert frame["near the best"].to_dict() == {SWARM: 0.75, GRADIENTS: 0.75}
    assert frame.loc[GRADIENTS, "ours at least as good"] == 0.75
    assert frame.loc[GRADIENTS, "ratio"] == 0.5


def test_failures_stand_in_the_table_of_sizes() -> None:
    sizes = {"part": "scale", "kind": "rows", "tasks": 2, "d": 3, "repeat": 0}
    rows = [
        sizes | {"n": 10, "method": OURS, "seconds": 0.5, "peak_mib": 12.3},
        sizes | {"n": 10, "method": "MultiTaskGP", "failure": "> 60 s"},
        sizes | {"n": 20, "method": OURS, "seconds": 1.0, "peak_mib": 20.0},
    ]
    frame = table(rows, "scale-rows")
    assert frame[OURS].tolist() == ["0.5 s, 12 MiB", "1 s, 20 MiB"]
    assert frame["MultiTaskGP"].tolist() == ["> 60 s", ""]


def test_the_floor_is_compared_with_the_median() -> None:
    rows = [
        {"part": "floor", "n": 9, "method": m, "repeat": r, "seconds": s + r, "floor": f}
        for m, s, f in (("search", 1.0, 0.5), ("rest", 5.0, float("nan")))
        for r in (0, 1, 2)
    ]
    frame = table(rows, "floor").set_index("part")
    assert frame.loc["search", "measured / floor"] == 4.0
    assert frame.loc["search", "share"] == pytest.approx(2 / 8)
    assert pd.isna(frame.loc["rest", "measured / floor"])

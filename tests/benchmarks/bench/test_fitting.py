import time

import pandas as pd
import torch

from benchmarks.bench.fitting import bench_fit, bench_floor, bench_propose, draw_tasks
from benchmarks.bench.parts import PARTS
from benchmarks.methods import INDEPENDENT_GPS, OURS


def test_fit_and_proposal_are_timed_for_every_method() -> None:
    steps: list[None] = []
    rows = pd.DataFrame(
        [
            *bench_fit((INDEPENDENT_GPS,), (15,), 2, time.perf_counter, lambda: steps.append(None)),
            *bench_propose((INDEPENDENT_GPS,), 1, time.perf_counter, lambda: steps.append(None)),
        ]
    )
    assert (rows.seconds > 0).all()
    counts = rows.groupby(["part", "n", "method"]).size()
    assert counts.loc["fit", 15].to_dict() == {OURS: 2, INDEPENDENT_GPS: 2}
    assert counts.loc["propose", 100].to_dict() == {OURS: 1, INDEPENDENT_GPS: 1}
    assert len(steps) == 6


def test_the_parts_of_a_fit_are_timed_beside_their_floor() -> None:
    rows = pd.DataFrame(bench_floor((40,), 2, time.process_time)).groupby("method").min()
    assert set(rows.index) == {*PARTS, "rest", "posterior"}
    counted = rows.floor.dropna()
    assert set(counted.index) == {"search", "output weights", "left-out predictions", "posterior"}
    assert (rows.seconds[counted.index] > counted).all()
    # Every function that is looked for was found and took time.
    assert (rows.seconds[list(PARTS)] > 0).all()


def test_data_are_in_the_box_and_the_same_again() -> None:
    bounds, X, Y = draw_tasks(9)
    assert X.shape == (9, 4)
    assert Y.shape == (9, 2)
    assert ((bounds[0] <= X) & (bounds[1] >= X)).all()
    assert torch.equal(draw_tasks(9)[2], Y)

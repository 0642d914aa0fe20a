import time

import pandas as pd
import torch

from benchmarks.bench.fitting import draw_tasks, fit_series, propose_series
from benchmarks.bench.floor import PARTS
from benchmarks.methods import INDEPENDENT_GPS, OURS


def test_fit_and_proposal_are_timed_for_every_method_and_ours_beside_its_floor() -> None:
    all_series = fit_series([INDEPENDENT_GPS], [40], 2, time.process_time)
    all_series += propose_series([INDEPENDENT_GPS], 1)
    steps = [step for series in all_series for step in series.steps(time.process_time)]
    assert [] not in steps
    rows = pd.DataFrame([row for step in steps for row in step])
    counts = rows.groupby(["part", "n", "method"]).size()
    assert counts.loc["fit", 40].to_dict() == {OURS: 2, INDEPENDENT_GPS: 2}
    assert counts.loc["propose", 100].to_dict() == {OURS: 1, INDEPENDENT_GPS: 1}
    parts = rows[rows.part == "floor"].groupby("method")[["seconds", "floor"]].min()
    assert set(parts.index) == {*PARTS, "rest", "posterior"}
    counted = parts.floor.dropna()
    assert set(counted.index) == {"search", "output weights", "left-out predictions", "posterior"}
    assert (parts.seconds[counted.index] > counted).all()
    # Every function that is looked for was found and took time.
    assert (parts.seconds[list(PARTS)] > 0).all()
    assert (rows.seconds[rows.part != "floor"] > 0).all()


def test_data_are_in_the_box_and_the_same_again() -> None:
    bounds, X, Y = draw_tasks(9)
    assert X.shape == (9, 4)
    assert Y.shape == (9, 2)
    assert ((bounds[0] <= X) & (bounds[1] >= X)).all()
    assert torch.equal(draw_tasks(9)[2], Y)

import time

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.exceptions.errors import UnsupportedError

from benchmarks.bench import swarms
from benchmarks.bench.swarms import (
    OPTIMIZERS,
    SURFACES,
    SWARM,
    by_cma,
    by_pymoo,
    draw_surface,
    swarm_series,
)

_, _, PYMOO, CMA_ES, EVALUATIONS = OPTIMIZERS


def test_evaluations_are_counted_by_points_and_gradients_three_times() -> None:
    acqf = draw_surface("GP", seed=0)
    X = acqf.bounds.mean(0).expand(7, 1, -1)
    with torch.no_grad():
        acqf(X)
    assert acqf.num_evaluations == 7
    acqf(X.clone().requires_grad_(True))
    assert acqf.num_evaluations == 28


def test_four_optimizers_on_the_same_surfaces() -> None:
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    all_series = swarm_series(2)
    assert [series.about["kind"] for series in all_series] == list(SURFACES)
    steps = all_series[0].steps(time.perf_counter)
    rows = pd.DataFrame([row for step in steps for row in step])
    assert rows.groupby("method").size().to_dict() == dict.fromkeys(OPTIMIZERS, 2)
    evaluations = rows.pivot(index="repeat", columns="method", values="evaluations")
    for method in (PYMOO, CMA_ES):
        # As many as ours, up to one generation more.
        assert evaluations[method].ge(evaluations[SWARM] - 1).all()
        assert evaluations[method].le(evaluations[SWARM] + 25).all()
    assert evaluations[EVALUATIONS].eq(evaluations[SWARM]).all()
    values = rows.pivot(index="repeat", columns="method", values="value")
    acqf = draw_surface("ensemble", 0)
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(256, 1, acqf.bounds.shape[-1], generator=generator, dtype=torch.double)
    with torch.no_grad():
        assert (values.loc[0].drop(EVALUATIONS) > acqf(random).median().item()).all()
        assert values.loc[0, SWARM] > acqf(random).max().item()
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002


@pytest.mark.parametrize("maximize", [by_pymoo, by_cma])
def test_peers_repeat_with_their_seed(maximize) -> None:
    surface = draw_surface("ensemble", 1)
    surface.budget = 200
    assert maximize(surface) == maximize(surface)
    few = maximize(surface)
    surface.budget = 1000
    assert few <= maximize(surface) + 0.5


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarms, "find_spec", lambda name: None if name == "cma" else name)
    with pytest.raises(UnsupportedError, match="compares with cma: pip install"):
        swarm_series(1)

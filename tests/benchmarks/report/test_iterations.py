"""Methods compared at as many candidates of their own, against numbers worked out by hand."""

import pandas as pd
import pytest

from benchmarks.report.optimization import iteration_tables
from benchmarks.runner.results import Results

BUDGET, NUM_INITIAL = 12, 4
JOINT, ALONE = "Bay_MRBFCor", "Single-RBF"


def results(num_tasks: int) -> Results:
    rows = pd.DataFrame({"task": range(num_tasks)})
    config = {"budget": BUDGET, "num_initial": NUM_INITIAL}
    return Results("x", config, [], rows, pd.DataFrame(), pd.DataFrame())


def courses(methods: tuple[str, ...] = (JOINT, ALONE), step: int = 1) -> pd.DataFrame:
    """After `x` evaluations the first method is at `seed + 1 / x`, the second at `seed + 2 / x`."""
    records = [
        {"problem": "a", "seed": seed, "x": float(x)}
        | {name: (i + 1) / x + seed for i, name in enumerate(methods)}
        for seed in range(3)
        for x in range(NUM_INITIAL, BUDGET + 1, step)
    ]
    return pd.DataFrame(records).set_index(["problem", "seed", "x"])


@pytest.mark.parametrize(
    ("num_tasks", "step", "evaluations"), [(2, 1, 8), (4, 1, 6), (2, 8, 4)], ids=str
)
def test_those_alone_are_taken_at_as_many_candidates(num_tasks, step, evaluations):
    (table,) = iteration_tables(courses(step=step), results(num_tasks), "regret")
    found = table.frame.set_index("method")["regret"]
    assert found[JOINT] == pytest.approx(1 / 12 + 1)
    assert found[ALONE] == pytest.approx(2 / evaluations + 1)
    assert f"Single-RBF after {evaluations} evaluations" in table.caption
    assert f"after {8 // num_tasks} candidates" in table.title


@pytest.mark.parametrize(
    ("methods", "num_tasks"), [((JOINT, "RMLA"), 2), ((ALONE,), 2), ((JOINT, ALONE), 1)], ids=str
)
def test_nothing_to_compare(methods, num_tasks):
    assert iteration_tables(courses(methods), results(num_tasks), "regret") == []

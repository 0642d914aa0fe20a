"""Targets by name: which there are, what each is for, and what there is to evaluate."""

from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

import pytest
import torch

from benchmarks import logs
from benchmarks.logs import (
    DEVELOPMENT,
    REPORTING,
    TARGET_GROUPS,
    TARGETS,
    group_of,
    split_of,
    target_and_sources,
)
from botorch_cll.datasets import TABLE_PACKAGES, load_table
from botorch_cll.test_functions import AlpineTasks, BraninTasks, ForresterTasks, HartmannTasks

FAMILIES = {
    "Forrester": ForresterTasks,
    "Branin": BraninTasks,
    "Hartmann3": lambda **options: HartmannTasks(dim=3, **options),
    "Hartmann6": lambda **options: HartmannTasks(dim=6, **options),
    "Alpine": AlpineTasks,
}
NUM_TASKS = {"LCBench": 35, "HPOBench": 8, "HPOLib": 4, "Suzuki": 4}


@cache
def table(name):
    """A table, read once for all tests; skips if its package is missing."""
    try:
        distribution(TABLE_PACKAGES[name].name)
    except PackageNotFoundError:
        pytest.skip(f"{TABLE_PACKAGES[name].name} is missing")
    return load_table(name)


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    monkeypatch.setattr(logs, "load_table", table)


def test_every_target_is_there_once():
    assert len(TARGETS) == len(set(TARGETS)) == 35 + 8 + 4 + 4 + 5
    assert set(TARGET_GROUPS) == {*NUM_TASKS, *FAMILIES}
    assert tuple(target for group in TARGET_GROUPS.values() for target in group) == TARGETS
    for group, targets in TARGET_GROUPS.items():
        assert len(targets) == NUM_TASKS.get(group, 1)
        assert {group_of(target) for target in targets} == {group}


@pytest.mark.parametrize("name", NUM_TASKS)
def test_targets_of_a_table_are_its_tasks(name):
    assert TARGET_GROUPS[name] == tuple(f"{name} {task}" for task in table(name).tasks)


def test_what_targets_are_for():
    development = {target for target in TARGETS if split_of(target) == DEVELOPMENT}
    assert {split_of(target) for target in set(TARGETS) - development} == {REPORTING}
    lcbench = sorted(target for target in TARGETS if target.startswith("LCBench "))
    assert development == {
        *lcbench[::2],
        "HPOLib naval_propulsion",
        "HPOLib parkinsons_telemonitoring",
        "HPOLib protein_structure",
        "HPOLib slice_localization",
        "Forrester",
        "Branin",
    }
    assert len(development) == 18 + 4 + 2


@pytest.mark.parametrize("name", NUM_TASKS)
def test_pools_of_a_table_are_its_rows_scaled_to_the_unit_cube(name):
    X, Y, _, tasks = table(name)
    low, high = X.amin(0), X.amax(0)
    for task in (0, len(tasks) - 1):
        target, sources = target_and_sources(TARGET_GROUPS[name][task], seed=0)
        assert len(sources) == len(tasks) - 1
        assert target.num_rows == min(2000, int((~Y[:, task].isnan()).sum()))
        assert target.Y.shape == (target.num_rows, 1)
        assert target.Y.isfinite().all()
        assert 0.0 <= target.X.min() <= target.X.max() <= 1.0
        again, _ = target_and_sources(TARGET_GROUPS[name][task], seed=1)
        assert torch.equal(again.X, target.X)
        values = {
            tuple(x): y
            for x, y in zip((X * 1e6).round().tolist(), Y[:, task].tolist(), strict=True)
            if y == y
        }
        for row in range(0, target.num_rows, 37):
            x = low + (high - low) * target.X[row]
            if name != "Suzuki":  # where experiments were repeated
                assert values[tuple((x * 1e6).round().tolist())] == target.Y[row].item()
    first, (second, *_) = target_and_sources(TARGET_GROUPS[name][0], seed=0)
    other, (others_first, *_) = target_and_sources(TARGET_GROUPS[name][1], seed=0)
    assert second is other
    assert others_first is first


def test_experiments_of_suzuki_are_all_in_its_pools():
    Y = table("Suzuki").Y
    for task, target in enumerate(TARGET_GROUPS["Suzuki"]):
        expected = Y[:, task][~Y[:, task].isnan()]
        assert torch.equal(target_and_sources(target, 0)[0].Y.flatten(), expected)


def test_a_table_with_more_rows_is_drawn_without_repetition():
    target, (source, *_) = target_and_sources("HPOBench kc1", 0)
    assert len(target.X.unique(dim=0)) == target.num_rows == 2000
    assert torch.equal(source.X, target.X)
    assert len(target.X[:, 2].unique()) == 3  # not the first rows, in which the depth is one


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_pools_of_a_family_have_the_optimum_of_their_task(name, seed):
    problem = FAMILIES[name](num_tasks=5, seed=seed)
    target, sources = target_and_sources(name, seed)
    low, high = problem.bounds
    assert len(sources) == 4
    for task, log in enumerate([target, *sources]):
        assert log.X.shape == (2001, problem.dim)
        assert log.Y.shape == (2001, 1)
        assert 0.0 <= log.X.min() <= log.X.max() <= 1.0
        torch.testing.assert_close(log.Y.max(), -problem.optimal_value[task], atol=1e-8, rtol=1e-8)
        best = low + (high - low) * log.X[log.Y.argmax()]
        torch.testing.assert_close(best, problem.optimizers[task], atol=1e-6, rtol=1e-6)
        expected = -problem.evaluate_true(low + (high - low) * log.X)[:, task]
        torch.testing.assert_close(log.Y.flatten(), expected, atol=1e-9, rtol=1e-9)


def test_a_seed_draws_functions_and_points_of_a_family():
    before = torch.get_rng_state()
    first, again, other = (target_and_sources("Alpine", seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.X, again.X)
    assert torch.equal(first.Y, again.Y)
    assert not torch.equal(first.X, other.X)
    assert torch.equal(torch.get_rng_state(), before)

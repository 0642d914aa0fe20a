"""Runs with a target beside logs."""

import itertools
import math

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError
from scipy.stats import spearmanr

from benchmarks import methods
from benchmarks.methods import pool as pool_methods
from benchmarks.methods.pool import (
    POOL_METHODS,
    TARGET_SURROGATES,
    TOGETHER_METHODS,
    TargetSurrogate,
)
from benchmarks.methods.target import Log, Scale, TargetModel
from benchmarks.protocols import logs
from benchmarks.protocols.logs import (
    draw_logs,
    normalized_regret,
    run_log_prediction,
    run_log_together,
    run_log_transfer,
)

CONFIG = {"num_initial": 3, "num_steps": 4, "num_source": 8}
CHEAP = (
    methods.SINGLE_RBF,
    methods.RMLA,
    pool_methods.SINGLE_TASK_GP,
    pool_methods.MEAN_OF_SOURCES,
    pool_methods.RGPE,
    pool_methods.GP_ON_MEAN,
    pool_methods.STACK,
    pool_methods.WARM_START,
    pool_methods.RANDOM,
)


def function(X, shift):
    return (5.0 * X[:, :1] + shift).sin() - (X[:, 1:] - 0.4).square()


def tiny_pools(target, seed):
    """12 rows of a target, and 20 of each of two sources."""
    X = torch.rand(20, 2, dtype=torch.double, generator=torch.Generator().manual_seed(17))
    sources = [Log(X, 10.0 * function(X, shift)) for shift in (0.1, -0.2)]
    return Log(X[:12], 100.0 + function(X[:12], 0.0)), sources


@pytest.fixture(autouse=True)
def _tiny_pools(monkeypatch):
    monkeypatch.setattr(logs, "target_and_sources", tiny_pools)
    monkeypatch.setattr(logs, "pools", lambda group, seed: tiny_pools(group, seed)[1])


@pytest.fixture
def asked(monkeypatch):
    """What methods are asked: the target's rows so far, and the candidates."""
    found = []

    def recording(start):
        def wrapped(sources, seed):
            propose = start(sources, seed)

            def record(target, candidates):
                found.append((target, candidates))
                return propose(target, candidates)

            return record

        return wrapped

    for name in CHEAP:
        monkeypatch.setitem(POOL_METHODS, name, recording(POOL_METHODS[name]))
    return found


def key(method, seed=0, **factors):
    return {"seed": seed, "problem": "tiny", "method": method, **factors}


def without_seconds(output):
    return [
        {name: value for name, value in row.items() if name != "seconds"} for row in output.rows
    ], output.curves


def test_logs_are_drawn_by_the_seed_alone():
    target, sources = draw_logs(key(""), 8)
    whole, (source, _) = tiny_pools("", 0)
    assert [log.num_rows for log in (target, *sources)] == [12, 8, 8]
    order = [whole.X.tolist().index(x) for x in target.X.tolist()]
    assert sorted(order) == [*range(12)]
    assert order != [*range(12)]
    assert torch.equal(target.Y, whole.Y[order])
    rows = [source.X.tolist().index(x) for x in sources[0].X.tolist()]
    assert torch.equal(sources[0].Y, source.Y[rows])
    assert not torch.equal(sources[0].X, sources[1].X)  # each in an order of its own
    again, _ = draw_logs(key("another method"), 5)
    assert torch.equal(again.X, target.X)
    other, _ = draw_logs(key("", seed=1), 8)
    assert not torch.equal(other.X, target.X)
    assert [log.num_rows for log in draw_logs(key(""), 100)[1]] == [20, 20]


@pytest.mark.parametrize("method", CHEAP)
def test_rows_are_tried_once_from_the_same_first_ones(method, asked):
    output = run_log_transfer(key(method), CONFIG)
    target, _ = tiny_pools("", 0)
    first, _ = draw_logs(key(method), 8)
    assert torch.equal(asked[0][0].X, first.X[:3])
    for step, (seen, candidates) in enumerate(asked):
        assert torch.equal(seen.Y, 100.0 + function(seen.X, 0.0))
        rows = torch.cat([seen.X, candidates])
        assert seen.num_rows == 3 + step
        assert len(rows.unique(dim=0)) == len(rows) == target.num_rows
    ((row,), (curve,)) = output
    best = target.Y.max().item()
    regrets = [
        (best - seen.Y.max().item()) / (best - target.Y.median().item()) for seen, _ in asked
    ]
    assert list(curve.x) == [0, 1, 2, 3, 4]
    assert curve.y[:-1] == pytest.approx(regrets)
    assert (curve.task, curve.name) == (row["task"], "regret") == ("tiny", "regret")
    assert row["last"] == curve.y[-1]
    assert row["after_5"] is row["after_25"] is None
    assert row["after_1"] == curve.y[1]
    assert row["mean"] == pytest.approx(sum(curve.y[1:]) / 4)
    assert row["seconds"] >= 0.0
    assert without_seconds(run_log_transfer(key(method), CONFIG)) == without_seconds(output)


def test_nothing_is_left_to_regret_when_all_has_been_tried(asked):
    output = run_log_transfer(key(pool_methods.RANDOM), CONFIG | {"num_steps": 30})
    assert len(asked) == 9
    (row,), (curve,) = output
    assert len(curve.y) == 10
    assert curve.y[-1] == row["last"] == 0.0
    assert row["after_25"] is None
    assert row["after_5"] == curve.y[5]
    assert sorted(curve.y, reverse=True) == list(curve.y)


def test_a_step_after_the_first_rows_is_needed():
    with pytest.raises(InputDataError, match="fewer than the 12 rows of the pool, got 12"):
        run_log_transfer(key(pool_methods.RANDOM), CONFIG | {"num_initial": 12})


def test_regret_by_hand():
    pool = torch.tensor([0.0, 1.0, 2.0, 4.0, 6.0])
    regret = normalized_regret(pool, torch.tensor([0.0, 2.0, 1.0, 4.0, 6.0, 0.0]))
    assert regret.tolist() == [1.5, 1.0, 1.0, 0.5, 0.0, 0.0]


class Plane(TargetModel):
    """The truth of the tiny target but for a sign, with a variance of 4."""

    def __init__(self, sign):
        super().__init__(Scale(torch.tensor(100.0).double(), torch.tensor(1.0).double()))
        self.sign = sign

    def moments(self, X, observation_noise):
        mean = self.sign * function(X.reshape(-1, 2), 0.0).view(X.shape[:-1])
        return mean, torch.full_like(mean, 4.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("n", [0, 5])
def test_predictions_of_the_rows_that_were_not_given_are_scored(sign, n, monkeypatch):
    given = []

    def learn(sources, seed):
        assert [source.num_rows for source in sources] == [6, 6]
        assert seed == 2

        def fit_target(target):
            given.append(target)
            return Plane(sign)

        return fit_target

    monkeypatch.setitem(TARGET_SURROGATES, "plane", TargetSurrogate(learn, 0))
    target, _ = draw_logs(key("plane", seed=2), 6)
    (row,) = run_log_prediction(key("plane", seed=2, n=n, num_source=6), {}).rows
    assert torch.equal(given[0].X, target.X[:n])
    assert torch.equal(given[0].Y, target.Y[:n])
    truth = target.Y[n:].flatten().numpy()
    mean, scale = 100.0 + sign * (truth - 100.0), truth.std(ddof=1)
    z = (truth - mean) / 2.0
    assert row["task"] == "tiny"
    assert row["spearman"] == pytest.approx(spearmanr(mean, truth).statistic) == pytest.approx(sign)
    assert row["rmse"] == pytest.approx(np.sqrt(((truth - mean) ** 2).mean()) / scale, abs=1e-9)
    density = 0.5 * math.log(2.0 * math.pi * 4.0 / scale**2) + 0.5 * z**2
    assert row["nlpd"] == pytest.approx(density.mean())
    assert row["coverage_95"] == (abs(z) < 1.959964).mean()
    assert row["seconds"] >= 0.0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_method_that_needs_more_rows_has_no_values(n):
    (row,) = run_log_prediction(key(methods.SINGLE_RBF, n=n, num_source=6), {}).rows
    assert list(row) == ["task", "spearman", "rmse", "nlpd", "coverage_95", "seconds"]
    assert row.pop("task") == "tiny"
    if n < 2:
        assert set(row.values()) == {None}
    else:
        assert all(math.isfinite(value) for value in row.values())


@pytest.mark.parametrize("method", [methods.RMLA, pool_methods.RGPE, pool_methods.STACK])
def test_predictions_depend_on_the_seed_alone(method):
    case = key(method, n=4, num_source=8)
    assert without_seconds(run_log_prediction(case, {})) == without_seconds(
        run_log_prediction(case, {})
    )


@pytest.mark.parametrize("method", [methods.SINGLE_RBF, methods.RMLA, pool_methods.RANDOM])
def test_all_tasks_are_looked_for_at_once_each_at_rows_of_its_own(method, monkeypatch):
    seen_by_step = []
    propose = TOGETHER_METHODS[method]

    def record(seen, candidates, seed):
        seen_by_step.append([log.X for log in seen])
        return propose(seen, candidates, seed)

    monkeypatch.setitem(TOGETHER_METHODS, method, record)
    output = run_log_together(key(method), CONFIG)
    _, pool = tiny_pools("", 0)
    assert [[len(X) for X in step] for step in seen_by_step] == [[n, n] for n in (3, 4, 5, 6)]
    for first, second in itertools.pairwise(seen_by_step):
        assert all(torch.equal(X[:-1], before) for before, X in zip(first, second, strict=True))
    assert not torch.equal(seen_by_step[-1][0], seen_by_step[-1][1])
    assert [row["task"] for row in output.rows] == ["1", "2"]
    for curve, log in zip(output.curves, pool, strict=True):
        assert len(curve.y) == 5
        assert curve.y[0] <= (log.Y.max() - log.Y.min()) / (log.Y.max() - log.Y.median())
    assert without_seconds(run_log_together(key(method), CONFIG)) == without_seconds(output)

"""Ax's own benchmark harness runs our strategies."""

import numpy as np
import pytest
from ax.benchmark.benchmark import benchmark_replication
from ax.benchmark.benchmark_method import BenchmarkMethod
from ax.benchmark.problems.registry import get_benchmark_problem

from support.ax_loops import strategy


@pytest.mark.parametrize(
    ("problem", "options", "method_options"),
    [
        ("branin", {}, {}),
        ("branin", {}, {"batch_size": 3}),
        ("branin", {}, {"max_pending_trials": 2}),
        ("branin_currin", {"per_task": True}, {}),
        ("branin_currin", {"surrogate": "rmla"}, {}),
    ],
    ids=["one by one", "batches", "in parallel", "per task", "multi-objective"],
)
def test_problems(problem, options, method_options):
    method = BenchmarkMethod(generation_strategy=strategy(**options), **method_options)
    found = get_benchmark_problem(problem, num_trials=7)
    result = benchmark_replication(
        problem=found, method=method, seed=0, strip_runner_before_saving=False
    )
    assert len(result.experiment.trials) == 7
    assert len(result.optimization_trace) > 0
    assert np.isfinite(result.optimization_trace).all()
    nodes = {
        run._generation_node_name
        for trial in result.experiment.trials.values()
        for run in trial.generator_runs
    }
    assert len(nodes) == 2

"""Runs with a target beside logs of the other tasks of its table or family."""

import time

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from benchmarks.logs import pools
from benchmarks.methods.pool import POOL_METHODS, TARGET_SURROGATES
from benchmarks.methods.run import without_sparse_warning
from benchmarks.methods.target import Log
from benchmarks.protocols.prediction import score
from benchmarks.report.statistics import spearman
from benchmarks.runner.grid import Config, Curve, Key, RunOutput

STEPS = (1, 5, 10, 25)  # after which regrets are rows of the results

_SCORES = ("rmse", "nlpd", "coverage_95")


def draw_logs(key: Key, num_source: int) -> tuple[Log, list[Log]]:
    """All rows of the target, in the order of the seed, and at most so many of each source."""
    generator = torch.Generator().manual_seed(key["seed"])
    target, sources = pools(key["problem"], key["seed"])

    def shuffled(log: Log) -> Log:
        return log.rows(torch.randperm(log.num_rows, generator=generator))

    return shuffled(target), [shuffled(source).rows(slice(num_source)) for source in sources]


def run_log_prediction(key: Key, config: Config) -> RunOutput:
    """Predict all other rows of the target from its first `n`; no values if a method cannot."""
    target, sources = draw_logs(key, key["num_source"])
    learn, least_rows = TARGET_SURROGATES[key["method"]]
    seen, rest = target.rows(slice(key["n"])), target.rows(slice(key["n"], None))
    row: dict[str, float | None] = dict.fromkeys(("spearman", *_SCORES, "seconds"))
    if seen.num_rows >= least_rows:
        started = time.process_time()
        with without_sparse_warning():
            model = learn(sources, key["seed"])(seen)
            seconds = time.process_time() - started
            scores = score(model, *rest)
            with torch.no_grad():
                mean = model.posterior(rest.X.unsqueeze(-2)).mean.flatten()
        row |= {name: scores[name].item() for name in _SCORES}
        row |= {"spearman": spearman(mean, rest.Y.flatten()), "seconds": seconds}
    return RunOutput([{"task": key["problem"], **row}])


def run_log_transfer(key: Key, config: Config) -> RunOutput:
    """Look for the best row of the target, from its first ones on, one after another.

    Regret is normalized: 0 is the best row of the pool, 1 its median.
    """
    pool, sources = draw_logs(key, config["num_source"])
    if config["num_initial"] >= pool.num_rows:
        raise InputDataError(
            f"Expected num_initial to be fewer than the {pool.num_rows} rows of {key['problem']}, "
            f"got {config['num_initial']}."
        )
    tried = torch.arange(pool.num_rows) < config["num_initial"]
    order = tried.nonzero().flatten().tolist()
    started = time.process_time()
    with without_sparse_warning():
        propose = POOL_METHODS[key["method"]](sources, key["seed"])
        for _ in range(min(config["num_steps"], int((~tried).sum()))):
            left = (~tried).nonzero().flatten()
            chosen = int(left[propose(pool.rows(torch.tensor(order)), pool.X[left])])
            tried[chosen] = True
            order.append(chosen)
    seconds = time.process_time() - started
    regret = normalized_regret(pool.Y.flatten(), pool.Y.flatten()[order])
    course = regret[config["num_initial"] - 1 :].tolist()
    after = {f"after_{step}": course[min(step, len(course) - 1)] for step in STEPS}
    mean = sum(course[1:]) / (len(course) - 1)
    row = {"task": key["problem"], **after, "last": course[-1], "mean": mean, "seconds": seconds}
    return RunOutput([row], [Curve(key["problem"], "regret", range(len(course)), course)])


def normalized_regret(pool: Tensor, values: Tensor) -> Tensor:
    """What the best of `n` values so far lacks: 0 is the best of a pool, 1 its median."""
    best = pool.max()
    return (best - values.cummax(-1).values) / (best - pool.median())

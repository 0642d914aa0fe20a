"""Runs with a target beside logs of the other tasks of its table or family."""

import time

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from benchmarks.logs import group_of, pools, target_and_sources
from benchmarks.methods.pool import POOL_METHODS, TARGET_SURROGATES, TOGETHER_METHODS
from benchmarks.methods.run import without_sparse_warning
from benchmarks.methods.target import Log
from benchmarks.protocols.prediction import score
from benchmarks.report.statistics import spearman
from benchmarks.runner.grid import Config, Curve, Key, Level, RunOutput, Study
from botorch_cll.datasets import TABLE_PACKAGES

STEPS = (1, 5, 10, 25)  # after which the rows have the regret

_SCORES = ("rmse", "nlpd", "coverage_95")


def with_tables(study: Study) -> Study:
    """The study itself; an `InputDataError` before any run if a table's package is missing."""
    for group in dict.fromkeys(group_of(str(problem)) for problem in study.factors["problem"]):
        if group in TABLE_PACKAGES:
            TABLE_PACKAGES[group].folder()
    return study


def _shuffled(log: Log, generator: torch.Generator) -> Log:
    return log.rows(torch.randperm(log.num_rows, generator=generator))


def draw_logs(key: Key, num_source: int) -> tuple[Log, list[Log]]:
    """All rows of the target, in the order of the seed, and at most so many of each source."""
    generator = torch.Generator().manual_seed(key["seed"])
    target, sources = target_and_sources(key["problem"], key["seed"])
    target = _shuffled(target, generator)
    return target, [_shuffled(x, generator).rows(slice(num_source)) for x in sources]


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


class _Search:
    """The rows of a pool that were evaluated, in order, the first `num_initial` to begin with."""

    def __init__(self, pool: Log, num_initial: int) -> None:
        if num_initial >= pool.num_rows:
            raise InputDataError(
                f"Expected num_initial to be fewer than the {pool.num_rows} rows of the pool, got "
                f"{num_initial}."
            )
        self.pool = pool
        self.num_initial = num_initial
        self.order = list(range(num_initial))

    @property
    def seen(self) -> Log:
        """The rows so far."""
        return self.pool.rows(torch.tensor(self.order))

    @property
    def left(self) -> Tensor:
        """The indices of the others."""
        left = torch.ones(self.pool.num_rows, dtype=torch.bool)
        left[self.order] = False
        return left.nonzero().flatten()

    def output(self, task: str, seconds: float) -> tuple[dict[str, Level | None], Curve]:
        """The row and the curve of the normalized regret."""
        regret = normalized_regret(self.pool.Y.flatten(), self.seen.Y.flatten())
        course = regret[self.num_initial - 1 :].tolist()
        row: dict[str, Level | None] = {"task": task}
        row |= {f"after_{x}": course[x] if x < len(course) else None for x in STEPS}
        mean = sum(course[1:]) / (len(course) - 1)
        row |= {"last": course[-1], "mean": mean, "seconds": seconds}
        return row, Curve(task, "regret", range(len(course)), course)


def normalized_regret(pool: Tensor, values: Tensor) -> Tensor:
    """What the best of `n` values so far lacks: 0 is the best of a pool, 1 its median."""
    best = pool.max()
    return (best - values.cummax(-1).values) / (best - pool.median())


def run_log_transfer(key: Key, config: Config) -> RunOutput:
    """Look for the best row of the target beside logs of the sources, from its first rows on."""
    pool, sources = draw_logs(key, config["num_source"])
    search = _Search(pool, config["num_initial"])
    started = time.process_time()
    with without_sparse_warning():
        propose = POOL_METHODS[key["method"]](sources, key["seed"])
        for _ in range(min(config["num_steps"], len(search.left))):
            left = search.left
            search.order.append(int(left[propose(search.seen, pool.X[left])]))
    row, curve = search.output(key["problem"], time.process_time() - started)
    return RunOutput([row], [curve])


def run_log_together(key: Key, config: Config) -> RunOutput:
    """Look for the best rows of all tasks at once: each has a row of its own evaluated in turn."""
    generator = torch.Generator().manual_seed(key["seed"])
    logs = [_shuffled(log, generator) for log in pools(key["problem"], key["seed"])]
    searches = [_Search(log, config["num_initial"]) for log in logs]
    propose = TOGETHER_METHODS[key["method"]]
    started = time.process_time()
    with without_sparse_warning():
        for _ in range(min(config["num_steps"], *(len(search.left) for search in searches))):
            candidates = [search.pool.X[search.left] for search in searches]
            chosen = propose([search.seen for search in searches], candidates, key["seed"])
            for search, index in zip(searches, chosen, strict=True):
                search.order.append(int(search.left[index]))
    seconds = time.process_time() - started
    outputs = [search.output(str(t), seconds) for t, search in enumerate(searches, start=1)]
    return RunOutput(*zip(*outputs, strict=True))

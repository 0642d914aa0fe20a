"""Methods by name for a target beside logs of sources, and what each tries next out of a pool."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models.model import Model
from torch import Tensor

from benchmarks.methods import (
    INDEPENDENT_GPS,
    MULTI_TASK_GP,
    NO_LAYER,
    OURS,
    RMLA,
    SINGLE_RBF,
    SURROGATES,
    transfer,
)
from benchmarks.methods.target import FitTarget, Learn, Log, moments_of
from botorch_cll import models


class TargetSurrogate(NamedTuple):
    """What predicts the target, and of how many of its rows at least."""

    learn: Learn
    least_rows: int = 2


def _learn_by_ax(sources: Sequence[Log], seed: int) -> FitTarget:
    from benchmarks.methods.ax_transfer import learn_ax_transfer  # Ax is slow to import

    return learn_ax_transfer(sources, seed)


SINGLE_TASK_GP = "SingleTaskGP"
MEAN_OF_SOURCES = "mean of sources"
GP_ON_MEAN = "GP on the mean"
WARM_START = "warm start"
RGPE = "RGPE"
STACK = "residual stack"
AX_TRANSFER = "Ax transfer"
RANDOM = "random"

TARGET_SURROGATES = {
    OURS: TargetSurrogate(transfer.of_all(models.MultiRBFCorrelationModel), 0),
    NO_LAYER: TargetSurrogate(
        transfer.of_all(models.MultiRBFCorrelationModel, correlation_layers=None), 0
    ),
    RMLA: TargetSurrogate(transfer.of_all(models.RegularizedMultiTaskRBFModel), 0),
    SINGLE_RBF: TargetSurrogate(transfer.of_target(SURROGATES[SINGLE_RBF])),
    SINGLE_TASK_GP: TargetSurrogate(transfer.of_target(transfer.fit_gp)),
    MULTI_TASK_GP: TargetSurrogate(transfer.learn_multi_task_gp, 0),
    MEAN_OF_SOURCES: TargetSurrogate(transfer.learn_mean, 0),
    GP_ON_MEAN: TargetSurrogate(transfer.learn_on_mean),
    RGPE: TargetSurrogate(transfer.learn_rank_weights),
    STACK: TargetSurrogate(transfer.learn_stack),
    AX_TRANSFER: TargetSurrogate(_learn_by_ax),
}
"""Models of the target by name."""

Propose = Callable[[Log, Tensor], int]  # from the target's rows, which of the candidates is next
Start = Callable[[Sequence[Log], int], Propose]  # from the logs of the sources and a seed


def by_log_ei(learn: Learn) -> Start:
    """Where the model of the target has the largest expected improvement."""

    def start(sources: Sequence[Log], seed: int) -> Propose:
        fit_target = learn(sources, seed)

        def propose(target: Log, candidates: Tensor) -> int:
            acqf = LogExpectedImprovement(fit_target(target), target.Y.max())
            with torch.no_grad():
                return int(acqf(candidates.unsqueeze(-2)).argmax())

        return propose

    return start


def by_mean(learn: Learn) -> Start:
    """Where the model of the target has the largest mean."""

    def start(sources: Sequence[Log], seed: int) -> Propose:
        fit_target = learn(sources, seed)

        def propose(target: Log, candidates: Tensor) -> int:
            model = fit_target(target)
            with torch.no_grad():
                mean, _ = moments_of(model, candidates.unsqueeze(-2), False)
            return int(mean.argmax())

        return propose

    return start


_NUM_FIRST = 10


def after_best_settings(then: Start) -> Start:
    """The best points of ten sources, then as another method.

    They come in the order that raises most the mean over the sources of the best value so far, by a
    Gaussian process of each (the greedy portfolio of M. Wistuba, N. Schilling and L.
    Schmidt-Thieme, Learning Hyperparameter Optimization Initializations, DSAA 2015). What is tried
    is the candidate next to each.
    """

    def start(sources: Sequence[Log], seed: int) -> Propose:
        points = torch.stack([source.X[source.Y.argmax()] for source in sources])
        gps = transfer.fit_standardized(sources, seed)
        with torch.no_grad():
            values = torch.cat([moments_of(gp, points, False)[0].unsqueeze(0) for gp in gps])
        first = [points[i] for i in greedy_portfolio(values, _NUM_FIRST)]
        propose_then = then(sources, seed)

        def propose(target: Log, candidates: Tensor) -> int:
            if first:
                return int((candidates - first.pop(0)).square().sum(-1).argmin())
            return propose_then(target, candidates)

        return propose

    return start


def greedy_portfolio(values: Tensor, num: int) -> list[int]:
    """At most `num` columns of a `S x m`-dim tensor whose mean of row maxima grows most at each."""
    chosen: list[int] = []
    best = values.new_full((len(values), 1), -torch.inf)
    while len(chosen) < min(num, values.shape[-1]):
        gains = torch.maximum(best, values).mean(0)
        gains[chosen] = -torch.inf
        chosen.append(int(gains.argmax()))
        best = torch.maximum(best, values[:, chosen[-1:]])
    return chosen


def at_random(sources: Sequence[Log], seed: int) -> Propose:
    """The first of the candidates, which are in random order; a `Start`."""
    return lambda target, candidates: 0


POOL_METHODS: dict[str, Start] = {
    **{name: by_log_ei(learn) for name, (learn, _) in TARGET_SURROGATES.items()},
    MEAN_OF_SOURCES: by_mean(transfer.learn_mean),
    WARM_START: after_best_settings(by_log_ei(TARGET_SURROGATES[SINGLE_TASK_GP].learn)),
    RANDOM: at_random,
}
"""What to evaluate next of the target, by name."""

# From the rows so far of every task, its candidates and a seed: which of them is next of each.
ProposeAll = Callable[[Sequence[Log], Sequence[Tensor], int], list[int]]


def all_by_log_ei(fit: Callable[[Tensor, Tensor, int], Model]) -> ProposeAll:
    """Where a model of all tasks has the largest expected improvement of each."""

    def propose(seen: Sequence[Log], candidates: Sequence[Tensor], seed: int) -> list[int]:
        observed = torch.block_diag(*(torch.ones_like(log.Y) for log in seen)).bool()
        Y = torch.block_diag(*(log.Y for log in seen)).where(observed, torch.nan)
        model = fit(torch.cat([log.X for log in seen]), Y, seed)
        chosen = []
        for weights, log, X in zip(torch.eye(len(seen)).to(Y), seen, candidates, strict=True):
            transform = ScalarizedPosteriorTransform(weights)
            acqf = LogExpectedImprovement(model, log.Y.max(), posterior_transform=transform)
            with torch.no_grad():
                chosen.append(int(acqf(X.unsqueeze(-2)).argmax()))
        return chosen

    return propose


def all_at_random(seen: Sequence[Log], candidates: Sequence[Tensor], seed: int) -> list[int]:
    """The next of each, which are in random order; a `ProposeAll`."""
    return [0] * len(seen)


_TOGETHER = (OURS, NO_LAYER, RMLA, SINGLE_RBF, INDEPENDENT_GPS, MULTI_TASK_GP)
TOGETHER_METHODS = {name: all_by_log_ei(SURROGATES[name]) for name in _TOGETHER}
TOGETHER_METHODS[RANDOM] = all_at_random
"""What to evaluate next of every task, by name."""

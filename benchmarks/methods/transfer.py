"""What learns from logs of the sources to predict the target, each by its authors' formulas."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from botorch.models import MultiTaskGP, SingleTaskGP
from botorch.models.model import Model
from torch import Tensor

from benchmarks.methods import peers
from benchmarks.methods.rank_weights import ranking_weights
from benchmarks.methods.target import (
    FitTarget,
    Learn,
    Log,
    LongData,
    Scale,
    TargetModel,
    moments_of,
)
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.optim.random_state import isolated_random_state


def of_target(fit: Callable[[Tensor, Tensor, int], Model]) -> Learn:
    """Learns nothing from the sources."""
    return lambda sources, seed: lambda target: fit(target.X, target.Y, seed)


def of_all(model_class: type[Any], **options: Any) -> Learn:
    """One of our models of all tasks, fitted anew for every new row of the target."""

    def learn(sources: Sequence[Log], seed: int) -> FitTarget:
        def fit_target(target: Log) -> Model:
            X, Y, tasks = LongData.of([target, *sources])
            return fit_rbf_ensemble(model_class(X, Y, seed=seed, **tasks, **options))

        return fit_target

    return learn


def fit_gp(X: Tensor, Y: Tensor, seed: int) -> SingleTaskGP:
    """A fitted `SingleTaskGP`; the unit cube needs no transform."""
    with isolated_random_state(seed, X.device):
        return peers.fit_exactly(peers.single_task_gp(X, Y, input_transform=None))


def fit_standardized(logs: Sequence[Log], seed: int) -> list[SingleTaskGP]:
    """Fits of logs, each standardized by itself."""
    return [fit_gp(*Scale.of(log).standardize(log), seed) for log in logs]


class TargetOfMultiTaskGP(TargetModel):
    """The target's output of a `MultiTaskGP` of tasks that are standardized one by one."""

    def __init__(self, logs: Sequence[Log]) -> None:
        target, *sources = logs
        super().__init__(Scale.of_target(target, sources))
        scaled = [Scale.of(source).standardize(source) for source in sources]
        X, Y, tasks = LongData.of([self.scale.standardize(target), *scaled])
        untransformed: dict[str, Any] = {"input_transform": None, "outcome_transform": None}
        self.gp = peers.multi_task_gp(X, Y, **tasks, **untransformed)

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the Gaussian process."""
        return moments_of(self.gp, X, observation_noise)


MOST_SOURCES = 7  # that `MultiTaskGP` is given,
MOST_ROWS = 140  # and rows of all of them together
_GROWTH = 1.5


def learn_multi_task_gp(sources: Sequence[Log], seed: int) -> FitTarget:
    """`MultiTaskGP` of the target and at most seven sources with 140 rows together; a `Learn`.

    It has a parameter for every pair of tasks, and takes thousands of steps to fit. A fit starts
    from the hyper-parameters of the last one, as in Ax, and is made when the target has half as
    many rows again; in between these stay as they are.
    """
    kept = sources[:MOST_SOURCES]
    kept = [source.rows(slice(MOST_ROWS // len(kept))) for source in kept]
    last: list[tuple[int, MultiTaskGP]] = []  # the last fit, and the rows of its target

    def fit_target(target: Log) -> Model:
        with isolated_random_state(seed):
            model = TargetOfMultiTaskGP([target, *kept])  # whose task kernel begins at random
            if last:
                model.gp.load_state_dict(last[0][1].state_dict())
            if not last or target.num_rows >= _GROWTH * last[0][0]:
                peers.fit_exactly(model.gp)
                last[:] = [(target.num_rows, model.gp)]
        return model

    return fit_target


class MeanOfSources(TargetModel):
    """The mean of standardized fits of the sources, in a scale of the target.

    The variance is what they have themselves, on average, and that between them.
    """

    def __init__(self, gps: Sequence[SingleTaskGP], scale: Scale) -> None:
        super().__init__(scale)
        self.gps = gps

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the mixture of all sources."""
        found = [moments_of(gp, X, observation_noise) for gp in self.gps]
        means, variances = (torch.stack(x) for x in zip(*found, strict=True))
        return means.mean(0), variances.mean(0) + means.var(0, correction=0)


def learn_mean(sources: Sequence[Log], seed: int) -> FitTarget:
    """The `MeanOfSources`, of which the target's rows decide the scale alone; a `Learn`.

    Before there are two rows it is in the mean of the sources' scales.
    """
    gps = fit_standardized(sources, seed)

    return lambda target: MeanOfSources(gps, Scale.of_target(target, sources))


class GPOnMean(TargetModel):
    r"""A Gaussian process whose prior mean is the mean of the sources.

    .. math:: y(x) = \bar{p}(x) + r(x) + \epsilon, \qquad r \sim GP

    with standardized values of the target and the mean of standardized fits of the sources. It is
    what the stack below is with one level for all of the sources.
    """

    def __init__(self, mean: MeanOfSources, target: Log, seed: int) -> None:
        super().__init__(Scale.of(target))
        self.mean = mean
        X, Y = self.scale.standardize(target)
        with torch.no_grad():
            rest = Y - mean.moments(X.unsqueeze(-2), False)[0]
        self.gp = fit_gp(X, rest, seed)

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the Gaussian process, around the mean of the sources."""
        mean, variance = moments_of(self.gp, X, observation_noise)
        return self.mean.moments(X, False)[0] + mean, variance


def learn_on_mean(sources: Sequence[Log], seed: int) -> FitTarget:
    """`GPOnMean`; a `Learn`."""
    mean = MeanOfSources(fit_standardized(sources, seed), Scale.of(*sources))
    return lambda target: GPOnMean(mean, target, seed)


class RankWeightedGPs(TargetModel):
    r"""RGPE, the ranking-weighted ensemble of Gaussian processes of all tasks.

    .. math:: f(x) \sim N\Big(\sum_i w_i \mu_i(x),\; \sum_i w_i^2 \sigma_i^2(x)\Big)

    with `ranking_weights`, and their source. Observations have the noise of the target's process.
    """

    def __init__(self, source_gps: Sequence[SingleTaskGP], target: Log, seed: int) -> None:
        super().__init__(Scale.of(target))
        self.gps = [*source_gps, *fit_standardized([target], seed)]
        with torch.no_grad():
            self.weights = ranking_weights(self.gps, *target, seed)

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the weighted sum."""
        chosen = [(w, gp) for w, gp in zip(self.weights, self.gps, strict=True) if w > 0.0]
        found = [(w, *moments_of(gp, X, False)) for w, gp in chosen]
        mean = sum(w * mean for w, mean, _ in found)
        variance = sum(w**2 * variance for w, _, variance in found)
        if observation_noise:
            own = self.gps[-1]
            variance = variance + moments_of(own, X, True)[1] - moments_of(own, X, False)[1]
        return mean, variance


def learn_rank_weights(sources: Sequence[Log], seed: int) -> FitTarget:
    """`RankWeightedGPs`; a `Learn`."""
    gps = fit_standardized(sources, seed)
    return lambda target: RankWeightedGPs(gps, target, seed)


class ResidualStack(TargetModel):
    r"""Gaussian processes of one task after another, each of what those before leave unexplained.

    .. math:: \mu_i(x) = \mu_{i-1}(x) + \mu'_i(x), \qquad
        \sigma_i(x) = \sigma'_i(x)^{\beta_i} \sigma_{i-1}(x)^{1 - \beta_i}, \qquad
        \beta_i = \frac{n_i}{n_i + n_{i-1}}

    with the posterior :math:`\mu'_i, \sigma'_i` of the residuals of the `n_i` values of task `i`.
    Source: D. Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017,
    section 3.3, with its constant α of 1.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.levels: list[tuple[SingleTaskGP, int]] = []

    def stacked(self, log: Log, seed: int) -> "ResidualStack":
        """The stack with a further level, the task of a log."""
        top = ResidualStack(Scale.of(log))
        X, Y = top.scale.standardize(log)
        with torch.no_grad():
            rest = Y - self.moments(X.unsqueeze(-2), False)[0] if self.levels else Y
        top.levels = [*self.levels, (fit_gp(X, rest, seed), log.num_rows)]
        return top

    def moments(self, X: Tensor, observation_noise: bool) -> tuple[Tensor, Tensor]:
        """Those of the last level."""
        (gp, before), *others = self.levels
        mean, variance = moments_of(gp, X, observation_noise)
        for gp, num_rows in others:
            own_mean, own_variance = moments_of(gp, X, observation_noise)
            beta = num_rows / (num_rows + before)
            mean, before = mean + own_mean, num_rows
            variance = own_variance**beta * variance ** (1.0 - beta)
        return mean, variance


def learn_stack(sources: Sequence[Log], seed: int) -> FitTarget:
    """A `ResidualStack` of the sources in the order given, the target on top; a `Learn`."""
    stack = ResidualStack(Scale.of(*sources))
    for source in sources:
        stack = stack.stacked(source, seed)
    return partial(stack.stacked, seed=seed)

"""Real estimators tuned on several data sets at once, one task per data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from botorch_cll.test_functions import SklearnTuningTasks

DATA_SETS = ("breast_cancer", "digits", "iris", "wine")


def log_losses(
    estimator: Literal["hist_gradient_boosting", "svc"],
    data_sets: tuple[str, ...],
    task: int | None,
    seed: int,
) -> Callable[[Tensor], Tensor]:
    """The logarithms of an estimator's cross-validated log losses, from `n x d` points.

    Args:
        estimator: The estimator, see `SklearnTuningTasks`.
        data_sets: The `T` data sets.
        task: The number of the only one to be evaluated, for `n x 1` values, or `None` for all.
        seed: The seed of folds, subsamples and estimators.
    """
    chosen = data_sets if task is None else data_sets[task : task + 1]
    losses = SklearnTuningTasks(estimator, data_sets=chosen, seed=seed)
    return lambda X: losses(X).log()

"""Real tasks: one scikit-learn estimator tuned on several data sets at once."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError, UnsupportedError
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]
from torch import Tensor

from botorch_cll.test_functions.base import MultiTaskTestProblem
from botorch_cll.test_functions.sklearn_spaces import SEARCH_SPACES, Settings

Data = tuple[npt.NDArray, npt.NDArray]
"""Features and labels."""

_LOADERS = (load_breast_cancer, load_digits, load_iris, load_wine)
_DATA_SETS = {load.__name__.removeprefix("load_"): load for load in _LOADERS}


class SklearnTuningTasks(MultiTaskTestProblem):
    r"""Hyper-parameters of one classifier, tuned on several data sets: one task a data set.

    .. math:: y_t(x) = \frac{1}{k} \sum_{j=1}^k \text{log loss of } h(\theta(x), D_t \setminus
        D_{tj}) \text{ on } D_{tj}

    The classifier `h` is trained for real at every evaluation, on data sets that ship with
    scikit-learn (no download). All tasks see the same settings `θ(x)`; which settings are best
    differs between the data sets. The input is the unit cube, mapped to natural units by
    `to_parameters`. Integer settings are rounded, so the tasks are constant between steps.

    - `"hist_gradient_boosting"`: `HistGradientBoostingClassifier`, 5 inputs (`learning_rate`,
      `max_leaf_nodes`, `min_samples_leaf`, `l2_regularization`, `max_iter`).
    - `"svc"`: `SVC` on standardized inputs, 2 inputs (`C`, `gamma`). Its scores become
      probabilities by Platt's sigmoid, fitted to scores on held-out folds of the training part
      (`CalibratedClassifierCV(..., ensemble=False)`).

    Folds, subsamples and estimators are fixed by the seed: the noise-free value is
    deterministic. The log loss (in nats) is returned as it is. It is heavy-tailed, as a few
    confident errors can multiply it, so a model may do better on its logarithm. The optimal
    values are not known.

    Fits run with one OpenMP and one BLAS thread, for their duration only: on data this small more
    threads are slower, and far slower where cores are shared. `n_jobs` is the way to use more.

    Args:
        estimator: `"hist_gradient_boosting"` or `"svc"`.
        data_sets: Names out of `"breast_cancer"`, `"digits"`, `"iris"`, `"wine"`, one a task.
        max_rows: Data sets with more rows are reduced to a stratified subsample of this many;
            `None` keeps all rows.
        n_splits: The number `k` of cross-validation folds.
        n_jobs: The number of fits to run at once, as in joblib.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        InputDataError: If there are too few rows for the folds, or no or repeated data sets.
        UnsupportedError: If the estimator or a data set is unknown.

    Example:
        >>> problem = SklearnTuningTasks("svc", data_sets=("iris", "wine"))
        >>> X = torch.rand(5, problem.dim, dtype=torch.double)
        >>> problem(X).shape
        torch.Size([5, 2])
        >>> sorted(problem.to_parameters(X[0]))
        ['C', 'gamma']
    """

    def __init__(
        self,
        estimator: Literal["hist_gradient_boosting", "svc"] = "hist_gradient_boosting",
        data_sets: Sequence[str] = ("breast_cancer", "digits", "iris", "wine"),
        max_rows: int | None = 300,
        n_splits: int = 3,
        n_jobs: int | None = 1,
        noise_std: float | Sequence[float] | None = None,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if estimator not in SEARCH_SPACES:
            known = list(SEARCH_SPACES)
            raise UnsupportedError(f"Expected an estimator of {known}, got {estimator!r}.")
        if isinstance(data_sets, str) or not data_sets or len(set(data_sets)) < len(data_sets):
            raise InputDataError(
                f"Expected a sequence of distinct data set names, got {data_sets!r}."
            )
        for name in data_sets:
            if name not in _DATA_SETS:
                raise UnsupportedError(f"Expected data sets of {list(_DATA_SETS)}, got {name!r}.")
        if n_splits < 2:
            raise InputDataError(f"Expected `n_splits` to be at least 2, got {n_splits}.")
        self._space = SEARCH_SPACES[estimator]
        dim = len(self._space.parameters)
        super().__init__(dim, len(data_sets), [(0.0, 1.0)] * dim, noise_std, negate, seed, dtype)
        self.estimator = estimator
        self.data_sets = tuple(data_sets)
        self.n_splits = n_splits
        self.n_jobs = n_jobs
        # scikit-learn wants 32-bit seeds.
        drawn = int(torch.randint(2**31, (), generator=self._parameter_generator))
        self._random_state = drawn
        self._data = [_load(name, max_rows, n_splits, drawn) for name in self.data_sets]

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The `d` names of the settings, in the order of the inputs."""
        return tuple(parameter.name for parameter in self._space.parameters)

    def to_parameters(self, x: Tensor) -> Settings:
        """Convert a `d`-dim point of the unit cube to settings by name, in natural units.

        Raises:
            BotorchTensorDimensionError: If `x` is not a single point.
            InputDataError: If `x` leaves the unit cube.
        """
        self._check_inputs(x)
        if x.dim() != 1:
            raise BotorchTensorDimensionError(
                f"Expected one point of shape ({self.dim},), got shape {tuple(x.shape)}."
            )
        parameters = zip(self._space.parameters, x.tolist(), strict=True)
        return {parameter.name: parameter.from_unit(u) for parameter, u in parameters}

    def _evaluate_true(self, X: Tensor) -> Tensor:
        settings = [self.to_parameters(x) for x in X.detach().reshape(-1, self.dim)]
        seed = self._random_state
        # Also limited in each job: here for jobs run in threads, which would otherwise restore
        # each other's limits, there for jobs in other processes.
        with threadpool_limits(limits=1):
            losses = Parallel(n_jobs=self.n_jobs)(
                delayed(_log_loss)(self._space.build(chosen, seed), data, self.n_splits, seed)
                for chosen in settings
                for data in self._data
            )
        Y = torch.tensor(losses, dtype=X.dtype, device=X.device)
        return Y.reshape(*X.shape[:-1], self.num_tasks)


def _load(name: str, max_rows: int | None, n_splits: int, random_state: int) -> Data:
    """Load a data set, reduced to at most `max_rows` rows with the classes in proportion."""
    features, labels = _DATA_SETS[name](return_X_y=True)
    num_classes = len(np.unique(labels))
    if max_rows is not None and max_rows < num_classes:
        least = f"the {num_classes} classes of {name!r}"
        raise InputDataError(f"Expected `max_rows` to be at least {least}, got {max_rows}.")
    # The complement of a stratified sample must hold a row of each class as well.
    if max_rows is not None and max_rows <= len(labels) - num_classes:
        features, _, labels, _ = train_test_split(
            features, labels, train_size=max_rows, stratify=labels, random_state=random_state
        )
    smallest = int(np.unique(labels, return_counts=True)[1].min())
    if smallest < 3 * n_splits:
        raise InputDataError(
            f"Expected at least {3 * n_splits} rows of each class of {name!r} for "
            f"{n_splits} folds, got {smallest}; raise `max_rows` or lower `n_splits`."
        )
    return features, labels


def _log_loss(estimator: BaseEstimator, data: Data, n_splits: int, random_state: int) -> float:
    """Return the cross-validated log loss of an estimator, averaged over the folds."""
    folds = StratifiedKFold(n_splits=n_splits, shuffle=True, random_state=random_state)
    with threadpool_limits(limits=1):
        how = {"cv": folds, "scoring": "neg_log_loss", "error_score": "raise"}
        scores = cross_val_score(estimator, *data, **how)
    return -float(scores.mean())

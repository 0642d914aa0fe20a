"""Search spaces of the scikit-learn estimators that can be tuned."""

import math
from collections.abc import Callable
from typing import NamedTuple

from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

Settings = dict[str, float | int]


class LogParameter(NamedTuple):
    """A hyper-parameter searched on a logarithmic scale, in natural units."""

    name: str
    low: float
    high: float
    integer: bool = False

    def from_unit(self, u: float) -> float | int:
        """Map `u` of [0, 1] to the parameter's value, rounded if it is an integer."""
        value = math.exp((1.0 - u) * math.log(self.low) + u * math.log(self.high))
        return round(value) if self.integer else min(max(value, self.low), self.high)


class SearchSpace(NamedTuple):
    """What is tuned, and how settings and a random state become an estimator."""

    parameters: tuple[LogParameter, ...]
    build: Callable[[Settings, int], BaseEstimator]


def _boosting(settings: Settings, random_state: int) -> BaseEstimator:
    """Return a gradient boosting classifier that uses all of its iterations."""
    fixed = {"early_stopping": False, "random_state": random_state}
    return HistGradientBoostingClassifier(**settings, **fixed)


def _svc(settings: Settings, random_state: int) -> BaseEstimator:
    """Return a support vector classifier with probabilities calibrated on held-out scores.

    `SVC(probability=True)` is deprecated as of scikit-learn 1.9. What its documentation puts in
    its place is used here, with folds that are fixed instead of drawn at each fit.
    """
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=random_state)
    # The seed changes nothing in the fit, but without one `SVC` draws from NumPy's global state.
    svc = SVC(**settings, random_state=random_state)
    return make_pipeline(StandardScaler(), CalibratedClassifierCV(svc, cv=folds, ensemble=False))


SEARCH_SPACES = {
    "hist_gradient_boosting": SearchSpace(
        (
            LogParameter("learning_rate", 0.01, 1.0),
            LogParameter("max_leaf_nodes", 2, 32, integer=True),
            LogParameter("min_samples_leaf", 1, 50, integer=True),
            LogParameter("l2_regularization", 1e-3, 1e2),
            LogParameter("max_iter", 5, 80, integer=True),
        ),
        _boosting,
    ),
    "svc": SearchSpace((LogParameter("C", 1e-2, 1e3), LogParameter("gamma", 1e-4, 1e1)), _svc),
}

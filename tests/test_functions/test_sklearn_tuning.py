"""Real hyper-parameter tuning: settings, agreement with scikit-learn, determinism."""

import joblib
import pytest
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError, UnsupportedError
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_info, threadpool_limits

from botorch_cll.test_functions import SklearnTuningTasks


def cross_validated(make_estimator, features, labels, problem) -> float:
    """Average the folds' log losses in a plain loop."""
    folds = StratifiedKFold(problem.n_splits, shuffle=True, random_state=problem._random_state)
    losses = []
    with threadpool_limits(limits=1):  # several threads crawl on a busy machine
        for train, test in folds.split(features, labels):
            estimator = make_estimator().fit(features[train], labels[train])
            probabilities = estimator.predict_proba(features[test])
            losses.append(log_loss(labels[test], probabilities))
    return sum(losses) / len(losses)


def test_svc_agrees_with_scikit_learn():
    problem = SklearnTuningTasks("svc", data_sets=("wine", "iris"), max_rows=None, seed=5)
    X = torch.tensor([[0.5, 0.4], [0.9, 0.7]], dtype=torch.double)
    Y = problem(X)
    for row, x in enumerate(X):
        settings = problem.to_parameters(x)

        def make(settings=settings):
            inner = StratifiedKFold(3, shuffle=True, random_state=problem._random_state)
            svc = CalibratedClassifierCV(SVC(**settings), cv=inner, ensemble=False)
            return make_pipeline(StandardScaler(), svc)

        for task, load in enumerate((load_wine, load_iris)):
            expected = cross_validated(make, *load(return_X_y=True), problem)
            assert Y[row, task].item() == pytest.approx(expected, rel=1e-9)


def test_boosting_agrees_with_scikit_learn():
    problem = SklearnTuningTasks(data_sets=("iris",), max_rows=None, n_splits=2, seed=5)
    x = torch.tensor([0.6, 0.5, 0.3, 0.4, 0.2], dtype=torch.double)
    settings = problem.to_parameters(x)
    expected = cross_validated(
        lambda: HistGradientBoostingClassifier(
            **settings, early_stopping=False, random_state=problem._random_state
        ),
        *load_iris(return_X_y=True),
        problem,
    )
    assert problem(x).item() == pytest.approx(expected, rel=1e-9)


def test_settings_span_their_ranges_on_a_log_scale():
    problem = SklearnTuningTasks("svc", data_sets=("iris",), max_rows=60)
    assert problem.parameter_names == ("C", "gamma")
    ends = [problem.to_parameters(torch.full((2,), u, dtype=torch.double)) for u in (0.0, 1.0)]
    assert ends[0] == pytest.approx({"C": 1e-2, "gamma": 1e-4})
    assert ends[1] == pytest.approx({"C": 1e3, "gamma": 1e1})
    middle = problem.to_parameters(torch.full((2,), 0.5, dtype=torch.double))
    assert middle["C"] == pytest.approx((1e-2 * 1e3) ** 0.5)


def test_integer_settings_are_integers():
    problem = SklearnTuningTasks(data_sets=("iris",), max_rows=60)
    assert problem.dim == len(problem.parameter_names) == 5
    for u in (0.0, 0.37, 1.0):
        settings = problem.to_parameters(torch.full((5,), u))
        assert tuple(settings) == problem.parameter_names
        for name in ("max_leaf_nodes", "min_samples_leaf", "max_iter"):
            assert isinstance(settings[name], int)
        assert isinstance(settings["learning_rate"], float)
    assert settings == pytest.approx(
        {
            "learning_rate": 1.0,
            "max_leaf_nodes": 32,
            "min_samples_leaf": 50,
            "l2_regularization": 100.0,
            "max_iter": 80,
        }
    )


def test_every_task_has_an_optimum_of_its_own():
    problem = SklearnTuningTasks("svc", data_sets=("iris", "wine"), max_rows=100, n_splits=2)
    axis = torch.linspace(0.1, 0.9, 5, dtype=torch.double)
    X = torch.cartesian_prod(axis, axis)
    Y = problem(X)
    best = Y.argmin(dim=0)
    assert best[0] != best[1]
    # The best settings of one task are clearly worse than the best on the other.
    assert Y[best[1], 0] > 1.05 * Y[best[0], 0]


def test_batches_keep_their_shape_and_values():
    problem = SklearnTuningTasks("svc", data_sets=("iris", "wine"), max_rows=60, n_splits=2)
    X = torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    Y = problem(X)
    assert Y.shape == (2, 1, 2, 2)
    assert Y.dtype == torch.float
    assert torch.equal(problem(X[1, 0, 1]), Y[1, 0, 1])
    assert problem(X[:0]).shape == (0, 1, 2, 2)
    assert torch.equal(
        SklearnTuningTasks("svc", data_sets=("iris", "wine"), max_rows=60, n_splits=2, negate=True)(
            X
        ),
        -Y,
    )


def test_jobs_do_not_change_values_or_thread_counts():
    serial, parallel = (
        SklearnTuningTasks("svc", data_sets=("iris", "wine"), max_rows=60, n_splits=2, n_jobs=n)
        for n in (1, 2)
    )
    X = torch.rand(2, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    before = {(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()}
    with joblib.parallel_config(backend="threading"):
        assert torch.equal(parallel(X), serial(X))
    assert {(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()} == before


def test_subsamples_keep_the_classes_in_proportion():
    problem = SklearnTuningTasks("svc", data_sets=("digits", "iris"), max_rows=200)
    (features, labels), (iris, _) = problem._data
    assert features.shape == (200, 64)
    assert iris.shape == (150, 4)
    all_labels = torch.tensor(load_digits(return_X_y=True)[1])
    share = torch.bincount(all_labels) / len(all_labels)
    assert torch.allclose(torch.bincount(torch.tensor(labels)) / 200, share, atol=0.006)
    # Nearly everything: too little would remain to stratify, so all rows are kept.
    assert len(SklearnTuningTasks("svc", data_sets=("iris",), max_rows=148)._data[0][1]) == 150


def test_seeds_change_folds():
    x = torch.tensor([0.5, 0.5], dtype=torch.double)
    first, second = (
        SklearnTuningTasks("svc", data_sets=("wine",), max_rows=60, n_splits=2, seed=seed)(x)
        for seed in (0, 1)
    )
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"estimator": "mlp"}, UnsupportedError, r"an estimator of \[.*\], got 'mlp'"),
        ({"data_sets": ("iris", "mnist")}, UnsupportedError, r"of \[.*\], got 'mnist'"),
        ({"data_sets": ("iris", "iris")}, InputDataError, "distinct data set names"),
        ({"data_sets": ()}, InputDataError, r"distinct data set names, got \(\)"),
        ({"data_sets": "iris"}, InputDataError, "sequence of distinct data set names, got 'iris'"),
        ({"n_splits": 1}, InputDataError, "`n_splits` to be at least 2, got 1"),
        ({"max_rows": 1}, InputDataError, "at least the 2 classes of 'breast_cancer', got 1"),
        ({"max_rows": 60}, InputDataError, "rows of each class of 'digits' for 3 folds, got 6"),
    ],
)
def test_bad_settings_are_refused(kwargs, error, match):
    with pytest.raises(error, match=match):
        SklearnTuningTasks(**kwargs)


def test_bad_points_are_refused():
    problem = SklearnTuningTasks("svc", data_sets=("iris",), max_rows=60)
    with pytest.raises(BotorchTensorDimensionError, match=r"one point of shape \(2,\), got shape"):
        problem.to_parameters(torch.rand(3, 2))
    with pytest.raises(InputDataError, match="within the bounds"):
        problem.to_parameters(torch.tensor([0.5, 1.5]))

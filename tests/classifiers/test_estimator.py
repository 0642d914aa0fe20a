"""The scikit-learn estimator."""

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from botorch_cll.classifiers import MultiTaskClassifier
from botorch_cll.nn import MultiLeNetCS


def make_pictures(n: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with a bar left or right and one at the top or at the bottom, or none."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.0, 0.2, size=(n, 20, 20))
    codes = rng.integers(0, 3, size=(n, 2))
    for image, (across, down) in zip(X, codes, strict=True):
        image[:, [slice(0, 4), slice(16, 20), slice(0, 0)][across]] += 0.7
        image[[slice(0, 4), slice(16, 20), slice(0, 0)][down]] += 0.7
    return X, np.array(["first", "last", "none"])[codes]


@pytest.mark.parametrize("options", [{}, {"cross_stitch": True, "correlation_layers": None}])
def test_learns_labels_of_any_kind(options):
    X, y = make_pictures()
    classifier = MultiTaskClassifier(num_epochs=20, batch_size=10, **options)
    assert classifier.fit(X, y) is classifier
    assert classifier.classes_.tolist() == ["first", "last", "none"]
    assert isinstance(classifier.network_, MultiLeNetCS) == ("cross_stitch" in options)
    assert classifier.epochs_[-1].train_loss < classifier.epochs_[0].train_loss
    new_X, new_y = make_pictures(seed=1)
    probabilities = classifier.predict_proba(new_X)
    assert [task.shape for task in probabilities] == [(90, 3), (90, 3)]
    np.testing.assert_allclose(np.stack(probabilities).sum(-1), 1.0, rtol=1e-5)
    predicted = classifier.predict(new_X)
    assert predicted.shape == new_y.shape
    assert classifier.score(new_X, new_y) == np.mean(predicted == new_y) > 0.9
    first, weight = predicted[:3] == new_y[:3], [2.0, 1.0, 1.0]
    expected = (first.mean(-1) * weight).sum() / 4.0
    assert classifier.score(new_X[:3], new_y[:3], sample_weight=weight) == expected


def test_bytes_and_channels_are_the_same_pictures():
    X, y = make_pictures(30)
    as_bytes = (X * 255).astype(np.uint8)
    classifier = MultiTaskClassifier(num_epochs=1).fit(as_bytes, y)
    expected = classifier.predict_proba(as_bytes)
    np.testing.assert_array_equal(classifier.predict_proba(as_bytes[:, None]), expected)
    np.testing.assert_allclose(classifier.predict_proba(as_bytes / 255.0), expected, atol=1e-6)
    np.testing.assert_array_equal(classifier.predict_proba(as_bytes.astype(int)), expected)
    with pytest.raises(InputDataError, match="integer pictures from 0 to 255, got 0 to 458"):
        classifier.predict(2 * as_bytes.astype(int))
    color = MultiTaskClassifier(num_epochs=1).fit(np.stack([X, X], axis=1), y)
    assert color.predict(np.stack([X, X], axis=1)).shape == y.shape


def test_random_state_decides_and_clones_are_equal():
    X, y = make_pictures(30)
    state = torch.get_rng_state()
    classifier = MultiTaskClassifier((4,), num_epochs=2, random_state=3)
    expected = classifier.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), expected)
    other = clone(classifier).set_params(random_state=4).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_random_state_may_be_what_scikit_learn_takes():
    X, y = make_pictures(30)

    def probabilities(random_state):
        classifier = MultiTaskClassifier(num_epochs=1, random_state=random_state)
        return classifier.fit(X, y).predict_proba(X)

    drawn = probabilities(np.random.RandomState(3))
    np.testing.assert_array_equal(probabilities(np.random.RandomState(3)), drawn)
    np.testing.assert_array_equal(probabilities(np.int64(3)), probabilities(3))
    assert not np.array_equal(probabilities(None), probabilities(None))
    with pytest.raises(ValueError, match="cannot be used to seed"):
        probabilities("three")


def test_refusals():
    X, y = make_pictures(30)
    with pytest.raises(InputDataError, match=r"n x h x w or .*got shape \(30, 400\)"):
        MultiTaskClassifier().fit(X.reshape(30, -1), y)
    with pytest.raises(InputDataError, match=r"30 x T labels, got shape \(30,\)"):
        MultiTaskClassifier().fit(X, y[:, 0])
    with pytest.raises(NotFittedError, match="not fitted"):
        MultiTaskClassifier().predict(X)
    with pytest.raises(ValueError, match="non-negative and finite lr, got -1"):
        MultiTaskClassifier(lr=-1).fit(X, y)


def test_score_does_not_broadcast_labels():
    X, y = make_pictures(30)
    classifier = MultiTaskClassifier(num_epochs=1).fit(X, y)
    for labels in (y[:1], y[:, :1], y[0, 0], y[:, 0], y[:-1]):
        with pytest.raises(InputDataError, match="Expected 30 x 2 labels, got shape"):
            classifier.score(X, labels)


def test_what_is_missing_is_refused():
    X, y = make_pictures(30)
    holed = X.copy()
    holed[3, 4, 5] = np.nan
    holed[4, 4, 5] = np.inf
    codes = np.unique(y, return_inverse=True)[1].reshape(y.shape).astype(float)
    unlabeled = codes.copy()
    unlabeled[2, 1] = np.nan
    without = y.astype(object)
    without[2, 1] = None
    classifier = MultiTaskClassifier(num_epochs=1).fit(X, codes)
    for call in (classifier.predict, classifier.predict_proba):
        with pytest.raises(InputDataError, match="finite pictures, got 2 numbers that are not"):
            call(holed)
    for call in (classifier.fit, classifier.score):
        with pytest.raises(InputDataError, match="finite pictures, got 2 numbers that are not"):
            call(holed, codes)
        with pytest.raises(InputDataError, match="a label for each picture and task, got 1 that"):
            call(X, unlabeled)
        for labels in (unlabeled.astype(object), without):
            with pytest.raises(InputDataError, match="got 1 that are NaN or None"):
                call(X, labels)

"""A scikit-learn estimator: correlation layers for one's own pictures."""

from __future__ import annotations

import numpy as np
import torch
from botorch.exceptions.errors import InputDataError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.utils.data import TensorDataset

from botorch_cll.classifiers.training import fit_classifier
from botorch_cll.nn import MultiLeNet, MultiLeNetCS


class MultiTaskClassifier(ClassifierMixin, BaseEstimator):
    """MultiLeNet+ (or MultiLeNetCS+) as a scikit-learn estimator for several labels per picture.

    A fitted one has `classes_`, a `C`-dim array of the labels seen in any task, which all tasks
    share, the trained `network_`, and `epochs_`, what each epoch came to.

    Args:
        correlation_layers: Hidden widths of the correlation learning layer, as in `MultiLeNet`.
        cross_stitch: Whether cross-stitch units tie the tasks' fully connected layers.
        num_epochs: The number of passes over the training pictures.
        batch_size: The number of pictures of a gradient step.
        lr: The first learning rate of Adam.
        random_state: What decides the first weights and the order of the pictures: a seed, a
            `RandomState` to draw one from, or `None` for NumPy's global one.

    Example:
        >>> classifier = MultiTaskClassifier(num_epochs=5).fit(X, y)  # n x h x w, n x T
        >>> probabilities = classifier.predict_proba(X)  # T arrays of n x C
    """

    def __init__(
        self,
        correlation_layers: tuple[int, ...] | None = (),
        cross_stitch: bool = False,
        num_epochs: int = 15,
        batch_size: int = 256,
        lr: float = 1e-3,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.correlation_layers = correlation_layers
        self.cross_stitch = cross_stitch
        self.num_epochs = num_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> MultiTaskClassifier:
        """Train the network on `n x h x w` or `n x c x h x w` pictures and `n x T` labels.

        Pictures are integers from 0 to 255 or finite floats. The estimator itself is returned.

        Raises:
            InputDataError: If the shapes do not fit, a number is not finite or a label is missing.
            ValueError: If an option is out of range.
        """
        images, labels = _to_images(X), _to_labels(y, len(X))
        self.classes_, codes = np.unique(labels, return_inverse=True)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        generator = torch.Generator().manual_seed(int(seed))
        _, channels, height, width = images.shape
        network_class = MultiLeNetCS if self.cross_stitch else MultiLeNet
        self.network_ = network_class(
            num_tasks=labels.shape[1],
            num_classes=len(self.classes_),
            input_shape=(channels, height, width),
            correlation_layers=self.correlation_layers,
            generator=generator,
        ).to("cuda" if torch.cuda.is_available() else "cpu")
        self.epochs_ = fit_classifier(
            self.network_,
            TensorDataset(images, torch.from_numpy(codes.reshape(labels.shape))),
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            generator=generator,
        )
        return self

    def predict_proba(self, X: np.ndarray) -> list[np.ndarray]:
        """The class probabilities: a `n x C` array per task, as in scikit-learn."""
        check_is_fitted(self)
        like = next(self.network_.parameters())
        with torch.inference_mode():
            scores = [self.network_(part.to(like)) for part in _to_images(X).split(1000)]
            return list(torch.cat(scores).softmax(-1).movedim(1, 0).cpu().numpy())

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The `n x T` most probable classes."""
        most_probable = np.stack([task.argmax(-1) for task in self.predict_proba(X)], axis=-1)
        return self.classes_[most_probable]

    def score(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """The share of correct labels, mean over the tasks and the pictures with their `n` weights.

        `X`, `y` and what is raised are as in `fit`.
        """
        predicted = self.predict(X)
        correct = (predicted == _to_labels(y, *predicted.shape)).mean(-1)
        return float(np.average(correct, weights=sample_weight))


def _to_images(X: np.ndarray) -> Tensor:
    """Pictures as `n x c x h x w` floats; integers are bytes and scaled to `[0, 1]`."""
    X = np.asarray(X)
    if X.ndim not in (3, 4):
        raise InputDataError(f"Expected n x h x w or n x c x h x w pictures, got shape {X.shape}.")
    scale = 255.0 if np.issubdtype(X.dtype, np.integer) else 1.0
    if scale != 1.0 and X.size and not (X.min() >= 0 and X.max() <= 255):
        raise InputDataError(
            f"Expected integer pictures from 0 to 255, got {X.min()} to {X.max()}: give other "
            "scales as floats."
        )
    images = torch.from_numpy(X.astype(np.float32) / scale)
    not_finite = images.numel() - int(images.isfinite().sum())
    if not_finite:
        raise InputDataError(f"Expected finite pictures, got {not_finite} numbers that are not.")
    return images if X.ndim == 4 else images.unsqueeze(1)


def _to_labels(y: np.ndarray, n: int, num_tasks: int | None = None) -> np.ndarray:
    """Labels as an `n x T` array without missing ones."""
    labels = np.asarray(y)
    if labels.ndim != 2 or len(labels) != n or num_tasks not in (None, labels.shape[1]):
        expected = "T" if num_tasks is None else num_tasks
        raise InputDataError(f"Expected {n} x {expected} labels, got shape {labels.shape}.")
    # NaN is the one label that differs from itself, whatever the type of the labels.
    missing = sum(label is None or label != label for label in labels.flat)
    if missing:
        raise InputDataError(
            f"Expected a label for each picture and task, got {missing} that are NaN or None."
        )
    return labels

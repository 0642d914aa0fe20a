"""Training of multi-task classifiers, and a scikit-learn estimator around it."""

from botorch_cll.classifiers.estimator import MultiTaskClassifier
from botorch_cll.classifiers.training import Epoch, fit_classifier, measure_accuracy

__all__ = ["Epoch", "MultiTaskClassifier", "fit_classifier", "measure_accuracy"]

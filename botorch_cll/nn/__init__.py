"""Plain torch modules, batched over restarts; nothing here knows BoTorch."""

from botorch_cll.nn.correlation import CorrelationLearningLayer
from botorch_cll.nn.rbf import RBFNetwork, gaussian_rbf, kmeans_centers, polynomial_tail

__all__ = [
    "CorrelationLearningLayer",
    "RBFNetwork",
    "gaussian_rbf",
    "kmeans_centers",
    "polynomial_tail",
]

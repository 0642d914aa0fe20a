"""Plain torch modules; nothing here knows BoTorch."""

from botorch_cll.nn.correlation import CorrelationLearningLayer
from botorch_cll.nn.cross_stitch import CrossStitchUnit, cross_stitch_parameters
from botorch_cll.nn.lenet import MultiLeNet, MultiLeNetCS, SingleLeNet
from botorch_cll.nn.rbf import RBFNetwork, gaussian_rbf, kmeans_centers, polynomial_tail

__all__ = [
    "CorrelationLearningLayer",
    "CrossStitchUnit",
    "MultiLeNet",
    "MultiLeNetCS",
    "RBFNetwork",
    "SingleLeNet",
    "cross_stitch_parameters",
    "gaussian_rbf",
    "kmeans_centers",
    "polynomial_tail",
]

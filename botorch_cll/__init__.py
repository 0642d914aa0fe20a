"""Multi-task RBF networks with correlation learning layers as surrogates for BoTorch and Ax."""

__version__ = "0.1.0"

__all__ = ["__version__"]

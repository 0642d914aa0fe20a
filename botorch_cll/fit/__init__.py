"""Fitting the surrogates."""

from botorch_cll.fit.options import GradientOptions, TwoStageOptions
from botorch_cll.fit.rbf_ensemble import fit_rbf_ensemble

__all__ = ["GradientOptions", "TwoStageOptions", "fit_rbf_ensemble"]

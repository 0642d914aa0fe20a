"""The calibration report: accuracy and honesty of surrogates on a fixed set of problems."""

from botorch_cll.studies.calibration.run import calibration_fits, report_calibration

__all__ = ["calibration_fits", "report_calibration"]

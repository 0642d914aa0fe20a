"""The study of unequal data: a task with few observations beside one with many elsewhere."""

from botorch_cll.studies.unequal.run import report_unequal, unequal_fits

__all__ = ["report_unequal", "unequal_fits"]

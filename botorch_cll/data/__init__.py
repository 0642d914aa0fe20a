"""Observations of several tasks, as fits see them: rows, blocks of them, and random shares."""

from botorch_cll.data.added_rows import AddedRows
from botorch_cll.data.blocks import TaskBlocks
from botorch_cll.data.task_data import TaskData

__all__ = ["AddedRows", "TaskBlocks", "TaskData"]

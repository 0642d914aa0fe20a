"""Files of rows that commands have written, read again."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from botorch.exceptions.errors import InputDataError


def read_rows(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The rows of a CSV file; an `InputDataError` if it is none, or lacks a column."""
    try:
        rows = pd.read_csv(path)
    # What pandas raises for other files: ParserError, EmptyDataError or UnicodeDecodeError.
    except ValueError as error:
        raise InputDataError(f"Expected a CSV file, got {path}: {str(error).strip()}.") from error
    absent = [column for column in columns if column not in rows]
    if absent:
        raise InputDataError(f"Expected the columns of this command in {path}, got no {absent}.")
    return rows

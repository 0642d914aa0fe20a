"""The command line: `botorch-cll` or `python -m botorch_cll`."""

from __future__ import annotations

import sys

HINT = "The command line needs the extra 'studies': pip install 'botorch_cll[studies]'"


def main() -> None:
    """Run the command line.

    Errors that a user can do something about are one line; others keep their traceback.

    Raises:
        SystemExit: With status 2 if the extra `studies` is not installed, and with the status of
            the command, which its help explains.
    """
    try:
        from botorch_cll.studies.commands import app
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "botorch_cll":
            raise
        print(f"No module named {error.name!r}. {HINT}", file=sys.stderr)
        raise SystemExit(2) from error
    try:
        app(prog_name="botorch-cll")
    except OSError as error:
        print(f"Error: {error}. Is there space, and may you write there?", file=sys.stderr)
        raise SystemExit(1) from error

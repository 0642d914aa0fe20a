"""What the commands share: examples in their help, errors of one line, and how they stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

STATUS = "Exit status: 0 done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C."

INTERRUPTED = 130
"""The exit status of a command stopped by Ctrl-C, as of a shell's own."""


def example(*commands: str) -> str:
    """The examples at the end of a command's help.

    Args:
        commands: What follows `python -m benchmarks`, each an example.
    """
    lines = [f"  python -m benchmarks {command}" for command in commands]
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *lines])


def check_file(path: Path | None) -> None:
    """Refuse a file that cannot be written where it should be, before anything is run.

    Args:
        path: The file, if one was asked for.

    Raises:
        BadParameter: If its folder does not exist, or it is a folder itself.
    """
    if path is None:
        return
    if not path.parent.is_dir():
        raise typer.BadParameter(f"expected an existing folder for {path}")
    if path.is_dir():
        raise typer.BadParameter(f"expected the name of a file, got the folder {path}")


def check_picture(path: Path | None) -> None:
    """Refuse a picture that cannot be written, before anything is run.

    Args:
        path: The picture, if one was asked for.

    Raises:
        BadParameter: If `check_file` refuses it, or its ending is not one that matplotlib knows.
    """
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    check_file(path)
    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        endings = ", ".join(f".{ending}" for ending in known)
        raise typer.BadParameter(f"expected a picture that ends in one of {endings}, got {path}")


@contextmanager
def stops_with(message: str) -> Iterator[None]:
    """Let Ctrl-C end the command with one line that says what is left and how to go on.

    Args:
        message: The line.

    Raises:
        Exit: With status 130, on Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo(f"\nStopped. {message}", err=True)
        raise typer.Exit(INTERRUPTED) from error

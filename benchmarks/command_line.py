"""What the commands share: examples in their help, errors of one line, and how they stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

STATUS = "Exit status: 0 done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C."


def example(*commands: str) -> str:
    """The examples at the end of a command's help, each what follows `python -m benchmarks`."""
    lines = [f"  python -m benchmarks {command}" for command in commands]
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *lines])


def check_file(path: Path | None) -> None:
    """Refuse a file that could not be written, if one was asked for, before anything is run."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise typer.BadParameter(f"expected an existing folder for {path}")
    if path.is_dir():
        raise typer.BadParameter(f"expected the name of a file, got the folder {path}")


def check_picture(path: Path) -> None:
    """Refuse a picture that could not be written, or whose ending matplotlib does not know."""
    from matplotlib.backend_bases import FigureCanvasBase

    check_file(path)
    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        endings = ", ".join(f".{ending}" for ending in known)
        raise typer.BadParameter(f"expected a picture that ends in one of {endings}, got {path}")


@contextmanager
def refuses(*errors: type[Exception]) -> Iterator[None]:
    """Make one line and the status of wrong usage of errors that a user can do something about."""
    try:
        yield
    except errors as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def stops_with(message: str) -> Iterator[None]:
    """Let Ctrl-C end the command, with a line that says what is left and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo(f"\nStopped. {message}", err=True)
        raise typer.Exit(130) from error

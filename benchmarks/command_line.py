"""What the commands share: examples in their help, errors of one line, and how they stop."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


def example(*commands: str) -> str:
    """The examples at the end of a command's help, each what follows `python -m benchmarks`."""
    lines = [f"  python -m benchmarks {command}" for command in commands]
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *lines])


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

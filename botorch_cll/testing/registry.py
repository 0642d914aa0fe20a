"""Named checks and the list of them all."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from botorch_cll.testing.subject import (
    Subject,
    SurrogateFactory,
    own_random_state,
    own_settings,
)


@dataclass(frozen=True)
class Check:
    """One demand on a surrogate. `check(factory)` raises where the surrogate does not meet it.

    Attributes:
        name: The name, which expected failures go by.
        group: What it is about: "posterior", "state", "acquisition", ...
        demand: What it demands, in a line.
        function: What looks at the subject.
    """

    name: str
    group: str
    demand: str
    function: Callable[[Subject], str | None]

    def __call__(self, factory: SurrogateFactory) -> None:
        """Run the check on models of its own.

        Args:
            factory: Makes the models.
        """
        self.run(Subject(factory))

    def run(self, subject: Subject) -> str | None:
        """Run the check; warnings are ignored, and all global state is as before afterwards.

        Args:
            subject: What to look at.

        Returns:
            A note on how the demand is met, or `None`.
        """
        with own_random_state(), own_settings(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.function(subject)

    def __str__(self) -> str:
        return self.name


CHECKS: dict[str, Check] = {}
"""All checks by name, in the order in which they are run."""


def add_check(
    name: str, group: str, demand: str, function: Callable[[Subject], str | None]
) -> None:
    """Add a check to the list.

    Args:
        name: Its name.
        group: What it is about.
        demand: What it demands.
        function: What looks at the subject.

    Raises:
        ValueError: If there is a check of that name.
    """
    if name in CHECKS:
        raise ValueError(f"Expected a new name, got {name!r} a second time.")
    CHECKS[name] = Check(name, group, demand, function)


def check(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
    """Add a function as a check: its name, its module as group, its docstring as demand.

    Args:
        function: The function.

    Returns:
        The same function.
    """
    group = function.__module__.rpartition(".")[2]
    add_check(function.__name__, group, inspect.getdoc(function) or "", function)
    return function

"""Named checks and the list of them all."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from botorch_cll.testing.subject import Subject, SurrogateFactory, own_random_state, own_settings


@dataclass(frozen=True)
class Check:
    """One demand on a surrogate: `check(factory)` raises where the surrogate does not meet it.

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
        """Run the check on models that `factory` makes for it."""
        self.run(Subject(factory))

    def run(self, subject: Subject) -> str | None:
        """Run the check and return a note on how the demand is met, or `None`.

        Warnings are ignored, and all global state is as before afterwards.
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
    """Add a check to the list; a name that is there already raises a `ValueError`."""
    if name in CHECKS:
        raise ValueError(f"Expected a new name, got {name!r} a second time.")
    CHECKS[name] = Check(name, group, demand, function)


def add_functions(module: ModuleType) -> None:
    """Add all public functions that a module defines, with its name as group.

    A function's name is that of the check, its docstring the demand.
    """
    group = module.__name__.rpartition(".")[2]
    for name, function in vars(module).items():
        is_own = inspect.isfunction(function) and function.__module__ == module.__name__
        if is_own and not name.startswith("_"):
            add_check(name, group, inspect.getdoc(function) or "", function)

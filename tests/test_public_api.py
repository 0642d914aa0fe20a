"""The public interface is what `public_api.txt` lists, so that it does not change unannounced.

After a change on purpose, write the listing anew and say in the changelog what has changed:
`python tests/test_public_api.py`.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

import botorch_cll

LISTING = Path(__file__).parent / "public_api.txt"
# Their interface is `surrogate_checks`.
PRIVATE = ("botorch_cll.testing.checks",)
AX = "botorch_cll.ax"
EXTRAS = ("ax", "dask", "matplotlib", "mlxtend", "pandas", "rich", "typer")


def public_packages() -> list[str]:
    found = pkgutil.walk_packages(botorch_cll.__path__, "botorch_cll.")
    names = [module.name for module in found if module.ispkg]
    left_out = PRIVATE if importlib.util.find_spec("ax") else (*PRIVATE, AX)
    return ["botorch_cll", *(name for name in names if not name.startswith(left_out))]


def describe(thing: object) -> str:
    """The names of the arguments, with `=` for those that may be left out; the members of enums."""
    if inspect.isclass(thing) and issubclass(thing, Enum):
        return f"({', '.join(thing.__members__)})"
    if not inspect.isclass(thing) and not inspect.isfunction(thing):
        return ""
    parameters = inspect.signature(thing).parameters.values()
    names = [
        ("*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else "")
        + p.name
        + ("" if p.default is p.empty else "=")
        for p in parameters
    ]
    keyword_only = [i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY]
    if keyword_only and not any(name.startswith("*") for name in names[: keyword_only[0]]):
        names.insert(keyword_only[0], "*")
    return f"({', '.join(names)})"


def public_api() -> str:
    lines = []
    for package in public_packages():
        module = importlib.import_module(package)
        lines += [f"{package}.{name}{describe(getattr(module, name))}" for name in module.__all__]
    return "\n".join(sorted(lines)) + "\n"


def test_every_package_lists_its_names_in_order() -> None:
    for package in public_packages():
        names = importlib.import_module(package).__all__
        assert len(set(names)) == len(names)
        assert not [name for name in names if name.startswith("_") and name != "__version__"]


def test_the_interface_is_the_one_listed() -> None:
    now, listed = public_api().splitlines(), LISTING.read_text().splitlines()
    if AX not in public_packages():
        listed = [line for line in listed if not line.startswith(AX)]
    gone, new = sorted(set(listed) - set(now)), sorted(set(now) - set(listed))
    assert not gone, f"Gone or changed: {gone}. {__doc__}"
    assert not new, f"New: {new}. {__doc__}"


def test_names_are_documented() -> None:
    for package in public_packages():
        module = importlib.import_module(package)
        assert module.__doc__
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert inspect.getdoc(thing), f"{package}.{name}"


def loaded(before: str, packages: list[str]) -> str:
    """Which extras a fresh process has loaded after importing packages."""
    code = (
        f"import importlib, sys\n{before}\n"
        f"for name in {packages!r}:\n"
        "    importlib.import_module(name)\n"
        f"print([name for name in {EXTRAS} if sys.modules.get(name)])\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_main_names_are_at_the_top_too() -> None:
    assert set(dir(botorch_cll)) > set(botorch_cll.__all__)
    for name in set(botorch_cll.__all__) - {"__version__"}:
        thing = getattr(botorch_cll, name)
        home = thing.__module__.split(".")[1]
        assert thing is getattr(importlib.import_module(f"botorch_cll.{home}"), name)
    with pytest.raises(AttributeError, match="module 'botorch_cll' has no attribute 'Oracle'"):
        botorch_cll.Oracle  # noqa: B018


def test_importing_the_package_imports_no_torch() -> None:
    code = "import botorch_cll, sys; print(sorted({'torch', 'botorch', 'numpy'} & {*sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_importing_the_core_imports_no_extra() -> None:
    core = ["nn", "posteriors", "sampling", "models", "fit", "optim"]
    assert loaded("", [f"botorch_cll.{name}" for name in core]) == "[]"


def test_all_packages_import_without_the_extras() -> None:
    packages = [name for name in public_packages() if name != AX]
    assert loaded(f"for name in {EXTRAS}:\n    sys.modules[name] = None", packages) == "[]"


if __name__ == "__main__":
    LISTING.write_text(public_api())

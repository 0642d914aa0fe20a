"""How the code is laid out: rooms in one order, no circle of imports, no file too long to read."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("botorch_cll", "benchmarks")

# A room imports from rooms before it only. Those of one line know nothing of each other.
ROOMS = [
    {"settings", "files", "nn", "posteriors", "datasets"},
    {"data", "sampling", "classifiers"},
    {"couplings"},
    {"ensemble"},
    {"fit"},
    {"models"},
    {"optim", "test_functions"},
    {"testing"},
    {"plots", "ax"},
]
LEVELS = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {module_name(path): path for path in paths}


def imports(path: Path, known: set[str]) -> set[str]:
    """The modules of ours that a file imports, also within functions and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            # A name of a package may be a module in it; else it is in the package itself.
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in full}
    return found & known


def test_no_circle_of_imports() -> None:
    known = modules()
    graph = {name: imports(path, set(known)) - {name} for name, path in known.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_rooms_import_one_way() -> None:
    known = modules()
    wrong = []
    for name, path in known.items():
        parts = name.split(".")
        if parts[0] != "botorch_cll" or len(parts) < 2:
            continue
        for other in imports(path, set(known)):
            room = other.split(".")[1] if "." in other else ""
            assert not other.startswith("benchmarks"), f"{name} imports {other}"
            if room and room != parts[1] and LEVELS[room] >= LEVELS[parts[1]]:
                wrong.append(f"{name} imports {other}")
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_longer_than_350_lines(package: str) -> None:
    paths = (path for name, path in modules().items() if name.split(".")[0] == package)
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert not {path: length for path, length in lengths.items() if length > 350}

"""Execute the tutorials in full and store their outputs: `make tutorials`.

Notebooks to execute may be named; all of them otherwise. A tutorial's cell tagged `parameters` sets
how much it does. The metadata of the notebook hold, as `quick`, what the tests set these to.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
TIMEOUT = 900


def execute(path: Path, folder: Path, quick: bool = False) -> nbformat.NotebookNode:
    """Execute a notebook.

    Args:
        path: The notebook.
        folder: Where it runs; pictures go to `images` there.
        quick: Whether to use the quick setting.

    Returns:
        The notebook with its outputs.

    Raises:
        CellExecutionError: If a cell raises an error.
    """
    notebook = nbformat.read(path, as_version=4)
    (place,) = [
        index
        for index, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if quick:
        setting = nbformat.v4.new_code_cell(notebook.metadata["quick"])
        notebook.cells.insert(place + 1, setting)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    return client.execute()


def main(names: list[str]) -> None:
    """Execute notebooks in place."""
    (FOLDER / "images").mkdir(exist_ok=True)
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        started = time.perf_counter()
        notebook = execute(path, FOLDER)
        # What differs between machines but says nothing.
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

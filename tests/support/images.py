"""Small image sources on disk, in a format written here once more."""

import gzip
import struct
from pathlib import Path

import numpy as np

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def idx_bytes(values: np.ndarray) -> bytes:
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


def write_idx_folder(folder: Path, seed: int, num_train: int = 200, num_test: int = 60) -> str:
    """A source of ten classes: a coarse pattern each, darkened and noisy. Half is gzipped."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    patterns = np.kron(rng.integers(0, 2, size=(10, 7, 7)), np.ones((4, 4)))
    for prefix, num in (("train", num_train), ("t10k", num_test)):
        labels = rng.integers(0, 10, size=num)
        noise = rng.uniform(0.5, 1.0, size=(num, 28, 28))
        images = (255 * patterns[labels] * noise).astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return str(folder)

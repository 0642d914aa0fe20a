"""Multi-MNIST, Multi-FashionMNIST and Multi-(Fashion+MNIST): two images in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from torch import Tensor

from botorch_cll.datasets.images import ImageSource, LabeledImages
from botorch_cll.datasets.sources import load_source

MULTI_MNIST = {
    "Multi-MNIST": ("MNIST", "MNIST"),
    "Multi-FashionMNIST": ("FashionMNIST", "FashionMNIST"),
    "Multi-(Fashion+MNIST)": ("MNIST", "FashionMNIST"),
}
"""The sources of the top-left and of the bottom-right image.

In the third data set the digit is top-left: the paper's accuracies of task 1 are those of digits.
"""
MARGIN = 8
"""How much larger than an image a picture is, in pixels."""
SHIFT = 6
"""How far right of and below the first image the second one lies, in pixels."""


class MultiImages:
    """Pictures of two overlapping images, put together when they are asked for.

    Each picture is `h + 8` by `w + 8` pixels. Its first image is at the top left, rows `[0, h)`,
    its second one at rows `[6, 6 + h)`, columns likewise; where they overlap, the brighter pixel
    counts (the customary Multi-MNIST, as in Lin et al., "Pareto multi-task learning", NeurIPS
    2019). Task 1 is the label of the first image, task 2 that of the second.

    Args:
        first: The images to draw the first ones from.
        second: The images to draw the second ones from, of the same size.
        num_pictures: How many pairs to draw, independently and uniformly.
        generator: The source of the random pairs.

    Raises:
        InputDataError: If the images differ in size.
    """

    def __init__(
        self,
        first: LabeledImages,
        second: LabeledImages,
        num_pictures: int,
        generator: torch.Generator,
    ) -> None:
        if first.images.shape[1:] != second.images.shape[1:]:
            raise InputDataError(
                f"Expected images of one size, got {tuple(first.images.shape[1:])} and "
                f"{tuple(second.images.shape[1:])}."
            )
        self.parts = (first, second)
        self.pairs = torch.stack(
            [torch.randint(len(part), (num_pictures,), generator=generator) for part in self.parts],
            dim=-1,
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures and labels.

        Args:
            rows: A `n`-dim tensor of integers, which pictures.

        Returns:
            A `n x 1 x (h + 8) x (w + 8)`-dim tensor of pictures with values in `[0, 1]` and a
            `n x 2`-dim tensor of labels.
        """
        first, second = self.parts
        i, j = self.pairs[rows].unbind(-1)
        height, width = first.images.shape[1:]
        pictures = first.images.new_zeros(len(i), 1, height + MARGIN, width + MARGIN)
        pictures[:, 0, :height, :width] = first.images[i]
        under = pictures[:, 0, SHIFT : SHIFT + height, SHIFT : SHIFT + width]
        torch.maximum(under, second.images[j], out=under)
        return pictures.to(torch.float32) / 255.0, torch.stack(
            [first.labels[i], second.labels[j]], dim=-1
        )


def load_sources(data_sets: Iterable[str], locations: Mapping[str, str]) -> dict[str, ImageSource]:
    """Load what data sets are made of.

    Args:
        data_sets: Keys of `MULTI_MNIST`.
        locations: Where `"MNIST"` and `"FashionMNIST"` are, as `load_source` takes it. Only those
            that the data sets are made of are needed.

    Returns:
        The sources by name.

    Raises:
        UnsupportedError: If one of them has no stand-in but is to be one.
        InputDataError: If a source is not there, saying how to get it.
    """
    names = dict.fromkeys(name for data in data_sets for name in MULTI_MNIST[data])
    return {name: load_source(name, locations[name]) for name in names}


def make_multi_images(
    name: str,
    sources: Mapping[str, ImageSource],
    train_size: int = 120_000,
    test_size: int = 20_000,
    seed: int = 0,
) -> tuple[MultiImages, MultiImages]:
    """One of the paper's three data sets.

    Args:
        name: A key of `MULTI_MNIST`.
        sources: The sources that `MULTI_MNIST` names for it.
        train_size: The number of training pictures, made of training images only.
        test_size: The number of test pictures, made of test images only.
        seed: The seed of the pairs. Test pictures do not depend on `train_size`, nor training
            pictures on `test_size`.

    Returns:
        Training and test pictures.

    Raises:
        UnsupportedError: If the name is not known.
    """
    if name not in MULTI_MNIST:
        raise UnsupportedError(f"Expected one of {', '.join(MULTI_MNIST)}, got {name}.")
    first, second = (sources[part] for part in MULTI_MNIST[name])
    return (
        MultiImages(first.train, second.train, train_size, torch.Generator().manual_seed(2 * seed)),
        MultiImages(
            first.test, second.test, test_size, torch.Generator().manual_seed(2 * seed + 1)
        ),
    )

"""Multi-MNIST, Multi-FashionMNIST and Multi-(Fashion+MNIST): two images in one picture."""

from collections.abc import Iterable, Mapping

import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from torch import Generator, Tensor

from botorch_cll.datasets.images import ImageSource, LabeledImages
from botorch_cll.datasets.sources import load_source

MULTI_MNIST = {
    "Multi-MNIST": ("MNIST", "MNIST"),
    "Multi-FashionMNIST": ("FashionMNIST", "FashionMNIST"),
    "Multi-(Fashion+MNIST)": ("MNIST", "FashionMNIST"),
}
"""The sources of the top-left image (digits in the third, as in the paper) and of the other one."""
MARGIN, SHIFT = 8, 6
"""How many pixels larger a picture is than an image, and how far right and down the second lies."""


class MultiImages:
    """Pictures of two overlapping images, put together when they are asked for.

    The `num_pictures` pairs are drawn independently and uniformly. Each picture is `h + 8` by
    `w + 8` pixels. Its first image is at the top left, rows `[0, h)`, its second one at rows
    `[6, 6 + h)`, columns likewise; where they overlap, the brighter pixel counts (the customary
    Multi-MNIST, as in Lin et al., "Pareto multi-task learning", NeurIPS 2019). Task 1 is the label
    of the first image, task 2 that of the second.

    Raises:
        InputDataError: If the images differ in size.
    """

    def __init__(
        self, first: LabeledImages, second: LabeledImages, num_pictures: int, generator: Generator
    ) -> None:
        self.parts = (first, second)
        sizes = [tuple(part.images.shape[1:]) for part in self.parts]
        if sizes[0] != sizes[1]:
            raise InputDataError(f"Expected images of one size, got {sizes[0]} and {sizes[1]}.")
        pairs = [torch.randint(len(p), (num_pictures,), generator=generator) for p in self.parts]
        self.pairs = torch.stack(pairs, dim=-1)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The `n x 1 x (h + 8) x (w + 8)` pictures in `[0, 1]` of `n` rows, and `n x 2` labels."""
        first, second = self.parts
        i, j = self.pairs[rows].unbind(-1)
        height, width = first.images.shape[1:]
        pictures = first.images.new_zeros(len(i), 1, height + MARGIN, width + MARGIN)
        pictures[:, 0, :height, :width] = first.images[i]
        under = pictures[:, 0, SHIFT : SHIFT + height, SHIFT : SHIFT + width]
        torch.maximum(under, second.images[j], out=under)
        labels = torch.stack([first.labels[i], second.labels[j]], dim=-1)
        return pictures.to(torch.float32) / 255.0, labels


def load_sources(data_sets: Iterable[str], locations: Mapping[str, str]) -> dict[str, ImageSource]:
    """Load what data sets, keys of `MULTI_MNIST`, are made of: the sources by name.

    `locations` are by name what `load_source` takes; only those of the data sets' sources are
    needed. It also says what is raised.
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
    """Training and test pictures of one of the paper's three data sets, a key of `MULTI_MNIST`.

    Training pictures are made of training images only, test pictures of test images. Test pictures
    do not depend on `train_size`, nor training pictures on `test_size`.

    Raises:
        UnsupportedError: If the name is not known.
    """
    if name not in MULTI_MNIST:
        raise UnsupportedError(f"Expected one of {', '.join(MULTI_MNIST)}, got {name}.")
    first, second = (sources[part] for part in MULTI_MNIST[name])
    generators = [Generator().manual_seed(2 * seed + i) for i in range(2)]
    return (
        MultiImages(first.train, second.train, train_size, generators[0]),
        MultiImages(first.test, second.test, test_size, generators[1]),
    )

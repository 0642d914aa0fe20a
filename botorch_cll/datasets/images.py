"""Labeled images, split into training and test."""

from dataclasses import dataclass

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

NUM_CLASSES = 10
NUM_TRAIN = 60_000
NUM_TEST = 10_000
"""How many images MNIST and FashionMNIST have for training and for testing."""


@dataclass(frozen=True)
class LabeledImages:
    """A `n x h x w`-dim tensor of bytes, gray images, and their `n` labels from 0 to 9.

    Raises:
        InputDataError: If shapes, types or labels differ from that, or there are no images.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 3 or not len(self.images):
            raise InputDataError(
                f"Expected n x h x w images of bytes, n > 0, got {tuple(self.images.shape)} of "
                f"{self.images.dtype}."
            )
        if self.labels.shape != self.images.shape[:1]:
            raise InputDataError(
                f"Expected one label for each of {len(self.images)} images, got labels of shape "
                f"{tuple(self.labels.shape)}."
            )
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= NUM_CLASSES:
            raise InputDataError(f"Expected labels from 0 to 9, got {low} to {high}.")

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ImageSource:
    """The images that training and test pictures are made of.

    The description says what they are and where they came from, for tables of results.
    """

    description: str
    train: LabeledImages
    test: LabeledImages

    @property
    def is_stand_in(self) -> bool:
        """Whether there are more or fewer images than MNIST and FashionMNIST have."""
        return (len(self.train), len(self.test)) != (NUM_TRAIN, NUM_TEST)

    def __str__(self) -> str:
        return f"{self.description} ({len(self.train)} training and {len(self.test)} test images)"

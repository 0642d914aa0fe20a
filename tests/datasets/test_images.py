import pytest
import torch
from botorch.exceptions.errors import InputDataError

from botorch_cll.datasets import ImageSource, LabeledImages


def test_length():
    images = torch.zeros(3, 4, 5, dtype=torch.uint8)
    assert len(LabeledImages(images, torch.tensor([0, 9, 3]))) == 3


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(3, 4, 5), torch.zeros(3), "images of bytes.*torch.float32"),
        (torch.zeros(3, 4, 5, dtype=torch.uint8), torch.zeros(3, 2), r"shape \(3, 2\)"),
        (torch.zeros(1, 4, 5, dtype=torch.uint8), torch.tensor([-1]), "got -1 to -1"),
    ],
    ids=["floats", "two-labels", "negative"],
)
def test_refusals(images, labels, message):
    with pytest.raises(InputDataError, match=message):
        LabeledImages(images, labels)


def blank(num_images: int) -> LabeledImages:
    return LabeledImages(
        torch.zeros(num_images, 1, 1, dtype=torch.uint8), torch.zeros(num_images).long()
    )


@pytest.mark.parametrize(
    ("num_train", "num_test", "stand_in"),
    [(60_000, 10_000, False), (4_000, 1_000, True), (60_000, 9_999, True)],
    ids=["complete", "small", "cut"],
)
def test_anything_but_all_images_is_a_stand_in(num_train, num_test, stand_in):
    source = ImageSource("blank", train=blank(num_train), test=blank(num_test))
    assert source.is_stand_in == stand_in
    assert str(source) == f"blank ({num_train} training and {num_test} test images)"

import pytest
import torch
from botorch.exceptions.errors import InputDataError

from botorch_cll.datasets import LabeledImages


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

"""Gradient training of networks from `n x c x h x w` pictures to `n x T x C` class scores."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from botorch_cll.nn import cross_stitch_parameters


class PictureDataset(Protocol):
    """`n x c x h x w` pictures and `n x T` labels by rows: a `MultiImages` or `TensorDataset`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor, /) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training pictures came to; `number` counts from 1.

    `train_loss` is each task's cross-entropy in nats, mean over the batches as they came,
    `test_accuracy` each task's share of test pictures classified correctly after the epoch, empty
    without test pictures. `seconds` is wall time, the test included.
    """

    number: int
    train_loss: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    seconds: float


def fit_classifier(
    network: nn.Module,
    train: PictureDataset,
    test: PictureDataset | None = None,
    *,
    num_epochs: int,
    generator: torch.Generator,
    batch_size: int = 256,
    lr: float = 1e-3,
    cross_stitch_lr: float = 1e-2,
    callback: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train a network by Adam on the mean of the tasks' cross-entropies.

    It maps `n x c x h x w` pictures to `n x T x C` class scores and is trained where it is: batches
    are sent to the device of its parameters. Test pictures are only measured. The generator is the
    source of the order of the pictures, new in every epoch.

    Every learning rate is halved after each 15 epochs, as in the paper. The paper does not state a
    batch size, nor a learning rate for cross-stitch units. Misra et al. (2016) give those 100 to
    1 000 times the rate of the networks, under gradient descent; a step of Adam has about the size
    of the rate whatever the gradient, so 10 times the rate already moves a matrix of entries near
    0.9 and 0.1 far within an epoch.

    Raises:
        ValueError: If there is nothing to train on, or an option is out of range.
    """
    if not len(train) or num_epochs < 1 or batch_size < 1:
        raise ValueError(
            "Expected training pictures, epochs and a batch size of at least 1, got "
            f"{len(train)}, {num_epochs} and {batch_size}."
        )
    for name, rate in (("lr", lr), ("cross_stitch_lr", cross_stitch_lr)):
        if not 0.0 <= rate < math.inf:
            raise ValueError(f"Expected a non-negative and finite {name}, got {rate}.")
    stitches = cross_stitch_parameters(network)
    others = [p for p in network.parameters() if all(p is not stitch for stitch in stitches)]
    groups = [{"params": others, "lr": lr}, {"params": stitches, "lr": cross_stitch_lr}]
    optimizer = optim.Adam([group for group in groups if group["params"]])
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=15, gamma=0.5)
    epochs = []
    for number in range(1, num_epochs + 1):
        started = time.perf_counter()
        order = torch.randperm(len(train), generator=generator)
        losses = _train_epoch(network, train, order.split(batch_size), optimizer)
        schedule.step()
        accuracies = [] if test is None else measure_accuracy(network, test).tolist()
        seconds = time.perf_counter() - started
        epochs.append(Epoch(number, tuple(losses.tolist()), tuple(accuracies), seconds))
        if callback is not None:
            callback(epochs[-1])
    return epochs


def _train_epoch(
    network: nn.Module, train: PictureDataset, batches: tuple[Tensor, ...], optimizer: optim.Adam
) -> Tensor:
    """One gradient step per batch of rows; the tasks' mean losses over all rows."""
    network.train()
    like = next(network.parameters())
    total = torch.zeros((), device=like.device)
    for rows in batches:
        images, labels = train[rows]
        scores, labels = network(images.to(like)).movedim(-1, 1), labels.to(like.device)
        losses = functional.cross_entropy(scores, labels, reduction="none").mean(0)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        total = total + len(rows) * losses.detach()
    return total / sum(len(rows) for rows in batches)


def measure_accuracy(network: nn.Module, data: PictureDataset) -> Tensor:
    """Each task's share of pictures whose label has the highest score, `T`-dim, on the CPU."""
    network.eval()
    like = next(network.parameters())
    correct = torch.zeros((), device=like.device)
    with torch.inference_mode():
        for rows in torch.arange(len(data)).split(1000):
            images, labels = data[rows]
            predicted = network(images.to(like)).argmax(-1)
            correct = correct + (predicted == labels.to(like.device)).sum(0)
    return correct.cpu().double() / len(data)

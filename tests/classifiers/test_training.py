"""Training: the steps against a loop written out, what is measured, and reproducibility."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from botorch_cll.classifiers import Epoch, fit_classifier, measure_accuracy
from botorch_cll.nn import CrossStitchUnit, MultiLeNetCS

T, C = 2, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_data(n: int = 22, seed: int = 0) -> TensorDataset:
    generator = seeded(seed)
    images = torch.rand(n, 1, 2, 3, generator=generator)
    return TensorDataset(images, torch.randint(C, (n, T), generator=generator))


class Linear(nn.Module):
    """The smallest network of the right shape, with a cross-stitch unit."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(T, 6, C, generator=seeded(7)))
        self.stitch = CrossStitchUnit(T)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stitch(images.flatten(1) @ self.weight).movedim(0, 1)


def test_steps_are_adam_with_two_rates_halved_every_15_epochs():
    data, num_epochs = make_data(), 31
    network = Linear()
    fit_classifier(
        network,
        data,
        num_epochs=num_epochs,
        batch_size=10,
        generator=seeded(),
        lr=0.02,
        cross_stitch_lr=0.05,
    )
    reference, generator = Linear(), seeded()
    images, labels = data.tensors
    moments = {}
    step = 0
    for epoch in range(num_epochs):
        order = torch.randperm(len(images), generator=generator)
        for rows in (order[:10], order[10:20], order[20:]):
            scores = reference(images[rows])
            loss = sum(functional.cross_entropy(scores[:, t], labels[rows, t]) for t in range(T))
            reference.zero_grad()
            (loss / T).backward()
            step += 1
            for name, parameter in reference.named_parameters():
                rate = (0.05 if name.startswith("stitch") else 0.02) * 0.5 ** (epoch // 15)
                m, v = moments.get(name, (0.0, 0.0))
                m = 0.9 * m + 0.1 * parameter.grad
                v = 0.999 * v + 0.001 * parameter.grad.square()
                moments[name] = (m, v)
                scaled = (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
                parameter.data = parameter.data - rate * scaled
    assert not torch.allclose(network.weight, Linear().weight, atol=0.05)
    for ours, theirs in zip(network.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-3)


def test_measured_loss_and_accuracy_of_a_network_that_does_not_move():
    train, test = make_data(22), make_data(1203, seed=1)
    network = Linear()
    seen = []
    (epoch,) = fit_classifier(
        network,
        train,
        test,
        num_epochs=1,
        batch_size=10,
        generator=seeded(),
        lr=0.0,
        cross_stitch_lr=0.0,
        callback=seen.append,
    )
    assert seen == [epoch]
    assert isinstance(epoch, Epoch)
    assert epoch.number == 1
    for t in range(T):
        images, labels = train.tensors
        loss = functional.cross_entropy(network(images)[:, t], labels[:, t]).item()
        assert epoch.train_loss[t] == pytest.approx(loss, rel=1e-5)
        images, labels = test.tensors
        right = sum(
            int(score[t].argmax() == label[t])
            for score, label in zip(network(images), labels, strict=True)
        )
        assert epoch.test_accuracy[t] == pytest.approx(right / 1203)
    torch.testing.assert_close(
        measure_accuracy(network, test), torch.tensor(epoch.test_accuracy).double()
    )


def test_without_test_pictures_nothing_is_measured_on_them():
    epochs = fit_classifier(Linear(), make_data(), num_epochs=2, generator=seeded())
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert [epoch.test_accuracy for epoch in epochs] == [(), ()]


def test_cross_stitch_units_have_their_own_rate():
    generator = seeded()
    network = MultiLeNetCS(2, 3, (1, 20, 20), (6, 5), generator=generator)
    images = torch.rand(8, 1, 20, 20, generator=generator)
    labels = torch.randint(3, (8, 2), generator=generator)
    data = TensorDataset(images, labels)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    options = {"num_epochs": 1, "batch_size": 8, "generator": generator}
    # The first step of Adam has the size of the rate.
    fit_classifier(network, data, lr=1e-3, cross_stitch_lr=0.1, **options)
    moved = {
        name: (parameter - old).abs().max().item()
        for (name, parameter), old in zip(network.named_parameters(), before, strict=True)
    }
    for name, distance in moved.items():
        assert distance == pytest.approx(0.1 if "stitches" in name else 1e-3, rel=0.01), name


def test_same_generator_same_bits_and_no_global_state():
    state = torch.get_rng_state()

    def train(seed: int) -> tuple[torch.Tensor, tuple[float, ...]]:
        network = Linear()
        epochs = fit_classifier(
            network, make_data(), num_epochs=3, batch_size=4, generator=seeded(seed)
        )
        return network.weight.detach(), epochs[-1].train_loss

    first, again, other = train(1), train(1), train(2)
    assert torch.equal(first[0], again[0])
    assert first[1] == again[1]
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("n", "options"),
    [(0, {}), (5, {"num_epochs": 0}), (5, {"batch_size": 0})],
    ids=["no-pictures", "no-epochs", "no-batch"],
)
def test_refusals(n, options):
    options = {"num_epochs": 1, "generator": seeded(), **options}
    with pytest.raises(ValueError, match="Expected training pictures, epochs and a batch size"):
        fit_classifier(Linear(), make_data(n), **options)


@pytest.mark.parametrize("rate", ["lr", "cross_stitch_lr"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_learning_rates_in_range(rate, value):
    with pytest.raises(ValueError, match=f"non-negative and finite {rate}, got {value}"):
        fit_classifier(Linear(), make_data(5), num_epochs=1, generator=seeded(), **{rate: value})

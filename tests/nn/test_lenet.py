"""LeNet networks: the scores against a loop over tasks, and which parts are shared."""

from functools import partial

import pytest
import torch
from torch.nn import functional

from botorch_cll.nn import MultiLeNet, MultiLeNetCS, SingleLeNet

NETWORKS = {
    "SingleLeNet": SingleLeNet,
    "MultiLeNet": MultiLeNet,
    "MultiLeNet+": partial(MultiLeNet, correlation_layers=()),
    "MultiLeNetCS": MultiLeNetCS,
    "MultiLeNetCS+": partial(MultiLeNetCS, correlation_layers=()),
    "MultiLeNet+ two layers": partial(MultiLeNet, correlation_layers=(7,)),
}
EVERY_NETWORK = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS.keys())
SMALL = {"num_tasks": 3, "num_classes": 4, "input_shape": (2, 20, 23), "hidden": (6, 5)}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=seeded(seed))


def randomize(network: torch.nn.Module) -> torch.nn.Module:
    """Weights for which no part of the network is without effect."""
    generator = seeded(1)
    for parameter in network.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return network.double()


def scores_by_hand(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The scores, one task after the other."""

    def features(trunk):
        first = functional.conv2d(images, trunk.first.weight, trunk.first.bias)
        first = functional.max_pool2d(functional.relu(first), 2)
        second = functional.conv2d(first, trunk.second.weight, trunk.second.bias)
        return functional.max_pool2d(functional.relu(second), 2).reshape(len(images), -1)

    layers = network.layers
    tasks = range(len(layers.last.weight))
    trunks = network.trunks if isinstance(network, SingleLeNet) else [network.trunk] * len(tasks)
    H = [features(trunk) for trunk in trunks]
    for number, layer in enumerate(layers.hidden):
        H = [functional.relu(H[t] @ layer.weight[t] + layer.bias[t]) for t in tasks]
        if isinstance(network, MultiLeNetCS):
            alpha = layers.stitches[number].weight
            H = [sum(alpha[s, t] * H[t] for t in tasks) for s in tasks]
    scores = torch.stack([H[t] @ layers.last.weight[t] + layers.last.bias[t] for t in tasks], 1)
    correlation = getattr(network, "correlation", None)
    if correlation is None:
        return scores
    # All scores of a picture in one vector, the classes of the first task first.
    p = h = torch.cat([scores[:, t] for t in tasks], dim=-1)
    for weight, bias in zip(correlation.weights, correlation.biases, strict=True):
        h = h @ weight[0].T + bias[0]
        if weight is not correlation.weights[-1]:
            h = functional.leaky_relu(h)
    return torch.stack((p + h).chunk(len(tasks), dim=-1), 1)


@EVERY_NETWORK
def test_scores_equal_a_loop_over_tasks(make):
    network = randomize(make(**SMALL, generator=seeded()))
    images = rand(5, 2, 20, 23).double()
    scores = network(images)
    assert scores.shape == (5, 3, 4)
    torch.testing.assert_close(scores, scores_by_hand(network, images))


@EVERY_NETWORK
def test_gradients_agree_with_finite_differences(make):
    network = randomize(make(**SMALL, generator=seeded()))
    images, labels = rand(3, 2, 20, 23).double(), torch.tensor([[0, 1, 2], [3, 3, 0], [1, 2, 3]])

    def loss() -> torch.Tensor:
        return functional.cross_entropy(network(images).flatten(0, 1), labels.flatten())

    loss().backward()
    for name, parameter in network.named_parameters():
        direction = torch.randn(parameter.shape, generator=seeded(2)).double()
        step = 1e-6 / direction.abs().max()
        with torch.no_grad():
            parameter += step * direction
            above = loss()
            parameter -= 2 * step * direction
            below = loss()
            parameter += step * direction
        slope = (parameter.grad * direction).sum()
        assert slope != 0, name
        torch.testing.assert_close(slope, (above - below) / (2 * step), atol=1e-7, rtol=1e-4)


# Two convolutions, then 500 features (20 channels of 5 x 5) and three layers for each task.
TRUNK = (10 * 9 * 9 + 10) + (20 * 10 * 5 * 5 + 20)
TASK = (500 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10)
CORRELATION = 20 * 20 + 20


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("SingleLeNet", 2 * (TRUNK + TASK)),
        ("MultiLeNet", TRUNK + 2 * TASK),
        ("MultiLeNet+", TRUNK + 2 * TASK + CORRELATION),
        ("MultiLeNetCS", TRUNK + 2 * TASK + 2 * 4),
        ("MultiLeNetCS+", TRUNK + 2 * TASK + 2 * 4 + CORRELATION),
        ("MultiLeNet+ two layers", TRUNK + 2 * TASK + (20 * 7 + 7) + (7 * 20 + 20)),
    ],
)
def test_parameter_counts(name, count):
    network = NETWORKS[name](generator=seeded())
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert network(rand(3, 1, 36, 36)).shape == (3, 2, 10)


@pytest.mark.parametrize("hidden", [(), (7,)], ids=str)
@pytest.mark.parametrize("network_class", [MultiLeNet, MultiLeNetCS])
def test_plus_starts_as_its_twin(network_class, hidden):
    images = rand(4, 1, 36, 36)
    twin = network_class(generator=seeded())
    plus = network_class(correlation_layers=hidden, generator=seeded())
    assert torch.equal(plus(images), twin(images))


def test_the_correlation_layer_mixes_the_scores_of_all_tasks():
    network = MultiLeNet(num_classes=3, correlation_layers=(), generator=seeded())
    images = rand(4, 1, 36, 36)
    before = network(images).detach()
    exchange = torch.eye(6).roll(3, dims=0)  # each task gets the other's scores
    network.correlation.weights[0].data = (exchange - torch.eye(6)).unsqueeze(0)
    torch.testing.assert_close(network(images).detach(), before.flip(1))


def test_identity_cross_stitch_leaves_the_networks_unchanged():
    images = rand(4, 1, 36, 36)
    plain = MultiLeNet(num_tasks=3, generator=seeded())
    stitched = MultiLeNetCS(num_tasks=3, generator=seeded())
    assert not torch.allclose(stitched(images), plain(images))
    for unit in stitched.layers.stitches:
        unit.weight.data = torch.eye(3)
    torch.testing.assert_close(stitched(images), plain(images))


def test_single_networks_share_nothing_and_multi_networks_the_trunk():
    images = rand(4, 1, 36, 36)
    single = SingleLeNet(generator=seeded())
    single(images)[:, 0].square().sum().backward()
    assert all(p.grad.any() for p in single.trunks[0].parameters())
    assert all(p.grad is None or not p.grad.any() for p in single.trunks[1].parameters())
    assert not single.layers.last.weight.grad[1].any()
    assert not torch.equal(single.trunks[0].first.weight, single.trunks[1].first.weight)
    multi = MultiLeNet(generator=seeded())
    multi(images)[:, 0].square().sum().backward()
    assert all(p.grad.any() for p in multi.trunk.parameters())
    assert not multi.layers.last.weight.grad[1].any()


@EVERY_NETWORK
def test_first_weights_follow_the_generator_alone(make):
    state = torch.get_rng_state()
    first, again, other = (make(generator=seeded(seed)) for seed in (1, 1, 2))
    images = rand(2, 1, 36, 36)
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))
    assert torch.equal(torch.get_rng_state(), state)


def test_first_weights_are_uniform_within_the_usual_bound():
    network = MultiLeNet(generator=seeded())
    for parameter, fan_in in (
        (network.trunk.first.weight, 81),
        (network.trunk.second.weight, 250),
        (network.layers.hidden[0].weight, 500),
        (network.layers.last.weight, 84),
    ):
        scaled = parameter.detach() * fan_in**0.5
        assert 0.95 < scaled.abs().max() <= 1.0
        assert scaled.std().item() == pytest.approx(3**-0.5, rel=0.05)


def test_weights_survive_a_round_trip_and_keep_the_pooling_fast(tmp_path):
    network = MultiLeNetCS(correlation_layers=(), generator=seeded())
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = MultiLeNetCS(correlation_layers=(), generator=seeded(1))
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    images = rand(2, 1, 36, 36)
    assert torch.equal(network(images), other(images))
    assert other.trunk.second.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("make", [SingleLeNet, MultiLeNet], ids=["single", "multi"])
def test_refusals(make):
    with pytest.raises(ValueError, match="at least 20 x 20, got 19 x 36"):
        make(input_shape=(1, 19, 36), generator=seeded())
    network = make(generator=seeded())
    with pytest.raises(ValueError, match=r"shape \(1, 36, 36\), got \(1, 36, 34\)"):
        network(rand(2, 1, 36, 34))

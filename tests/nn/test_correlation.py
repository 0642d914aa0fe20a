"""The correlation layer: the identity before training, the paper's variants after."""

import itertools

import numpy as np
import pytest
import torch

from botorch_cll.nn import CorrelationLearningLayer

CONFIGURATIONS = {
    f"{hidden}-{activation}": (hidden, activation)
    for hidden in ((), (8,), (5, 3))
    for activation in (None, "identity", "leaky_relu", "tanh")
}
EVERY_CONFIGURATION = pytest.mark.parametrize(
    ("hidden", "activation"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys()
)
BY_HAND = {
    "identity": lambda z: z,
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.double)


def make_layer(hidden, activation, num_tasks: int = 3, num_restarts: int = 4, seed: int = 0):
    return CorrelationLearningLayer(
        num_tasks, hidden, activation, num_restarts, generator(seed), torch.double
    )


def randomize(layer: CorrelationLearningLayer) -> CorrelationLearningLayer:
    for seed, parameter in enumerate(layer.parameters()):
        parameter.data = randn(*parameter.shape, seed=10 + seed)
    return layer


@EVERY_CONFIGURATION
def test_layer_starts_as_the_identity(hidden, activation):
    P = randn(2, 4, 6, 3)
    layer = make_layer(hidden, activation)
    assert torch.equal(layer(P), P)
    assert torch.equal(layer.branch(P), torch.zeros_like(P))


@EVERY_CONFIGURATION
def test_rescaled_layer_is_the_same_in_other_units(hidden, activation):
    P, unit = randn(4, 6, 3), torch.tensor([0.01, 3.0, 500.0]).double()
    layer = randomize(make_layer(hidden, activation))
    expected = unit * layer(P)
    layer.rescale(unit)
    same = np.allclose(layer(unit * P).detach(), expected.detach())
    assert same == layer.can_rescale


@EVERY_CONFIGURATION
def test_training_can_leave_the_identity(hidden, activation):
    P, Y = randn(4, 6, 3), randn(4, 6, 3, seed=1)
    layer = make_layer(hidden, activation)
    (layer(P) - Y).square().sum().backward()
    assert layer.weights[-1].grad.flatten(1).any(1).all()
    assert layer.biases[-1].grad.any(1).all()


@EVERY_CONFIGURATION
def test_parameter_shapes_and_dtype(hidden, activation):
    layer = make_layer(hidden, activation)
    widths = (3, *hidden, 3)
    expected = [(4, out, into) for into, out in itertools.pairwise(widths)]
    assert [tuple(w.shape) for w in layer.weights] == expected
    assert [tuple(b.shape) for b in layer.biases] == [shape[:2] for shape in expected]
    assert {p.dtype for p in layer.parameters()} == {torch.double}


@EVERY_CONFIGURATION
@pytest.mark.parametrize("batch_shape", [(), (2,)], ids=str)
def test_layer_equals_a_loop_over_restarts_and_rows(hidden, activation, batch_shape):
    layer = randomize(make_layer(hidden, activation))
    P = randn(*batch_shape, 4, 6, 3)
    outputs = layer(P).detach().numpy()
    # LeakyReLU stands between two layers, a single layer is linear, unless something else is said.
    activate = BY_HAND[activation or ("leaky_relu" if hidden else "identity")]
    weights = [w.detach().numpy() for w in layer.weights]
    biases = [b.detach().numpy() for b in layer.biases]
    for index in np.ndindex(*batch_shape, 4, 6):
        p, s = P[index].numpy(), index[-2]
        h = p
        for layer_number, (B, b) in enumerate(zip(weights, biases, strict=True)):
            h = B[s] @ h + b[s]
            if not hidden or layer_number < len(hidden):
                h = activate(h)
        np.testing.assert_allclose(outputs[index], p + h, atol=1e-12)


@EVERY_CONFIGURATION
def test_is_linear_only_if_it_is_one_linear_map(hidden, activation):
    layer = make_layer(hidden, activation)
    assert layer.is_linear == (hidden == () and activation in (None, "identity"))
    if layer.is_linear:
        randomize(layer)
        P, Q = randn(4, 6, 3), randn(4, 6, 3, seed=1)
        torch.testing.assert_close(layer(P) + layer(Q) - layer(P + Q), layer(torch.zeros_like(P)))


@pytest.mark.parametrize("hidden", [(), (4,)], ids=str)
def test_gradients_agree_with_finite_differences(hidden):
    layer = randomize(make_layer(hidden, "tanh", num_restarts=2))
    assert torch.autograd.gradcheck(layer, (randn(2, 3, 3).requires_grad_(),))


def test_hidden_weights_follow_the_generator_and_differ_between_restarts():
    state = torch.get_rng_state()
    first, again = make_layer((8,), None, seed=1), make_layer((8,), None, seed=1)
    other = make_layer((8,), None, seed=2)
    assert torch.equal(first.weights[0], again.weights[0])
    assert not torch.equal(first.weights[0], other.weights[0])
    assert not torch.equal(first.weights[0][0], first.weights[0][1])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden": (0,)}, r"hidden widths of at least 1, got \(0,\)"),
        ({"hidden": (4, -1)}, r"hidden widths of at least 1, got \(4, -1\)"),
        ({"activation": "swish"}, "Expected an activation in .*got 'swish'"),
        ({"hidden": (4,), "generator": None}, "need a generator"),
    ],
    ids=["zero-width", "negative-width", "unknown-activation", "no-generator"],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        CorrelationLearningLayer(2, **{"generator": generator(), **arguments})


@EVERY_CONFIGURATION
def test_changes_of_the_others_are_passed_on_and_not_a_task_s_own(hidden, activation):
    layer = randomize(make_layer(hidden, activation))
    P, change = randn(2, 4, 6, 3), randn(2, 4, 6, 3, seed=1)
    passed = layer.passed_on(P, change)
    for task in range(3):
        others = change.clone()
        others[..., task] = 0.0
        expected = layer.branch(P + others) - layer.branch(P)
        torch.testing.assert_close(passed[..., task], expected[..., task])

"""The surrogate of the package: what the correlation layer is worth, and what users can set."""

import pytest
import torch
from botorch.exceptions.errors import UnsupportedError

from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel, SingleRBFModel
from botorch_cll.nn.rbf import seen_dimensions

NAN = float("nan")
LAYERS = pytest.mark.parametrize("layers", [(), (8,), (5, 3), None], ids=str)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def smooth(X: torch.Tensor) -> torch.Tensor:
    """Two related tasks on different scales."""
    base = torch.sin(5 * X[..., 0]) + torch.cos(4 * X[..., 1]) * X[..., 2] + X[..., 2] ** 2
    return torch.stack([base, -200.0 * base + 50.0 * X[..., 0]], dim=-1)


def poor_and_rich(num_poor: int = 10, num_rich: int = 100, seed: int = 0):
    """The second task is seen at few points, the first at many others."""
    X = rand(num_poor + num_rich, 3, seed=seed)
    Y = smooth(X)
    Y[:num_poor, 0] = Y[num_poor:, 1] = NAN
    return X, Y


def relative_error(model) -> torch.Tensor:
    """Root mean squared error of each task at new points, relative to predicting the mean."""
    X = rand(300, 3, seed=99)
    Y = smooth(X)
    return (model.posterior(X).mean - Y).square().mean(0).sqrt() / Y.std(0)


def fit(X, Y, **options):
    options = {"num_restarts": 12, "missing": "mask", **options}
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y, **options))


@LAYERS
@pytest.mark.parametrize("seed", range(2))
def test_forty_points_of_a_smooth_function_beat_its_mean_by_far(layers, seed):
    X = rand(40, 3, seed=seed)
    assert (relative_error(fit(X, smooth(X), correlation_layers=layers)) < 0.3).all()


@pytest.mark.parametrize("layers", [(), (8,)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_layer_helps_a_task_with_few_points_of_its_own(layers, seed):
    X, Y = poor_and_rich(seed=seed)
    rich, poor = relative_error(fit(X, Y, correlation_layers=layers))
    rich_alone, poor_alone = relative_error(fit(X, Y, correlation_layers=None))
    assert poor < 0.75 * poor_alone
    assert rich < 1.2 * rich_alone + 0.02


def test_layer_does_unrelated_tasks_no_harm():
    X = rand(60, 3)
    Y = torch.stack([smooth(X)[:, 0], randn(60, seed=5)], dim=-1)
    with_layer, without = (fit(X, Y, correlation_layers=layers) for layers in ((), None))
    at = rand(300, 3, seed=99)
    truth = smooth(at)[:, 0]
    error = (with_layer.posterior(at).mean[:, 0] - truth).square().mean().sqrt()
    expected = (without.posterior(at).mean[:, 0] - truth).square().mean().sqrt()
    assert error < 1.15 * expected


@pytest.mark.parametrize(
    ("layers", "activation"),
    [
        ((), None),
        ((), "leaky_relu"),
        ((), "tanh"),
        ((8,), None),
        ((8,), "leaky_relu"),
        ((8,), "identity"),
        ((5, 3), "tanh"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["two_stage", "gradient"])
def test_every_kind_of_layer_is_trained(layers, activation, method):
    X, Y = poor_and_rich(num_rich=30)
    model = MultiRBFCorrelationModel(
        X,
        Y,
        num_restarts=4,
        num_centers=8,
        correlation_layers=layers,
        activation=activation,
        missing="mask",
    )
    options = GradientOptions(num_steps=20, learning_rate=0.02) if method == "gradient" else None
    fit_rbf_ensemble(model, method, options)
    assert (model.fitted.layer.weights[-1].flatten(1) != 0).any(1).all()
    posterior = model.posterior(rand(5, 3), observation_noise=True)
    assert posterior.mean.isfinite().all()
    assert posterior.variance.isfinite().all()


def test_the_activation_is_that_asked_for():
    t = torch.linspace(-2.0, 2.0, 41, dtype=torch.double)
    line = torch.stack([t, 1.0 - t], dim=-1)
    is_straight, is_bounded = set(), set()
    for activation in ("identity", "leaky_relu", "tanh"):
        model = MultiRBFCorrelationModel(
            rand(8, 3), rand(8, 2), correlation_layers=(8,), activation=activation
        )
        layer = model.coupling.make_layer(32, 2, 0, line)
        layer.weights[-1].data.fill_(1.0)
        if layer.branch(line).diff(n=2, dim=1).abs().max() < 1e-9:
            is_straight.add(activation)
        if layer.branch(1e9 * line).abs().max() <= 8.0:
            is_bounded.add(activation)
    assert is_straight == {"identity"}
    assert is_bounded == {"tanh"}


def test_the_seed_is_that_of_the_first_hidden_weights_too():
    X, Y = rand(8, 3), rand(8, 2, seed=1)
    first, same, other = (
        fit_rbf_ensemble(
            MultiRBFCorrelationModel(X, Y, num_restarts=4, correlation_layers=(8,), seed=seed),
            "gradient",
            GradientOptions(num_steps=0),
        ).fitted.layer.weights[0]
        for seed in (1, 1, 2)
    )
    assert torch.equal(same, first)
    assert not torch.equal(other, first)


@LAYERS
def test_members_are_the_networks_behind_the_layer_spread_around_their_mean(layers):
    X = 3.0 * rand(30, 3) - 1.0
    model = fit(X, smooth(X), correlation_layers=layers, outcome_transform=None)
    at = 3.0 * rand(4, 5, 3, seed=3) - 1.0
    low, high = X.amin(0), X.amax(0)
    unit = (at - low) / (high - low)
    members = model.fitted.members.network(unit)
    if layers is None:
        assert model.fitted.layer is None
    else:
        members = model.fitted.layer(members)
    mean = members.mean(1, keepdim=True)
    expected = mean + model.fitted.inflation.sqrt() * (members - mean)
    # Far from the members' centers they differ by what they know nothing of.
    distance = unit[:, None, None, :, None] - model.fitted.members.network.centers[:, :, None]
    scaled = distance / model.fitted.members.network.log_length_scale.exp()[:, :, None, None]
    network = model.fitted.members.network
    sees = seen_dimensions(network.log_length_scale, network.additive, network.centers.shape[-2])
    scaled = scaled * sees[:, :, None]
    support = scaled.square().sum(-1).neg().exp().sum(-1).transpose(-1, -2)
    apart = model.fitted.remote_sign.unsqueeze(-2) * 0.1 / (0.1 + support)
    apart = apart - apart.mean(1, keepdim=True)
    expected = expected + model.fitted.remote_variance.sqrt() * apart
    torch.testing.assert_close(model.posterior(at).values, expected)
    torch.testing.assert_close(model.posterior(at).mean, members.mean(1))


@LAYERS
def test_uncertainty_grows_away_from_the_data(layers):
    X = 0.5 * rand(40, 3)
    model = fit(X, smooth(X), correlation_layers=layers)
    near = model.posterior(0.5 * rand(200, 3, seed=3)).variance.mean(0)
    far = model.posterior(0.8 + 0.2 * rand(200, 3, seed=4)).variance.mean(0)
    assert (far > 4 * near).all()


@LAYERS
@pytest.mark.parametrize(("n", "least"), [(25, 0.6), (150, 0.78)])
def test_predictive_intervals_cover_what_they_claim(layers, n, least):
    X = rand(n, 3)
    scale = 0.3 * smooth(X).std(0)
    model = fit(X, smooth(X) + scale * randn(n, 2, seed=1), correlation_layers=layers)
    at = rand(400, 3, seed=99)
    observed = smooth(at) + scale * randn(400, 2, seed=2)
    posterior = model.posterior(at, observation_noise=True)
    z = (observed - posterior.mean) / posterior.variance.sqrt()
    coverage = (z.abs() < 1.645).double().mean(0)
    # Nine in ten are claimed.
    assert ((coverage > least) & (coverage < 0.995)).all(), coverage


def test_single_rbf_is_the_model_that_shares_nothing():
    X, Y = poor_and_rich()
    single = fit_rbf_ensemble(SingleRBFModel(X, Y, num_restarts=12, missing="mask"))
    assert relative_error(fit(X, Y))[1] < 0.75 * relative_error(single)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"correlation_layers": (0,)}, r"positive widths or None, got \(0,\)"),
        ({"correlation_layers": (4, -2)}, r"positive widths or None, got \(4, -2\)"),
        ({"activation": "swish"}, "Expected activation in .* or None, got 'swish'"),
        ({"correlation_layers": (4,), "activation": ""}, "Expected activation in .*, got ''"),
    ],
    ids=["zero-width", "negative-width", "unknown-activation", "empty-activation"],
)
def test_refusals(options, message):
    with pytest.raises(UnsupportedError, match=message):
        MultiRBFCorrelationModel(rand(5, 3), rand(5, 2), **options)


def test_contradicting_layers_are_refused():
    X, Y = rand(8, 2), rand(8, 2, seed=1)
    with pytest.raises(UnsupportedError, match="tuple of positive widths or None, got 8"):
        MultiRBFCorrelationModel(X, Y, correlation_layers=8)
    with pytest.raises(UnsupportedError, match="no activation without correlation layers"):
        MultiRBFCorrelationModel(X, Y, correlation_layers=None, activation="tanh")

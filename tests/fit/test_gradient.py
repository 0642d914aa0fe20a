"""The paper's fit: Adam on all parameters."""

import pytest
import torch
from botorch.exceptions.warnings import InputDataWarning

from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel, SingleRBFModel

NAN = float("nan")

# Most tests train on all rows, which leaves nothing to calibrate by.
pytestmark = pytest.mark.filterwarnings("ignore:Expected observations that at least two members")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def make_model(model_class=MultiRBFCorrelationModel, **options):
    X = rand(20, 2)
    base = torch.sin(4 * X[:, 0]) + X[:, 1]
    Y = torch.stack([base, 3.0 - 100 * base * X[:, 0]], dim=-1)
    return model_class(X, Y, **{"num_restarts": 3, "num_centers": 6, **options})


def fit(model, num_steps: int, **options):
    options = {"learning_rate": 0.02, "sample_fraction": 1.0, **options}
    return fit_rbf_ensemble(model, "gradient", GradientOptions(num_steps=num_steps, **options))


def training_loss(model) -> torch.Tensor:
    """Mean squared error of every restart and task in the standardized scale."""
    outputs = model.fitted.members.network(model.data.X)
    if model.fitted.layer is not None:
        outputs = model.fitted.layer(outputs)
    return (outputs - model.data.Y).square().mean(1)


LAYERS = pytest.mark.parametrize("layers", [(), (8,), None], ids=str)


@LAYERS
def test_training_loss_falls(layers):
    model = make_model(correlation_layers=layers)
    losses = [training_loss(fit(model, steps)) for steps in (0, 20, 150)]
    assert (losses[1] < losses[0]).all()
    assert (losses[2] < losses[1]).all()
    assert (losses[2] < 0.3).all()


def test_every_step_is_one_of_adam():
    model = make_model()
    start, first, second, third = (
        [p.clone() for p in fit(model, steps, milestones=(2,)).parameters()] for steps in range(4)
    )
    # Adam's first step is the learning rate in the direction of every gradient ...
    for before, after in zip(start, first, strict=True):
        step = (after - before).abs()
        assert step.max() < 0.0201
        # All but the parameters that the loss hardly depends on.
        assert (step > 0.0199).double().mean() > 0.9
    # ... later steps are not larger, and half as large after a milestone.
    for before, after in zip(first, second, strict=True):
        assert (after - before).abs().max() < 0.0202
    for before, after in zip(second, third, strict=True):
        assert 0.009 < (after - before).abs().max() < 0.0102
    # The first step goes downhill: finite differences of the summed loss agree in sign.
    fit(model, 0)
    parameter = model.fitted.members.network.weight
    moved = first[2] - start[2]
    for index in [(0, 0, 0), (1, 1, 3), (2, 0, 8)]:
        losses = []
        for shift in (1e-4, -1e-4):
            parameter.data[index] += shift
            losses.append(training_loss(model).sum())
            parameter.data[index] -= shift
        assert (losses[0] - losses[1]) * moved[index] < 0


def test_all_parameters_are_trained():
    model = make_model()
    start = [p.clone() for p in fit(model, 0).parameters()]
    names = [name for name, _ in model.named_parameters()]
    trained = [p.clone() for p in fit(model, 3).parameters()]
    assert any(name.startswith("fitted.layer") for name in names)
    for name, before, after in zip(names, start, trained, strict=True):
        assert (before != after).any(), name


def test_training_starts_from_unconnected_tasks():
    model = fit(make_model(correlation_layers=(8,)), 0)
    outputs = model.fitted.members.network(model.data.X)
    assert torch.equal(model.fitted.layer(outputs), outputs)


def test_rows_that_a_restart_is_not_given_play_no_part():
    # With one restart and few steps, some targets have no say at all.
    influential = 0
    plain = fit(make_model(num_restarts=1, outcome_transform=None), 3, sample_fraction=0.5)
    expected = [p.clone() for p in plain.parameters()]
    for row in range(20):
        model = make_model(num_restarts=1, outcome_transform=None)
        Y = model.train_Y.clone()
        Y[row, 0] += 1.0
        changed = MultiRBFCorrelationModel(
            model.train_X, Y, num_restarts=1, num_centers=6, outcome_transform=None
        )
        found = fit(changed, 3, sample_fraction=0.5).parameters()
        same = all(torch.equal(p, q) for p, q in zip(found, expected, strict=True))
        influential += not same
    assert influential == 10


@pytest.mark.parametrize("count", [0, 1, 8])
def test_masked_tasks(count):
    X = rand(20, 2)
    Y = torch.stack([X.sum(-1), X[:, 0] * X[:, 1]], dim=-1)
    Y[count:, 1] = NAN
    model = MultiRBFCorrelationModel(X, Y, num_restarts=3, num_centers=6, missing="mask")
    fit(model, 5, sample_fraction=0.7)
    posterior = model.posterior(rand(5, 2, seed=3), observation_noise=True)
    assert posterior.mean.isfinite().all()
    assert posterior.variance.isfinite().all()


@pytest.mark.parametrize("model_class", [MultiRBFCorrelationModel, SingleRBFModel])
@pytest.mark.parametrize("num_restarts", [1, 3])
def test_fit_is_sound_with_few_rows_and_restarts(model_class, num_restarts):
    X = rand(2, 2)
    model = model_class(X, X.sum(-1, keepdim=True), num_restarts=num_restarts)
    posterior = fit(model, 5, sample_fraction=0.7).posterior(rand(5, 2), observation_noise=True)
    assert posterior.mean.isfinite().all()
    assert posterior.variance.isfinite().all()


def test_trained_model_predicts():
    model = fit(make_model(), 300, sample_fraction=0.7)
    at = rand(100, 2, seed=3)
    truth = torch.sin(4 * at[:, 0]) + at[:, 1]
    error = (model.posterior(at).mean[:, 0] - truth).square().mean().sqrt()
    assert error < 0.5 * truth.std()


def test_callback_sees_the_model_before_and_after_every_step():
    seen = []

    def record(step, model):
        seen.append((step, model.fitted.members.network.weight.detach().clone()))

    model = fit(make_model(), 3, callback=record)
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    for step, weight in seen:
        assert torch.equal(weight, fit(make_model(), step).fitted.members.network.weight)
    assert torch.equal(model.fitted.members.network.weight, seen[-1][1])


def test_centers_start_from_the_rows_of_their_restart():
    model = fit(make_model(num_centers=20), 0, sample_fraction=0.5)
    bags, X = model.fitted.members.bags[:, 0], model.data.X
    for own, centers in zip(bags, model.fitted.members.network.centers[:, 0], strict=True):
        # As many as the restart has rows: each of these is one.
        assert own.sum() == len(centers) == 10
        assert torch.cdist(X[own], centers).amin(1).max() < 1e-7


def test_a_fit_that_is_broken_off_leaves_the_model_as_it_was():
    def stop(step, model):
        if step == 2:
            raise KeyboardInterrupt

    model, at = make_model(), rand(5, 2, seed=3)
    with pytest.raises(KeyboardInterrupt):
        fit(model, 5, callback=stop)
    assert not model.is_fitted
    before = fit_rbf_ensemble(model).posterior(at).mean
    with pytest.raises(KeyboardInterrupt):
        fit(model, 5, callback=stop)
    assert torch.equal(model.posterior(at).mean, before)


@pytest.mark.parametrize("count", [20, 5], ids=["complete", "few rows of one task"])
def test_a_shared_hidden_layer_is_trained_as_one(count):
    # The same network written with one set of centers and widths for both tasks.
    def start():
        complete = make_model()
        Y = complete.train_Y.clone()
        Y[count:, 1] = NAN
        options = {"num_restarts": 3, "num_centers": 6, "correlation_layers": None}
        return MultiRBFCorrelationModel(complete.train_X, Y, missing="mask", **options)

    model = fit(start(), 0)
    X, Y, observed = model.data.X, model.data.Y, model.data.observed
    network = model.fitted.members.network
    centers = network.centers[:, :1].detach().clone().requires_grad_(True)
    scale = network.log_length_scale[:, :1].detach().clone().requires_grad_(True)
    weight = network.weight.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([centers, scale, weight], lr=0.02)
    for _ in range(20):
        z = (X.unsqueeze(-2) - centers.unsqueeze(-3)) / scale.exp()[..., None, None, :]
        tail = torch.cat([torch.ones(20, 1), 2 * X - 1, (2 * X - 1).square()], dim=-1)
        phi = torch.cat([(-0.5 * z.square().sum(-1)).exp(), tail.expand(3, 1, 20, 5)], dim=-1)
        outputs = torch.einsum("sonp,stp->snt", phi, weight)
        optimizer.zero_grad()
        error = (Y - outputs).where(observed, 0.0).square()
        (error.sum(1) / observed.sum(0)).sum().backward()
        optimizer.step()
    shared = fit(start(), 20, share_hidden_layer=True).fitted.members.network
    torch.testing.assert_close(shared.centers, centers.detach().expand(-1, 2, -1, -1))
    torch.testing.assert_close(shared.log_length_scale, scale.detach().expand(-1, 2, -1))
    torch.testing.assert_close(shared.weight, weight.detach())
    own = fit(start(), 20).fitted.members.network
    assert not torch.allclose(own.centers[:, 0], own.centers[:, 1])


def noisy_model(num_restarts: int = 8):
    """Sixty observations of two tasks whose noise has ten times the variance of the signal."""
    X = rand(60, 2)
    noise = torch.randn(60, 2, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    signal = torch.stack([X[:, 0], X[:, 1]], dim=-1)
    return MultiRBFCorrelationModel(X, signal + noise, num_restarts=num_restarts, num_centers=20)


@pytest.mark.filterwarnings("error")
def test_intervals_and_noise_are_those_of_rows_not_seen():
    model = fit(noisy_model(), 300, sample_fraction=0.8)
    assert (model.noise > 0.3).all()
    at = rand(500, 2, seed=3)
    noise = torch.randn(500, 2, generator=torch.Generator().manual_seed(2), dtype=torch.double)
    posterior = model.posterior(at, observation_noise=True)
    z = (at + noise - posterior.mean) / posterior.variance.sqrt()
    assert (z.abs() < 1.96).double().mean() > 0.88
    left_out = model.loo()
    seen = ((~model.fitted.members.bags).sum(0) < 2).T
    assert torch.equal(left_out.mean.isnan(), seen[model._row.view(60, 2)[:, 0]])
    error = (left_out.mean - model.train_Y).square()
    assert (error.nanmean(0) > 0.7).all()


def test_one_restart_alone_goes_by_the_rows_that_it_has_not_seen():
    model = fit(noisy_model(num_restarts=1), 10, sample_fraction=0.8)
    seen = model.fitted.members.bags[0].T
    assert torch.equal(model.loo().mean.isnan(), seen[model._row.view(60, 2)[:, 0]])


def test_without_rows_not_seen_there_is_a_warning_and_the_usual_noise():
    model = noisy_model()
    with pytest.warns(InputDataWarning, match=r"got none of tasks \[0, 1\]") as warned:
        fit(model, 100, sample_fraction=1.0)
    assert warned[0].filename == __file__
    torch.testing.assert_close(model.noise, torch.ones(2).double())
    torch.testing.assert_close(model.fitted.inflation, torch.ones(2).double())
    assert model.loo().mean.isnan().all()


def test_tasks_without_rows_not_seen_have_the_names_that_users_gave_them():
    X = rand(12, 2)
    long_X = torch.cat([X, torch.tensor([[3.0], [7.0]]).double().repeat(6, 1)], dim=-1)
    model = SingleRBFModel(long_X, X[:, :1], task_feature=2, num_restarts=3, num_centers=4)
    with pytest.warns(InputDataWarning, match=r"got none of tasks \[3, 7\]"):
        fit(model, 1)

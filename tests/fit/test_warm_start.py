"""Starting from a model fitted before."""

import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models import SingleTaskGP

from botorch_cll.fit import GradientOptions, TwoStageOptions, fit_rbf_ensemble, search
from botorch_cll.fit.hidden_settings import known_settings
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)

from support.ensembles import EVERY_MODEL, fit, fitted, moments, rand, tasks


def model_of(make=MultiRBFCorrelationModel, n: int = 20, num_tasks: int = 2, **options):
    X = rand(n, 2)
    return make(X, tasks(X, num_tasks), **{"num_restarts": 6, "num_centers": 10, **options})


@pytest.fixture
def scored(monkeypatch):
    """The batches of settings that a search scores."""
    batches = []

    score = search.score_settings

    def score_settings(coupling, X, blocks, settings, centers):
        batches.append(settings)
        return score(coupling, X, blocks, settings, centers)

    monkeypatch.setattr(search, "score_settings", score_settings)
    return batches


def settings_of(previous, model):
    """The settings of a fitted model, as another one would have them."""
    return known_settings(previous.state_dict(), model.input_scale, model.coupling.num_ridges)


@EVERY_MODEL
@pytest.mark.parametrize("given", ["model", "state"])
def test_known_settings_are_tried_and_fewer_new_ones(make, given, scored):
    previous = fit_rbf_ensemble(model_of(make))
    cold = sum(len(batch) for batch in scored)
    scored.clear()
    start = previous if given == "model" else previous.state_dict()
    fit_rbf_ensemble(model_of(make, n=25), warm_start=start)
    # 24 at random and 24 near good ones, in place of 96 and six rounds of 24; and the known ones.
    assert cold == 240
    assert sum(len(batch) for batch in scored) == 48 + len(settings_of(previous, previous))
    known = settings_of(previous, model_of(make, n=25))
    tried = torch.cat([batch.log_length_scale.flatten(0, -2) for batch in scored])
    for log_scale in known.log_length_scale.flatten(0, -2):
        assert (tried - log_scale).abs().sum(-1).min() < 1e-12


def test_known_settings_are_those_of_the_members_once_each():
    X = rand(40, 2)
    Y = torch.stack([(6 * X[:, 0]).sin() + (5 * X[:, 1]).cos(), (6 * X[:, 0]).sin()], dim=-1)
    previous = fit(MultiRBFCorrelationModel, X, Y, num_restarts=16)
    network = previous.fitted.members.network
    assert network.additive.any()
    known = settings_of(previous, MultiRBFCorrelationModel(X, Y))
    members = previous.fitted.members

    def rows(log_scale, *rest) -> list[tuple[float, ...]]:
        columns = [log_scale, *(values.unsqueeze(-1).to(log_scale) for values in rest)]
        return [tuple(row) for row in torch.cat(columns, dim=-1).flatten(0, 1).tolist()]

    log_ridge = members.log_ridge.squeeze(-1)
    of = rows(network.log_length_scale, log_ridge, members.tail_degree, network.additive)
    found = rows(known.log_length_scale, known.log_ridge.squeeze(-1), known.tail, known.additive)
    assert sorted(found) == sorted(set(of))
    assert len(found) < len(of)


def test_settings_keep_their_meaning_in_another_box():
    X = rand(20, 2)
    previous = fit(MultiRBFCorrelationModel, X, tasks(X))
    stretch = torch.tensor([4.0, 0.5], dtype=torch.double)
    corners = torch.stack([X.amin(0), X.amin(0) + stretch * (X.amax(0) - X.amin(0))])
    X_new = torch.cat([X[:1] * 0 + X.amin(0), corners[1:], X.amin(0) + 0.1 * rand(5, 2)])
    model = MultiRBFCorrelationModel(X_new, tasks(X_new))
    torch.testing.assert_close(model.input_scale, stretch * previous.input_scale)
    natural = previous.fitted.members.network.log_length_scale.exp() * previous.input_scale
    found = settings_of(previous, model).log_length_scale.exp().squeeze(1) * model.input_scale
    for scale in natural.flatten(0, 1):
        assert (found - scale).abs().sum(-1).min() < 1e-9


def test_other_numbers_of_restarts_tasks_and_centers_do():
    previous = fit_rbf_ensemble(model_of(num_tasks=3))
    model = model_of(num_restarts=4, num_centers=5)
    fit_rbf_ensemble(model, warm_start=previous)
    assert model.posterior(rand(5, 2)).mean.isfinite().all()


def test_same_start_same_bits_and_the_start_is_left_alone():
    previous = fit_rbf_ensemble(model_of())
    at = rand(5, 2, seed=4)
    before = moments(previous, at)
    first, second = (
        moments(fit_rbf_ensemble(model_of(n=25), warm_start=previous), at) for _ in range(2)
    )
    assert torch.equal(first, second)
    assert torch.equal(moments(previous, at), before)


def test_accuracy_is_that_of_a_cold_start():
    X, at = rand(60, 2), rand(300, 2, seed=4)
    previous = fit(MultiRBFCorrelationModel, X[:50], tasks(X[:50]), num_restarts=24)
    errors = []
    for start in (None, previous):
        model = MultiRBFCorrelationModel(X, tasks(X), num_restarts=24)
        fit_rbf_ensemble(model, warm_start=start)
        errors.append((model.posterior(at).mean - tasks(at)).square().mean(0).sqrt())
    assert (errors[1] < 2 * errors[0]).all()


@pytest.mark.parametrize(("num_initial", "expected"), [(1, 1), (4, 2 + 1), (8, 4 + 2)])
def test_a_small_search_stays_small(num_initial, expected, scored):
    previous = fit_rbf_ensemble(model_of())
    assert len(settings_of(previous, previous)) > 4
    scored.clear()
    options = TwoStageOptions(num_initial=num_initial, num_candidates=1, num_rounds=0)
    fit_rbf_ensemble(model_of(), options=options, warm_start=previous)
    # Half as many known settings at most, and a quarter as many new ones.
    assert sum(len(batch) for batch in scored) == expected


def test_which_known_settings_a_small_search_tries_is_drawn(scored):
    previous = fit_rbf_ensemble(model_of())
    options = TwoStageOptions(num_initial=4, num_candidates=1, num_rounds=0)
    tried = set()
    for seed in range(4):
        scored.clear()
        fit_rbf_ensemble(model_of(seed=seed), options=options, warm_start=previous)
        tried |= {tuple(scale) for scale in scored[0].log_length_scale[:2, 0].tolist()}
    assert len(tried) > 2


def without(state, name):
    return {key: value for key, value in state.items() if not key.endswith(name)}


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda: model_of(), "is not fitted"),
        (lambda: {"network.centers": rand(2)}, "without .*log_length_scale"),
        (lambda: {"input_scale": rand(2)}, "without .*log_length_scale"),
        (lambda: without(fitted("single").state_dict(), "log_ridge"), r"without \[.*log_ridge'\]"),
        (
            lambda: fit(MultiRBFCorrelationModel, rand(9, 3), rand(9, 2)),
            r"= \(2, 1\), got \(3, 1\)",
        ),
        (lambda: fit_rbf_ensemble(model_of(RegularizedMultiTaskRBFModel)), r"got \(2, 2\)"),
        (lambda: SingleTaskGP(rand(9, 2), rand(9, 1)), "or its state_dict, got SingleTaskGP"),
        (
            lambda: fitted("single").condition_on_observations(rand(1, 2), rand(1, 2)),
            "warm_start=the model before it was conditioned",
        ),
    ],
    ids=[
        "not fitted",
        "no state",
        "another state",
        "part of a state",
        "dimension",
        "ridges",
        "another model",
        "conditioned",
    ],
)
def test_what_is_no_start_is_refused(start, message):
    with pytest.raises(UnsupportedError, match=message):
        fit_rbf_ensemble(model_of(SingleRBFModel), warm_start=start())


def test_the_gradient_fit_has_none():
    previous = fit_rbf_ensemble(model_of())
    with pytest.raises(UnsupportedError, match="no warm_start for method 'gradient'"):
        fit_rbf_ensemble(model_of(), "gradient", GradientOptions(num_steps=1), previous)

"""What Ax shows of an experiment: analysis cards, cross-validation, best points."""

from functools import partial

import numpy as np
import pytest
import torch
from ax.adapter.cross_validation import cross_validate
from ax.core.analysis_card import ErrorAnalysisCard
from ax.utils.sensitivity.sobol_measures import ax_parameter_sens

from botorch_cll.ax import models
from botorch_cll.fit import fit_rbf_ensemble

from support.ax_loops import make_client, only, real_parameters, run, tasks


@pytest.fixture
def fits(monkeypatch):
    """The models that Ax had fitted, in a list that grows."""
    fitted = []

    def fit(model):
        fitted.append(model)
        return fit_rbf_ensemble(model)

    monkeypatch.setattr(models, "fit_rbf_ensemble", fit)
    return fitted


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    """Sensitivities by few points: at as many as Ax takes, a GP needs 20 seconds for them."""
    few = partial(ax_parameter_sens, num_mc_samples=100)
    monkeypatch.setattr("ax.analysis.plotly.sensitivity.ax_parameter_sens", few)


@pytest.mark.parametrize(
    ("surrogate", "objective", "constraints", "per_task"),
    [
        ("multi_rbf", "-a", None, False),
        ("multi_rbf", "-a", ["b <= 30"], False),
        ("multi_rbf", "-a, -b", ["a <= 60", "b <= 60"], False),
        ("multi_rbf", "-a, -b", None, True),
        ("rmla", "-a, -b", None, False),
        ("single_rbf", "-a", None, False),
        ("multi_task_gp", "-a", None, False),
    ],
)
def test_no_card_is_an_error(surrogate, objective, constraints, per_task):
    client = make_client(
        objective,
        constraints=constraints,
        surrogate=surrogate,
        per_task=per_task,
        model_options={},
    )
    run(client, only("a") if surrogate == "multi_task_gp" else only("a", "b"), 6)
    cards = [card for top in client.compute_analyses(display=False) for card in top.flatten()]
    errors = [card.blob for card in cards if isinstance(card, ErrorAnalysisCard)]
    assert not errors, errors[0]
    kinds = {card.name for card in cards}
    assert {
        "ArmEffectsPlot",
        "CrossValidationPlot",
        "ContourPlot",
        "SensitivityAnalysisPlot",
        "SlicePlot",
        "Summary",
    } <= kinds


def test_each_fold_is_fitted_once(fits):
    client = make_client("-a")
    run(client, only("a", "b"), 6)
    client._generation_strategy.fit(client._experiment)
    fits.clear()
    first = client.get_best_parameterization()
    assert len(fits) == 6
    assert all(len(model.train_X) == 5 for model in fits)
    # By their text: an observation's unknown error is NaN, which equals nothing.
    assert str(client.get_best_parameterization()) == str(first)
    client.compute_analyses(display=False)
    assert len(fits) == 6
    client.attach_trial({"x0": 1.0, "x1": 1.0})
    client.complete_trial(6, raw_data={"a": 5.0, "b": 3.0})
    client.get_next_trials(max_trials=1)
    client.get_best_parameterization()
    assert len(fits) == 6 + 1 + 7


def test_cross_validation_is_honest():
    # Of pure noise nothing can be predicted: errors are at least as large as the noise.
    noise = torch.randn(40, generator=torch.Generator().manual_seed(0)).tolist()
    client = make_client("-a", parameters=real_parameters(2), num_sobol=40, model_options={})
    while len(client._experiment.trials) < 40:
        for index in client.get_next_trials(max_trials=1):
            client.complete_trial(trial_index=index, raw_data={"a": noise[index]})
    adapter = client._generation_strategy.fit(client._experiment)
    results = cross_validate(adapter, use_posterior_predictive=True)
    observed = np.array([result.observed.data.means[0] for result in results])
    predicted = np.array([result.predicted.means[0] for result in results])
    variance = np.array([result.predicted.covariance[0, 0] for result in results])
    error = np.square(observed - predicted).mean()
    assert error > np.var(observed)
    # And the model says so.
    assert 0.5 < (np.square(observed - predicted) / variance).mean() < 2.0


def test_predictions_are_in_natural_units():
    client = make_client("-a", model_options={}, num_sobol=24)
    run(client, tasks, 24)
    client._generation_strategy.fit(client._experiment)
    (prediction,) = client.predict([{"x0": 4.0, "x1": 2.0}])
    for name, value in tasks({"x0": 4.0, "x1": 2.0}).items():
        mean, sem = prediction[name]
        assert abs(mean - value) < max(3.0 * sem, 3.0), name
    parameters, values, _, _ = client.get_best_parameterization()
    assert values["a"][0] == pytest.approx(tasks(parameters)["a"], abs=5.0)

"""Every task has its own optimum."""

import pytest
from ax.exceptions.core import UserInputError

from botorch_cll.ax import best_by_task, models
from botorch_cll.ax.per_task import task_configs
from botorch_cll.fit import fit_rbf_ensemble

from support.ax_loops import FEW_SWARMS, make_client, run, tasks


def task_of(client):
    return [
        trial.generator_runs[0].gen_metadata.get("task")
        for trial in client._experiment.trials.values()
    ]


def test_one_trial_per_task_from_one_fit(monkeypatch):
    fits = []
    monkeypatch.setattr(
        models, "fit_rbf_ensemble", lambda model: fits.append(1) or fit_rbf_ensemble(model)
    )
    client = make_client("-a, -b, -c", per_task=True)
    run(client, tasks, 4)
    assert len(client.get_next_trials(max_trials=3)) == 3
    assert len(fits) == 1
    assert task_of(client)[4:] == ["a", "b", "c"]


def test_the_optima_of_all_tasks_are_found():
    client = make_client(
        "-a, -b, -c", per_task=True, num_sobol=8, model_options={}, optimizer_options=FEW_SWARMS
    )
    run(client, tasks, 8)
    run(client, tasks, 20, at_once=3)
    assert task_of(client)[8:] == ["a", "b", "c"] * 4
    optima = best_by_task(client)
    assert list(optima) == ["a", "b", "c"]
    values = client.summarize().set_index("trial_index")
    for task, optimum in optima.items():
        assert optimum.observed.values[task][0] == values[task].min() < 1.0
        assert optimum.observed.arm_name == f"{optimum.observed.trial_index}_0"
        assert tasks(optimum.observed.parameters)[task] == values[task].min()
        assert tasks(optimum.predicted.parameters)[task] < 3.0
        assert optimum.predicted.values[task][1] > 0
        assert set(optimum.predicted.values) == {"a", "b", "c"}


def test_directions_are_those_of_the_objectives():
    client = make_client("-a, b", per_task=True, num_sobol=6)
    run(client, lambda at: {"a": tasks(at)["a"], "b": -tasks(at)["b"]}, 8)
    optima = best_by_task(client)
    values = client.summarize()
    assert optima["a"].observed.values["a"][0] == values["a"].min()
    assert optima["b"].observed.values["b"][0] == values["b"].max()


def test_outcome_constraints_hold_for_every_task():
    client = make_client("-a, -b", constraints=["c <= 60"], per_task=True, num_sobol=6)
    run(client, tasks, 12, at_once=2)
    for optimum in best_by_task(client).values():
        assert optimum.observed.values["c"][0] <= 60


def test_before_there_is_a_model():
    client = make_client("-a, -b", per_task=True)
    (optimum, _) = best_by_task(client).values()
    assert (optimum.observed, optimum.predicted) == (None, None)
    run(client, tasks, 2)
    (optimum, _) = best_by_task(client).values()
    assert optimum.observed is not None
    assert optimum.predicted is None


def test_other_objectives_are_refused():
    client = make_client("-a - b", per_task=True)
    run(client, tasks, 4)
    with pytest.raises(UserInputError, match="one objective per task, .* the weighted sum"):
        client.get_next_trials(max_trials=1)
    with pytest.raises(UserInputError, match="one objective per task"):
        best_by_task(client)


def test_a_single_task_is_no_special_case():
    client = make_client("-a", per_task=True)
    assert list(task_configs(client._experiment)) == ["a"]
    run(client, tasks, 6)
    assert best_by_task(client)["a"].observed.parameters


def test_missing_observations_of_a_task():
    client = make_client("-a, -b", per_task=True)
    run(client, tasks, 4)
    for index, parameters in client.get_next_trials(max_trials=2).items():
        client.attach_data(trial_index=index, raw_data={"a": tasks(parameters)["a"]})
        client._experiment.trials[index].mark_completed()
    run(client, tasks, 8)
    assert all(optimum.observed is not None for optimum in best_by_task(client).values())

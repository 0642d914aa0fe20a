"""The settings of a generation strategy."""

import pytest
from botorch.exceptions.errors import UnsupportedError

from botorch_cll.ax import make_generation_strategy

from support.ax_loops import SURROGATES, make_client, tasks


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"surrogate": "gp"}, r"surrogate in \['multi_rbf', .*\], got 'gp'"),
        ({"acquisition": "ucb"}, r"acquisition in \('log_ei', 'log_nei'\), got 'ucb'"),
        ({"num_sobol": 2}, "num_sobol as an integer of at least 3, got 2"),
        ({"num_sobol": 5.5}, "num_sobol as an integer of at least 3, got 5.5"),
        ({"model_options": {"depth": 3}}, r"model_options among \['activation', .*got \['depth'\]"),
        ({"model_options": {"seed": 3}}, r"model_options among .*got \['seed'\]"),
        ({"optimizer_options": {"q": 3}}, r"optimizer_options among \['num_restarts', .*\['q'\]"),
        ({"target_task": "wine"}, "the task parameter and its value, .* got 'wine'"),
        ({"per_task": True, "auxiliary_sources": True}, "one of per_task, target_task and"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_what_has_no_meaning_is_refused(settings, message):
    with pytest.raises(UnsupportedError, match=message):
        make_generation_strategy(**settings)


@pytest.mark.usefixtures("rough_gps")
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_the_seed_decides(surrogate):
    first, same, other = (
        make_client("-a", surrogate=surrogate, seed=seed, num_sobol=3) for seed in (3, 3, 4)
    )
    for client in (first, same, other):
        for x, y in ((-4.0, 3.0), (1.0, -2.0), (7.0, 8.0), (3.0, 1.0)):
            index = client.attach_trial({"x0": x, "x1": y})
            client.complete_trial(index, raw_data=tasks({"x0": x, "x1": y}))
    # Of the same data.
    candidates = [client.get_next_trials(max_trials=1) for client in (first, same, other)]
    assert candidates[0] == candidates[1]
    assert candidates[0] != candidates[2]


def test_the_design_goes_on_until_enough_is_known():
    client = make_client("-a", num_sobol=4)
    trials = client.get_next_trials(max_trials=6)
    assert len(trials) == 6
    for index, parameters in list(trials.items())[:3]:
        client.complete_trial(trial_index=index, raw_data=tasks(parameters))
    (index,) = client.get_next_trials(max_trials=1)
    assert client._experiment.trials[index].generator_runs[0]._generation_node_name == "multi_rbf"

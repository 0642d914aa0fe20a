"""Tasks that are the values of a parameter, or other experiments."""

import pytest
from ax.api.client import Client
from ax.core.auxiliary import AuxiliaryExperimentPurpose
from ax.core.auxiliary_source import AuxiliarySource
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.observation import ObservationFeatures
from ax.core.optimization_config import OptimizationConfig
from ax.core.parameter import ChoiceParameter, ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.exceptions.core import UserInputError
from botorch.exceptions.errors import UnsupportedError

from botorch_cll.ax import save_client
from botorch_cll.models.ensemble import RBFEnsembleModel

from support.ax_loops import SURROGATES, make_client, nodes, run, strategy

pytestmark = pytest.mark.usefixtures("rough_gps")

REAL = [
    RangeParameter(name=f"x{i}", parameter_type=ParameterType.FLOAT, lower=-5.0, upper=10.0)
    for i in range(2)
]
VALUES = {"string": ["iris", "wine", "digits"], "integer": [3, 5, 11]}


def loss(parameters, shift):
    x, y = parameters["x0"], parameters["x1"]
    return {"loss": round((x - 2.0 - shift) ** 2 + (y + 1.0) ** 2 + 5.0 * shift, 6)}


def long_client(kind="string", surrogate="multi_rbf", num_source=12, **options):
    values = VALUES[kind]
    task = ChoiceParameter(
        name="task",
        parameter_type=ParameterType.STRING if kind == "string" else ParameterType.INT,
        values=values,
        is_task=True,
        is_ordered=False,
        sort_values=False,
        target_value=values[1],
    )
    experiment = Experiment(
        name="long",
        search_space=SearchSpace([*REAL, task]),
        tracking_metrics=[Metric(name="loss")],
        optimization_config=OptimizationConfig(
            Objective(expression="-loss", metric_name_to_signature={"loss": "loss"})
        ),
    )
    client = Client()
    client.set_experiment(experiment)
    client.set_generation_strategy(
        strategy(surrogate, target_task={"task": values[1]}, num_sobol=3, **options)
    )
    for shift, value in ((0.4, values[0]), (-0.4, values[2])):
        for i in range(num_source):
            x = {"x0": -5.0 + 15.0 * i / 11, "x1": -5.0 + (7 * i % 12) * 15.0 / 11}
            index = client.attach_trial({**x, "task": value})
            client.complete_trial(trial_index=index, raw_data=loss(x, shift))
    return client


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("surrogate", ["multi_rbf", "rmla"])
def test_candidates_are_for_the_target(kind, surrogate, tmp_path):
    client = long_client(kind, surrogate)
    run(client, lambda parameters: loss(parameters, 0.0), 29)
    assert nodes(client)[-1] == surrogate
    proposed = list(client._experiment.trials.values())[24:]
    assert {trial.arm.parameters["task"] for trial in proposed} == {VALUES[kind][1]}
    save_client(client, tmp_path / "snapshot.json")
    loaded = Client.load_from_json_file(str(tmp_path / "snapshot.json"))
    assert client.get_next_trials(max_trials=2) == loaded.get_next_trials(max_trials=2)
    model = client._generation_strategy.adapter.botorch_model
    assert isinstance(model, RBFEnsembleModel)
    assert (model.num_tasks, model.output_tasks) == (3, [1])


def test_another_task_is_the_target_if_asked_for():
    client = long_client(num_source=6)
    run(client, lambda parameters: loss(parameters, 0.0), 16)
    fixed = ObservationFeatures(parameters={"task": "iris"})
    strategy = client._generation_strategy
    ((generated,),) = strategy.gen(experiment=client._experiment, fixed_features=fixed)
    assert generated.arms[0].parameters["task"] == "iris"


@pytest.mark.parametrize("surrogate", ["single_rbf", "multi_task_gp"])
def test_every_surrogate_takes_a_task_parameter(surrogate):
    client = long_client(surrogate=surrogate, num_source=3)
    run(client, lambda parameters: loss(parameters, 0.0), 10)
    assert nodes(client)[-1] == surrogate


def test_other_tasks_help():
    client = long_client(optimizer_options={}, model_options={})
    run(client, lambda parameters: loss(parameters, 0.0), 32)
    losses = client.summarize()["loss"].tolist()[27:]
    # Three points of its own do not tell where the minimum is.
    assert min(losses) < 0.5


def test_the_incumbent_is_one_of_the_target():
    client = long_client(num_source=6)
    run(client, lambda parameters: loss(parameters, 0.0), 16)
    client.get_next_trials(max_trials=1)
    trials = client.summarize().dropna(subset="loss").set_index("task")["loss"]
    own = trials["wine"]
    # The model sees every task standardized by itself, and less of a loss as more.
    expected = (own.mean() - own.min()) / own.std()
    best_f = client._generation_strategy.adapter.generator._acquisition.acqf.best_f
    assert float(best_f) == pytest.approx(expected)
    others = trials["iris"]
    assert (others.mean() - others.min()) / others.std() > expected + 0.1


def test_predictions_of_the_target():
    client = long_client(optimizer_options={}, model_options={})
    run(client, lambda parameters: loss(parameters, 0.0), 34)
    client._generation_strategy.fit(client._experiment)
    at = {"x0": 4.0, "x1": 2.0}
    (prediction,) = client.predict([{**at, "task": "wine"}])
    mean, sem = prediction["loss"]
    assert abs(mean - loss(at, 0.0)["loss"]) < max(3.0 * sem, 5.0)


def test_several_metrics_with_a_task_parameter_are_refused():
    client = long_client()
    run(client, lambda parameters: loss(parameters, 0.0), 27)
    for trial in range(27):
        client.attach_data(trial_index=trial, raw_data={"other": 1.0 * trial})
    with pytest.raises(UnsupportedError, match=r"single metric .* got \['loss', 'other'\]"):
        client.get_next_trials(max_trials=1)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_auxiliary_experiments(surrogate):
    source = make_client("-loss", num_sobol=12)
    run(source, lambda parameters: loss(parameters, 0.4), 12)
    source._experiment._name = "source"
    client = make_client(
        "-loss", surrogate=surrogate, auxiliary_sources=True, num_sobol=3, model_options={}
    )
    client._experiment.auxiliary_experiments_by_purpose = {
        AuxiliaryExperimentPurpose.TRANSFERABLE_EXPERIMENT: [
            AuxiliarySource(experiment=source._experiment)
        ]
    }
    run(client, lambda parameters: loss(parameters, 0.0), 5)
    assert nodes(client)[-1] == surrogate
    model = client._generation_strategy.adapter.botorch_model
    assert model.num_outputs == 1
    assert model.num_tasks == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"data_set": "wine"}, r"is_task=True, got 'data_set': the experiment has \['task'\]"),
        ({"x0": 1.0}, r"is_task=True, got 'x0'"),
        ({"task": "mnist"}, r"values \['iris', 'wine', 'digits'\] of 'task', got 'mnist'"),
    ],
    ids=["absent", "no-task", "no-value"],
)
def test_the_target_is_a_value_of_the_task_parameter(target, message):
    client = long_client(num_source=0)
    client.set_generation_strategy(strategy(target_task=target))
    with pytest.raises(UserInputError, match=message):
        client.get_next_trials(max_trials=1)


def test_a_target_needs_a_task_parameter():
    client = make_client("-a", target_task={"data_set": "wine"})
    with pytest.raises(UserInputError, match="got 'data_set': the experiment has none"):
        client.get_next_trials(max_trials=1)

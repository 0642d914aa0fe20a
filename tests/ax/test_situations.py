"""Whatever experiment Ax has, the strategies propose admissible trials by the model."""

import math

import pytest
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.arm import Arm

from botorch_cll.ax.surrogate_node import tried_without_value

from support.ax_loops import (
    FEW_SWARMS,
    SURROGATES,
    make_client,
    nodes,
    only,
    real_parameters,
    run,
    tasks,
)

pytestmark = pytest.mark.usefixtures("rough_gps")

EVERY_SURROGATE = pytest.mark.parametrize("surrogate", SURROGATES)
NUM_TRIALS = 5
ORIGIN = {"x0": 2.0, "x1": -1.0}


def check_all_from_model(client: Client) -> None:
    """The trials after the design come from the model, and none from Ax's fallback."""
    trials = client._experiment.trials.values()
    assert nodes(client)[-1] == client._generation_strategy.current_node_name != "Sobol"
    keys = {trial.generator_runs[0]._generator_key for trial in trials}
    assert keys - {None} == {"Sobol", "BoTorch"}  # None: attached by hand


@EVERY_SURROGATE
@pytest.mark.parametrize(
    ("objective", "metrics", "constraints"),
    [
        ("-a", "a", None),
        ("-a - 0.5 * b", "ab", None),
        ("-a, -b", "ab", None),
        ("-a, -b", "ab", ["a <= 100", "b <= 100"]),
        ("-a", "ab", ["b <= 30"]),
        ("-a", "ab", ["b <= -1"]),
    ],
    ids=["single", "scalarized", "multi", "thresholds", "constraint", "infeasible"],
)
def test_objectives(surrogate, objective, metrics, constraints):
    client = make_client(objective, constraints=constraints, surrogate=surrogate)
    run(client, only(*metrics), NUM_TRIALS)
    check_all_from_model(client)
    assert set(client.predict([ORIGIN])[0]) == set(metrics)
    assert len(client.summarize()) == NUM_TRIALS
    if constraints == ["b <= -1"]:
        return
    if "," in objective:
        assert client.get_pareto_frontier()
    else:
        assert client.get_best_parameterization()[2] in range(NUM_TRIALS)


def test_five_objectives():
    def evaluate(parameters):
        values = tasks(parameters)
        return {**values, "d": values["a"] + values["b"], "e": values["b"] - values["c"]}

    client = make_client("-a, -b, -c, -d, -e")
    run(client, evaluate, 6)
    check_all_from_model(client)


def test_a_constraint_is_learned():
    # The optimum of a, (2, -1), is not feasible: b is 25 there.
    client = make_client(
        "-a", constraints=["b <= 9"], optimizer_options=FEW_SWARMS, model_options={}
    )
    run(client, only("a", "b"), 16)
    parameters, values, _, _ = client.get_best_parameterization(use_model_predictions=False)
    assert values["b"][0] <= 9
    # On the line between both optima, at a distance of 3 from that of b, a is 4.
    assert tasks(parameters)["a"] < 6.5


def test_parameter_constraints_hold():
    constraint = ["x0 + x1 <= 0.0"]
    client = make_client("-b", parameter_constraints=constraint, optimizer_options=FEW_SWARMS)
    run(client, only("b"), 9)
    check_all_from_model(client)
    for trial in client._experiment.trials.values():
        assert trial.arm.parameters["x0"] + trial.arm.parameters["x1"] <= 1e-6
    parameters, *_ = client.get_best_parameterization(use_model_predictions=False)
    # The best admissible point is (1, -1), where b is 32.
    assert tasks(parameters)["b"] < 36


MIXED = {
    "rate": RangeParameterConfig(
        name="rate", parameter_type="float", bounds=(1e-4, 1.0), scaling="log"
    ),
    "depth": RangeParameterConfig(name="depth", parameter_type="int", bounds=(1, 9)),
    "width": RangeParameterConfig(
        name="width", parameter_type="int", bounds=(8, 512), scaling="log"
    ),
    "size": ChoiceParameterConfig(
        name="size", parameter_type="float", values=[0.1, 0.5, 2.0], is_ordered=True
    ),
    "kind": ChoiceParameterConfig(
        name="kind", parameter_type="str", values=["p", "q", "r"], is_ordered=False
    ),
    "flag": ChoiceParameterConfig(
        name="flag", parameter_type="bool", values=[False, True], is_ordered=False
    ),
    "step": RangeParameterConfig(
        name="step", parameter_type="float", bounds=(0.0, 1.0), step_size=0.25
    ),
}
BEST = {"depth": 4, "size": 0.5, "kind": "q", "flag": True, "rate": 0.01, "width": 64, "step": 0.5}


def mixed_loss(parameters):
    loss = 0.0
    for name, value in parameters.items():
        if name in ("kind", "flag"):
            loss += float(value != BEST[name])
        elif name in ("rate", "width"):
            loss += math.log10(value / BEST[name]) ** 2
        else:
            loss += (value - BEST[name]) ** 2
    return {"loss": loss, "other": loss * 0.5}


@pytest.mark.parametrize(
    "names",
    [
        ("rate", "depth"),
        ("rate", "width"),
        ("rate", "size"),
        ("rate", "kind"),
        ("flag", "kind"),
        ("depth", "size"),
        ("step", "depth"),
        tuple(MIXED),
    ],
    ids=lambda names: "-".join(names) if len(names) < 3 else "all",
)
def test_kinds_of_parameters(names):
    parameters = [MIXED[name] for name in names]
    client = make_client("-loss", parameters=parameters, num_sobol=3)
    run(client, mixed_loss, 5)
    check_all_from_model(client)
    arms = [trial.arm.signature for trial in client._experiment.trials.values()]
    assert len(set(arms)) == len(arms)
    for trial in client._experiment.trials.values():
        assert client._experiment.search_space.check_membership(trial.arm.parameters)


def test_kinds_of_parameters_with_a_gp():
    client = make_client(
        "-loss", parameters=list(MIXED.values()), surrogate="multi_task_gp", num_sobol=3
    )
    run(client, mixed_loss, 4)
    check_all_from_model(client)


def test_a_mixed_optimum_is_found():
    names = ("rate", "depth", "size", "kind")
    client = make_client(
        "-loss",
        parameters=[MIXED[name] for name in names],
        num_sobol=8,
        optimizer_options=FEW_SWARMS,
        model_options={},
    )
    run(client, mixed_loss, 18)
    parameters, *_ = client.get_best_parameterization(use_model_predictions=False)
    assert mixed_loss(parameters)["loss"] < 1.0


def test_every_point_of_a_small_space_is_tried_once():
    client = make_client("-loss", parameters=[MIXED["kind"], MIXED["flag"]], num_sobol=3)
    run(client, mixed_loss, 6)
    check_all_from_model(client)
    assert len(client._experiment.arms_by_signature) == 6


@pytest.mark.parametrize(
    ("surrogate", "acquisition"),
    [(name, "log_ei") for name in SURROGATES] + [("multi_rbf", "log_nei")],
)
def test_noise_known_by_its_standard_error(surrogate, acquisition):
    def evaluate(parameters):
        values = tasks(parameters)
        # One metric with a standard error everywhere, one here and there, one exact.
        known = parameters["x0"] > 2.0
        return {
            "a": (values["a"], 1.5),
            "b": (values["b"], 0.5) if known else values["b"],
            "c": (values["c"], 0.0),
        }

    client = make_client("-a", surrogate=surrogate, acquisition=acquisition)
    run(client, evaluate, NUM_TRIALS)
    check_all_from_model(client)
    assert client.predict([ORIGIN])[0]["a"][1] > 0


@pytest.mark.parametrize(
    ("surrogate", "objective"),
    [(name, "-a") for name in SURROGATES] + [("multi_rbf", "-a, -b")],
)
def test_five_trials_in_parallel(surrogate, objective):
    client = make_client(objective, surrogate=surrogate)
    run(client, only("a", "b"), 4)
    trials = client.get_next_trials(max_trials=5)
    check_all_from_model(client)
    assert len({tuple(parameters.values()) for parameters in trials.values()}) == 5
    # Reported in another order, some of them only.
    for index in [8, 4, 6]:
        client.complete_trial(trial_index=index, raw_data=only("a", "b")(trials[index]))
    assert len(client.get_next_trials(max_trials=2)) == 2


@EVERY_SURROGATE
def test_running_failed_and_abandoned_trials(surrogate):
    client = make_client("-a", constraints=["b <= 90"], surrogate=surrogate)
    run(client, only("a", "b"), 5)
    ((running, at),) = client.get_next_trials(max_trials=1).items()
    client.attach_data(trial_index=running, raw_data={"b": tasks(at)["b"]})
    (failed,) = client.get_next_trials(max_trials=1)
    client.mark_trial_failed(failed)
    (abandoned,) = client.get_next_trials(max_trials=1)
    client.mark_trial_abandoned(abandoned)
    run(client, only("a", "b"), 10)
    check_all_from_model(client)
    arms = [trial.arm.signature for trial in client._experiment.trials.values()]
    assert len(set(arms)) == len(arms)


def no_value(client: Client, index: int) -> None:
    client.complete_trial(trial_index=index, raw_data={"a": math.nan})


ENDS = {"failed": Client.mark_trial_failed, "nan": no_value}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("per_task", [False, True], ids=["joint", "per-task"])
def test_what_came_to_nothing_is_not_proposed_again(end, per_task):
    client = make_client("-a, -b" if per_task else "-a", per_task=per_task)
    run(client, only("a", "b"), 5)
    for _ in range(4):
        (index,) = client.get_next_trials(max_trials=1)
        end(client, index)
    client.get_next_trials(max_trials=2)
    check_all_from_model(client)
    points = [trial.arm.parameters for trial in client._experiment.trials.values()]
    for i, point in enumerate(points):
        nearest = [math.dist(point.values(), other.values()) for other in points[:i]]
        assert min(nearest, default=1.0) > 0.01


def test_what_nobody_has_run_may_be_proposed_again():
    client = make_client("-a")
    trial = client._experiment.new_trial()
    trial.add_arm(Arm(parameters={"x0": 1.0, "x1": 1.0}))
    assert len(tried_without_value(client._experiment)["a"]) == 1
    trial.mark_stale()
    assert tried_without_value(client._experiment) == {"a": []}


def test_what_failed_counts_once_it_was_repeated():
    client = make_client("-a")
    run(client, only("a"), 5)
    ((index, at),) = client.get_next_trials(max_trials=1).items()
    client.mark_trial_failed(index)
    assert tried_without_value(client._experiment)["a"][0].parameters == at
    again = client.attach_trial(at)
    client.complete_trial(trial_index=again, raw_data=only("a")(at))
    assert tried_without_value(client._experiment) == {"a": []}


def test_all_of_a_few_settings_are_tried_whatever_comes_of_them():
    parameters = [
        RangeParameterConfig(name="x0", parameter_type="int", bounds=(0, 2)),
        ChoiceParameterConfig(name="x1", parameter_type="int", values=[0, 2, 5], is_ordered=True),
    ]
    client = make_client("-a", parameters=parameters)
    run(client, only("a"), 4)
    for _ in range(5):
        (index,) = client.get_next_trials(max_trials=1)
        client.mark_trial_failed(index)
    check_all_from_model(client)
    assert len({trial.arm.signature for trial in client._experiment.trials.values()}) == 9


@pytest.mark.parametrize(
    ("surrogate", "objective"),
    [(name, "-a - b") for name in SURROGATES] + [("multi_rbf", "-a"), ("multi_rbf", "-a, -b")],
)
def test_metrics_missing_in_some_trials(surrogate, objective):
    client = make_client(objective, surrogate=surrogate)
    run(client, tasks, 4)
    for missing in ("a", "b"):
        ((index, parameters),) = client.get_next_trials(max_trials=1).items()
        values = tasks(parameters)
        del values[missing]
        client.attach_data(trial_index=index, raw_data=values)
        client._experiment.trials[index].mark_completed()
    client.get_next_trials(max_trials=1)
    check_all_from_model(client)
    assert set(client.predict([ORIGIN])[0]) == {"a", "b", "c"}


@pytest.mark.parametrize("objective", ["-a", "-a - b"])
def test_metrics_never_observed_together(objective):
    client = make_client(objective)
    for turn in range(8):
        ((index, parameters),) = client.get_next_trials(max_trials=1).items()
        name = "ab"[turn % 2]
        client.attach_data(trial_index=index, raw_data={name: tasks(parameters)[name]})
        client._experiment.trials[index].mark_completed()
    check_all_from_model(client)


@pytest.mark.parametrize("when", ["always", "late"])
def test_a_tracking_metric(when):
    client = make_client("-m10 - m2", constraints=["m3 <= 200"])

    def evaluate(parameters):
        a, b, c = tasks(parameters).values()
        tracked = when == "always" or len(client._experiment.trials) > 5
        return {"m10": a, "m2": b, "m3": c} | ({"aa": a - b} if tracked else {})

    run(client, evaluate, 8)
    check_all_from_model(client)
    (prediction,) = client.predict([ORIGIN])
    assert set(prediction) == {"m10", "m2", "m3", "aa"}
    # Metrics are not confused: m10 has its minimum here, m2 is 25.
    assert prediction["m10"][0] < prediction["m2"][0]


def test_a_baseline_and_a_relative_constraint():
    client = make_client("-a", constraints=["b <= 1.0 * baseline"])
    index = client.attach_baseline({"x0": 0.0, "x1": 0.0})
    client.complete_trial(trial_index=index, raw_data=only("a", "b")({"x0": 0.0, "x1": 0.0}))
    run(client, only("a", "b"), NUM_TRIALS)
    check_all_from_model(client)


def test_constant_metrics():
    client = make_client("-a", parameters=real_parameters(1))
    run(client, lambda parameters: {"a": 1.0, "b": parameters["x0"]}, 6)
    check_all_from_model(client)

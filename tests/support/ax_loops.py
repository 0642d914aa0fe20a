"""Clients of Ax with small experiments, and loops that run them."""

from collections.abc import Callable, Mapping
from typing import Any

from ax.api.client import Client
from ax.api.configs import RangeParameterConfig

from botorch_cll.ax import make_generation_strategy

SURROGATES = ("multi_rbf", "rmla", "single_rbf", "multi_task_gp")

# Small models and swarms: what is tested is not how good the candidates are.
FAST_MODEL = {"num_restarts": 8, "num_centers": 10}
FAST_SWARM = {"num_restarts": 2, "raw_samples": 32, "options": {"maxiter": 3, "polish_maxiter": 5}}
# Where it is, with models as users have them.
FEW_SWARMS = {"num_restarts": 2, "raw_samples": 32}

Evaluate = Callable[[Mapping[str, Any]], dict[str, Any]]


def real_parameters(d: int = 2) -> list[RangeParameterConfig]:
    return [
        RangeParameterConfig(name=f"x{i}", parameter_type="float", bounds=(-5.0, 10.0))
        for i in range(d)
    ]


def strategy(surrogate: str = "multi_rbf", **options: Any) -> Any:
    defaults: dict[str, Any] = {"num_sobol": 4, "optimizer_options": FAST_SWARM}
    if surrogate != "multi_task_gp":
        defaults["model_options"] = FAST_MODEL
    return make_generation_strategy(surrogate, **(defaults | options))


def make_client(
    objective: str,
    *,
    parameters: list[Any] | None = None,
    constraints: list[str] | None = None,
    parameter_constraints: list[str] | None = None,
    surrogate: str = "multi_rbf",
    **options: Any,
) -> Client:
    client = Client(random_seed=0)
    client.configure_experiment(
        parameters=parameters or real_parameters(), parameter_constraints=parameter_constraints
    )
    client.configure_optimization(objective=objective, outcome_constraints=constraints)
    client.set_generation_strategy(strategy(surrogate, **options))
    return client


def tasks(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Three parabolas, rounded, as Ax's storage keeps ten decimals of an observation."""
    x, y = float(parameters["x0"]), float(parameters["x1"])
    return {
        "a": round((x - 2.0) ** 2 + (y + 1.0) ** 2, 6),
        "b": round((x - 5.0) ** 2 + (y - 3.0) ** 2, 6),
        "c": round((x + 1.0) ** 2 + (y - 8.0) ** 2, 6),
    }


def only(*names: str) -> Evaluate:
    """Some of the tasks."""
    return lambda parameters: {name: tasks(parameters)[name] for name in names}


def run(client: Client, evaluate: Evaluate, num_trials: int, at_once: int = 1) -> None:
    """Complete trials until there are `num_trials` of them."""
    while len(client._experiment.trials) < num_trials:
        wanted = min(at_once, num_trials - len(client._experiment.trials))
        for index, parameters in client.get_next_trials(max_trials=wanted).items():
            client.complete_trial(trial_index=index, raw_data=evaluate(parameters))


def nodes(client: Client) -> list[str]:
    """The node that each trial came from."""
    return [
        trial.generator_runs[0]._generation_node_name
        for trial in client._experiment.trials.values()
    ]

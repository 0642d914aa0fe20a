"""The regression experiment of the paper: RBF networks trained by Adam on correlated tasks."""

from typing import Any

import torch
from torch import Tensor

from benchmarks.runner.grid import Config, Key, RunOutput
from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel, SingleRBFModel
from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.test_functions import CorrelatedTasks

NETWORK_NAMES = ("SingleRBF", "MultiRBF", "MultiRBF+", "MultiRBF+ReLU")

PAPER_PROTOCOL: Config = {
    "num_steps": 10_000,
    "learning_rate": 1e-4,
    "milestones": [1000, 3000, 7000],
    "num_centers": 50,
    "dim": 10,
    "num_train": 400,
    "num_test": 1000,
}
"""Adam, its schedule and the centers as in the paper, which does not give the last three."""

_FAST = {"num_steps": 2000, "learning_rate": 1e-2, "milestones": [200, 600, 1400]}
FAST_PROTOCOL: Config = {**PAPER_PROTOCOL, **_FAST}
"""The same schedule in a fifth of the steps, from a learning rate that comes near convergence."""

_NUM_RECORDS = 50


def make_network(name: str, X: Tensor, Y: Tensor, num_centers: int, seed: int) -> RBFEnsembleModel:
    """One of `NETWORK_NAMES`, not trained; fits of `MultiRBF` make tasks share a hidden layer."""
    options: dict[str, Any] = {"num_restarts": 1, "num_centers": num_centers, "seed": seed}
    if name == "SingleRBF":
        return SingleRBFModel(X, Y, **options)
    options["correlation_layers"] = None if name == "MultiRBF" else ()
    options["activation"] = "leaky_relu" if name == "MultiRBF+ReLU" else None
    return MultiRBFCorrelationModel(X, Y, **options)


def run_fig8(key: Key, config: Config) -> RunOutput:
    """Train one network; errors are in units of the variance of the training targets."""
    seed, method = key["seed"], key["method"]
    problem = CorrelatedTasks(config["dim"], correlation=key["correlation"], seed=seed)
    generator = torch.Generator().manual_seed(seed)
    train_X, train_Y = problem.sample(config["num_train"], seed=generator)
    test_X, test_Y = problem.sample(config["num_test"], seed=generator)
    mean, std = train_Y.mean(0), train_Y.std(0)
    sets = {"train_error": (train_X, train_Y), "test_error": (test_X, test_Y)}
    data = {quantity: (X, (Y - mean) / std) for quantity, (X, Y) in sets.items()}
    every = max(1, config["num_steps"] // _NUM_RECORDS)
    steps: list[int] = []
    errors: dict[str, list[Tensor]] = {quantity: [] for quantity in data}

    def record(step: int, model: RBFEnsembleModel) -> None:
        if step % every == 0 or step == config["num_steps"]:
            steps.append(step)
            with torch.no_grad():
                for quantity, (X, Y) in data.items():
                    errors[quantity].append((model(X).squeeze(0) - Y).square().mean(0))

    adam = {name: config[name] for name in ("num_steps", "learning_rate")}
    adam |= {"milestones": tuple(config["milestones"]), "share_hidden_layer": method == "MultiRBF"}
    options = GradientOptions(**adam, sample_fraction=1.0, callback=record)
    network = make_network(method, train_X, train_Y, config["num_centers"], seed)
    fit_rbf_ensemble(network, "gradient", options)
    courses = {name: torch.stack(values, dim=-1).tolist() for name, values in errors.items()}
    return RunOutput.of_courses(steps, courses)

"""A new task optimised with the old data of a related one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from botorch.acquisition.objective import PosteriorTransform, ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from benchmarks.methods import METHODS, run_method
from botorch_cll.optim.loop import Fit
from botorch_cll.studies.grid import Key, RunOutput, Study
from botorch_cll.studies.optimization import optimization_output, random_median
from botorch_cll.studies.report.optimization import report_optimization
from botorch_cll.test_functions import CompositeTasks


class FirstTask(Model):
    """The first output of a model as a model of one output.

    Args:
        model: A model of `T` outputs.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        weights = torch.zeros(model.num_outputs, dtype=torch.double)
        weights[0] = 1.0
        self.first = ScalarizedPosteriorTransform(weights)

    @property
    def num_outputs(self) -> int:
        """One."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape: empty."""
        return torch.Size()

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior of the first task at `batch_shape x q x d`-dim points.

        Raises:
            NotImplementedError: If outputs are chosen.
        """
        if output_indices is not None:
            raise NotImplementedError("Expected output_indices=None: there is one output.")
        posterior = self.model.posterior(
            X, observation_noise=observation_noise, posterior_transform=self.first
        )
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


def with_old_data(fit: Fit, old_X: Tensor, old_Y: Tensor) -> Fit:
    """A fit of a new task that also sees old observations of another task.

    Args:
        fit: A fit of two tasks.
        old_X: A `m x d`-dim tensor of points.
        old_Y: A `m`-dim tensor of observations of the other task, larger being better.

    Returns:
        A fit of one task, `n x d` points and `n x 1` values.
    """
    missing = torch.full_like(old_Y, torch.nan)
    old = torch.stack([missing, old_Y], dim=-1)

    def fit_both(X: Tensor, Y: Tensor, seed: int) -> Model | None:
        new = torch.cat([Y, torch.full_like(Y, torch.nan)], dim=-1)
        model = fit(torch.cat([X, old_X]), torch.cat([new, old]), seed)
        return None if model is None else FirstTask(model)

    return fit_both


def run_transfer_bo(key: Key, config: Mapping[str, Any]) -> RunOutput:
    """Minimise the second task of a pair with old data of the first; a run of a `Study`.

    Single-task methods get the old data too, and make nothing of them.

    Args:
        key: The levels of `problem` (a pair), `correlation`, `method` and `seed`.
        config: `num_old`, `budget` and `num_initial`.

    Returns:
        One row and one curve.
    """
    seed = int(key["seed"])
    name, p = str(key["problem"]), float(key["correlation"])
    known = CompositeTasks(name, correlation=p, seed=seed)
    # Another seed than that of the new task's first design, which comes from the same sequence.
    old_X = draw_sobol_samples(known.bounds, n=config["num_old"], q=1, seed=seed + 1000).squeeze(-2)
    old_Y = CompositeTasks(name, correlation=p, seed=seed)(old_X)[:, 0]

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        observed = CompositeTasks(name, correlation=p, seed=seed)
        return lambda X: observed(X)[:, [1]]

    method = METHODS[str(key["method"])]
    run = run_method(
        replace(method, fit=with_old_data(method.fit, old_X, -old_Y)),
        objective,
        known.bounds,
        num_tasks=1,
        budget=config["budget"],
        num_initial=config["num_initial"],
        seed=seed,
    )
    return optimization_output(
        run,
        tasks=(2,),
        truth=known.evaluate_true(run.X[0])[:, 1].unsqueeze(0),
        median=random_median(known)[1:],
        optimum=known.optimal_value[1:],
        num_initial=config["num_initial"],
    )


TRANSFER_BO = Study(
    name="transfer-bo",
    factors={
        "seed": tuple(range(10)),
        "problem": ("Ackley+Rastrigin", "Rastrigin+Griewank", "Ackley+Schwefel"),
        "correlation": (1.0, 0.9, 0.5, -0.9),
        "method": tuple(METHODS),
    },
    config={"num_old": 100, "budget": 30, "num_initial": 5},
    run=run_transfer_bo,
    report=report_optimization,
)

"""Runs that minimise tasks with one method; those of a seed share the problem and first design."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from botorch.acquisition.objective import PosteriorTransform, ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.utils.sampling import draw_sobol_samples
from botorch.utils.transforms import unnormalize
from torch import Tensor

from benchmarks.methods import METHODS
from benchmarks.methods.run import Method, MethodRun, run_method
from benchmarks.problems import DATA_SETS, log_losses
from benchmarks.runner.grid import Config, Curve, Key, Level, RunOutput
from botorch_cll.optim.loop import Fit
from botorch_cll.test_functions import CompositeTasks, MultiTaskTestProblem, SklearnTuningTasks

_MEDIAN_POINTS = 1024


def run_pairs(key: Key, config: Config) -> RunOutput:
    """Minimise both tasks of one of the paper's pairs."""
    return _minimize_pair(key, config, METHODS[key["method"]], [0, 1])


def _minimize_pair(key: Key, config: Config, method: Method, tasks: list[int]) -> RunOutput:
    pair = partial(CompositeTasks, key["problem"], key["correlation"], seed=key["seed"])
    known = pair()

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        observed = pair()
        columns = tasks if task is None else [tasks[task]]
        return lambda X: observed(X)[:, columns]

    sizes = config["budget"], config["num_initial"]
    run = run_method(method, objective, known.bounds, len(tasks), *sizes, seed=key["seed"])
    truth = [known.evaluate_true(X)[:, task] for task, X in zip(tasks, run.X, strict=True)]
    names = [task + 1 for task in tasks]
    median, optimum = random_median(known)[tasks], known.optimal_value[tasks]
    return optimization_output(run, names, torch.stack(truth), median, optimum, config)


class FirstTask(Model):
    """The first output of a model as a model of one output."""

    num_outputs = 1
    batch_shape = torch.Size()

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        weights = torch.eye(1, model.num_outputs, dtype=torch.double)[0]
        self.first = ScalarizedPosteriorTransform(weights)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior of the first task at `batch_shape x q x d`-dim points."""
        if output_indices is not None:
            raise NotImplementedError("Expected output_indices=None: there is one output.")
        posterior = self.model.posterior(
            X, observation_noise=observation_noise, posterior_transform=self.first
        )
        return posterior if posterior_transform is None else posterior_transform(posterior, X)


def with_old_data(fit: Fit, old_X: Tensor, old_Y: Tensor) -> Fit:
    """A fit of `n x d` points and `n x 1` values that also sees old data, of the second task."""
    old = torch.stack([torch.full_like(old_Y, torch.nan), old_Y], dim=-1)

    def fit_both(X: Tensor, Y: Tensor, seed: int) -> Model | None:
        new = torch.cat([Y, torch.full_like(Y, torch.nan)], dim=-1)
        model = fit(torch.cat([X, old_X]), torch.cat([new, old]), seed)
        return None if model is None else FirstTask(model)

    return fit_both


def run_transfer_bo(key: Key, config: Config) -> RunOutput:
    """Minimise the second task of a pair with old data of the first, if a method can use them."""
    pair = CompositeTasks(key["problem"], key["correlation"], seed=key["seed"])
    # Another seed than that of the new task's first design, which comes from the same sequence.
    seed, method = key["seed"] + 1000, METHODS[key["method"]]
    old_X = draw_sobol_samples(pair.bounds, n=config["num_old"], q=1, seed=seed).squeeze(-2)
    method = replace(method, fit=with_old_data(method.fit, old_X, -pair(old_X)[:, 0]))
    return _minimize_pair(key, config, method, [1])


def run_tuning(key: Key, config: Config) -> RunOutput:
    """Tune one estimator on all data sets by the logarithms of log losses; results are losses."""
    estimator, seed = key["problem"], key["seed"]
    bounds = SklearnTuningTasks(estimator, data_sets=DATA_SETS, seed=seed).bounds

    def objective(task: int | None) -> Callable[[Tensor], Tensor]:
        return log_losses(estimator, DATA_SETS, task, seed)

    method, sizes = METHODS[key["method"]], (config["budget"], config["num_initial"])
    run = run_method(method, objective, bounds, len(DATA_SETS), *sizes, seed=seed)
    run = run._replace(Y=run.Y.exp())
    median = run.Y[:, : config["num_initial"]].median(-1).values
    return optimization_output(run, DATA_SETS, run.Y, median, None, config)


def random_median(problem: MultiTaskTestProblem) -> Tensor:
    """A `T`-dim tensor: each task's median over the box, from uniform points, always the same."""
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(_MEDIAN_POINTS, problem.dim, generator=generator, dtype=torch.double)
    return problem.evaluate_true(unnormalize(unit, problem.bounds)).median(0).values


def optimization_output(
    run: MethodRun,
    tasks: Sequence[Level],
    truth: Tensor,
    median: Tensor,
    optimum: Tensor | None,
    config: Config,
) -> RunOutput:
    """A row and a curve for each task, from `T x n` noise-free values `truth` at the run's points.

    Normalized regret is 1 at the `median` of random points; without an optimum regrets are empty.
    """
    num_initial = config["num_initial"]
    course = truth.cummin(-1).values
    best = course[:, -1]
    columns = {
        "best": run.Y.amin(-1),
        "true_best": best,
        "optimum": optimum,
        "random_median": median,
        "regret": None if optimum is None else best - optimum,
        "normalized_regret": None if optimum is None else (best - optimum) / (median - optimum),
    }
    seconds = {"fit_seconds": run.fit_seconds, "propose_seconds": run.propose_seconds}
    rows, curves = [], []
    for index, task in enumerate(tasks):
        row = {name: None if x is None else x[index].item() for name, x in columns.items()}
        rows.append({"task": task, **row, **seconds})
        evaluations = range(num_initial, course.shape[-1] + 1)
        y = course[index, num_initial - 1 :].tolist()
        curves.append(Curve(task, "true_best", evaluations, y))
    return RunOutput(rows, curves)

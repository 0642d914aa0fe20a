"""Whether a change left every number as it was: stored before it, compared after it.

Only what users import is used, so the file runs on an earlier state of the code as well:

    PYTHONPATH=path/to/the/earlier/code python tests/same_numbers.py store before.pt
    python tests/same_numbers.py compare before.pt
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from botorch.acquisition import (
    AcquisitionFunction,
    LogExpectedImprovement,
    qKnowledgeGradient,
    qLogExpectedImprovement,
)
from botorch.models.transforms import Log, Normalize, Standardize
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from botorch_cll.fit import GradientOptions, TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)
from botorch_cll.optim import (
    best_by_task,
    gen_candidates_pso,
    optimize_acqf_any_task,
    optimize_acqf_per_task,
    optimize_acqf_pso,
)

Numbers = dict[str, Tensor]
Model = Any  # one of ours, of this version or an earlier one

MODELS = {
    "MultiRBFCorrelation": MultiRBFCorrelationModel,
    "RMLA": RegularizedMultiTaskRBFModel,
    "Single-RBF": SingleRBFModel,
}
NUM_POINTS = 7


def _wide(n: int, dim: int, num_tasks: int, seed: int, gaps: float = 0.0) -> tuple[Tensor, Tensor]:
    """Related noisy tasks: points in a box of unequal sides, and a column of values per task."""
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand(n, dim, generator=generator, dtype=torch.double)
    task = torch.linspace(0.0, 1.0, num_tasks, dtype=torch.double)
    Y = torch.sin(5.0 * unit.sum(-1, keepdim=True) + task) + (1.0 + task) * unit[:, :1].square()
    Y = Y + 0.1 * torch.randn(n, num_tasks, generator=generator, dtype=torch.double)
    missing = torch.rand(n, num_tasks, generator=generator) < gaps
    missing[:2] = False
    sides = torch.logspace(-1.0, 1.0, dim, dtype=torch.double)
    return sides * unit - 0.5, (3.0 * Y + task).masked_fill(missing, torch.nan)


def _long(X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    row, task = (~Y.isnan()).nonzero(as_tuple=True)
    return torch.cat([X[row], task.unsqueeze(-1)], dim=-1), Y[row, task].unsqueeze(-1)


def _noise(Y: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.01 + torch.rand(Y.shape, generator=generator, dtype=torch.double).to(Y)


def data_sets() -> dict[str, dict[str, Any]]:
    """The arguments of a model by the name of the data set."""
    sets: dict[str, dict[str, Any]] = {}

    def add(name: str, X: Tensor, Y: Tensor, **options: Any) -> None:
        sets[name] = {"train_X": X, "train_Y": Y, **options}

    for n, dim, tasks in ((2, 1, 2), (5, 2, 3), (12, 4, 2), (40, 3, 2), (100, 4, 2), (60, 8, 3)):
        add(f"{n} rows, {dim} inputs, {tasks} tasks", *_wide(n, dim, tasks, seed=n))
    add("one task", *_wide(30, 2, 1, seed=1))
    add("sixteen tasks", *_wide(25, 3, 16, seed=2), num_restarts=8)
    add("700 rows", *_wide(700, 3, 2, seed=3), num_restarts=8)
    add("2500 rows", *_wide(2500, 2, 2, seed=4, gaps=0.1), num_restarts=4, missing="mask")
    add("gaps", *_wide(60, 3, 3, seed=5, gaps=0.4), missing="mask")
    add("gaps, other seed", *_wide(60, 3, 3, seed=5, gaps=0.4), missing="mask", seed=7)
    X, Y = _wide(40, 2, 2, seed=6)
    Y[6:, 0] = torch.nan
    add("poor task beside a rich one", X, Y, missing="mask")
    X, Y = _wide(20, 2, 3, seed=7)
    Y[:, 1] = torch.nan
    add("task without data", X, Y, missing="mask")
    X, Y = _wide(20, 2, 2, seed=8)
    Y[:, 0] = 3.0
    add("constant task", X, Y)
    X, Y = _wide(30, 2, 2, seed=9)
    add("noise given", X, Y, train_Yvar=_noise(Y, 9))
    Yvar = _noise(Y, 10)
    Yvar[::3] = torch.nan
    add("noise given in part", X, Y, train_Yvar=Yvar, missing="mask")
    X, Y = _wide(30, 3, 3, seed=11, gaps=0.3)
    add("long", *_long(X, Y), task_feature=-1)
    long_X, long_Y = _long(X, Y)
    options = {"task_feature": 3, "output_tasks": [2, 0], "all_tasks": [0, 1, 2, 5]}
    add("long, some outputs", long_X, long_Y, **options, train_Yvar=_noise(long_Y, 12))
    X, Y = _wide(40, 2, 2, seed=13)
    add("single precision", X.float(), Y.float())
    X, Y = _wide(25, 3, 4, seed=14, gaps=0.2)
    add("single precision, gaps", X.float(), Y.float(), missing="mask", num_restarts=6)
    X, Y = _wide(20, 2, 2, seed=15)
    add("every row twice", X.repeat(2, 1), Y.repeat(2, 1))
    add("permuted rows", X.flip(0), Y.flip(0))
    add("one restart", X, Y, num_restarts=1)
    add("two restarts, seven centers", X, Y, num_restarts=2, num_centers=7)
    add("logarithm", X, Y.exp(), outcome_transform=Log())
    add("no outcome transform", X, Y, outcome_transform=None)
    add("normalized inputs", X, Y, input_transform=Normalize(2), outcome_transform=Standardize(2))
    X[:, 1] = 0.25
    add("constant input", X, Y)
    return sets


def fits() -> Iterator[tuple[str, Model]]:
    """Fitted models of every kind, and what they are."""
    for data_name, arguments in data_sets().items():
        for name, model_class in MODELS.items():
            yield f"{name}, {data_name}", fit_rbf_ensemble(model_class(**arguments))
    X, Y = _wide(40, 3, 3, seed=20, gaps=0.2)

    def model(model_class: type[Any] = MultiRBFCorrelationModel, **options: Any) -> Model:
        return model_class(X, Y, missing="mask", **options)

    for layers, activation in ((None, None), ((8,), None), ((4, 4), "tanh"), ((), "leaky_relu")):
        given = {"correlation_layers": layers, "activation": activation}
        yield f"layers {layers} {activation}", fit_rbf_ensemble(model(**given))
    penalties = {"lambda_1": 0.3, "lambda_2": 0.1}
    yield "penalties given", fit_rbf_ensemble(model(RegularizedMultiTaskRBFModel, **penalties))
    for share in (False, True):
        options = GradientOptions(num_steps=30, learning_rate=1e-2, share_hidden_layer=share)
        trained = fit_rbf_ensemble(model(num_restarts=6), "gradient", options)
        yield f"gradient fit, hidden layer shared: {share}", trained
    few = TwoStageOptions(0.7, num_initial=20, num_candidates=9, num_rounds=2)
    yield "two-stage options", fit_rbf_ensemble(model(), options=few)
    for name, model_class in MODELS.items():
        first = fit_rbf_ensemble(model_class(X[:30], Y[:30], missing="mask"))
        yield f"warm start, {name}", fit_rbf_ensemble(model(model_class), warm_start=first)


def model_numbers(model: Model) -> Iterator[tuple[str, Tensor]]:
    """What a fitted model says: predictions, left-out predictions and fantasies."""
    with torch.no_grad():
        X = (
            model.train_X
            if model.tasks.feature is None
            else model.tasks.without_task(model.train_X)
        )
        low, high = X.amin(0), X.amax(0)
        generator = torch.Generator().manual_seed(0)
        unit = 1.4 * torch.rand(NUM_POINTS, X.shape[-1], generator=generator, dtype=X.dtype) - 0.2
        points = low + (high - low) * unit
        posterior = model.posterior(points, observation_noise=True)
        yield "values", model.posterior(points).values
        yield "mean", posterior.mean
        yield "variance", posterior.variance
        try:
            yield "left-out mean", model.loo().mean
            yield "left-out variance", model.loo().variance
        except RuntimeError as error:  # a model that knows nothing of its rows
            yield str(error), torch.zeros(0)
        fantasies = model.fantasize(points[:2], SobolQMCNormalSampler(torch.Size([3]), seed=1))
        further = fantasies.posterior(points)
        yield "fantasy mean", further.mean
        yield "fantasy variance", further.variance
        Y = model.posterior(points[:3]).mean.clone()
        Y[0, 0] = torch.nan
        again = model.condition_on_observations(points[:3], Y + 0.1)
        again = again.condition_on_observations(points[3:4], again.posterior(points[3:4]).mean)
        yield "conditioned values", again.posterior(points).values


def candidate_numbers() -> Iterator[tuple[str, Tensor]]:
    """What the optimizers propose."""
    X, Y = _wide(40, 3, 3, seed=30)
    bounds = torch.stack([X.amin(0), X.amax(0)])
    linear = [(torch.tensor([0, 1]), torch.ones(2, dtype=torch.double), 0.0)]
    nonlinear = [(lambda x: 1.0 - x.square().sum(), True)]
    constraints = {
        "inequality_constraints": linear,
        "nonlinear_inequality_constraints": nonlinear,
    }

    def rounded(x: Tensor) -> Tensor:
        return x.round(decimals=1)

    for name, model_class in MODELS.items():
        model = fit_rbf_ensemble(model_class(X, Y))
        first, best_f = model.subset_output([0]), Y[:, 0].max()
        logei = LogExpectedImprovement(first, best_f)
        sampler = SobolQMCNormalSampler(torch.Size([16]), seed=0)
        joint = qLogExpectedImprovement(first, best_f, sampler)
        kg = qKnowledgeGradient(first, 2, SobolQMCNormalSampler(torch.Size([2]), seed=0))
        found = {}

        def swarm(acqf: AcquisitionFunction, q: int = 1, **options: Any) -> Any:
            return optimize_acqf_pso(acqf, bounds, q, num_restarts=4, raw_samples=64, **options)

        found["one"] = swarm(logei)
        found["without gradients"] = swarm(logei, options={"polish": False, "seed": 3})
        found["all swarms"] = swarm(logei, return_best_only=False)
        found["linear constraint"] = swarm(logei, inequality_constraints=linear)
        found["nonlinear constraint"] = swarm(logei, nonlinear_inequality_constraints=nonlinear)
        found["fixed"] = swarm(logei, fixed_features={1: 0.1})
        found["rounded"] = swarm(logei, post_processing_func=rounded)
        found["known points"] = swarm(logei, X_avoid=found["one"][0])
        found["joint"] = swarm(joint, q=2)
        found["sequential"] = swarm(joint, q=2, sequential=True, X_avoid=X)
        found["one-shot"] = swarm(kg)
        found["around given points"] = gen_candidates_pso(X[:3].unsqueeze(1), logei, *bounds)
        found["per task"] = optimize_acqf_per_task(model, bounds)
        found["per task, constrained"] = optimize_acqf_per_task(
            model, bounds, maximize=False, fixed_features={2: 0.5}, **constraints
        )
        found["per task, rounded"] = optimize_acqf_per_task(
            model, bounds, post_processing_func=rounded
        )
        found["any task"] = optimize_acqf_any_task(model, bounds, q=3)
        lowest, pending = best_by_task(X, Y, maximize=False).Y, X[:1] + 0.01
        found["any task, pending"] = optimize_acqf_any_task(
            model, bounds, q=2, X_pending=pending, best_f=lowest, maximize=False
        )
        for search, (candidates, values) in found.items():
            yield f"{name}, candidates, {search}", candidates.detach()
            yield f"{name}, acquisition values, {search}", values.detach()


def all_numbers() -> Numbers:
    """Every number by name."""
    numbers: Numbers = {}
    for name, model in fits():
        numbers |= {f"{name}: {what}": values for what, values in model_numbers(model)}
    return numbers | dict(candidate_numbers())


def compare(before: Numbers, now: Numbers, tolerance: float) -> list[str]:
    """What differs, a line each.

    Args:
        before: Numbers as they were.
        now: Numbers as they are.
        tolerance: The difference that counts as none, relative to the largest number of a tensor
            and in units of the rounding error of its dtype (2.2e-16 in double precision).
    """
    lines = [f"{name}: only before" for name in before.keys() - now.keys()]
    lines += [f"{name}: only now" for name in now.keys() - before.keys()]
    for name in before.keys() & now.keys():
        old, new = before[name], now[name]
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            lines.append(f"{name}: {old.shape} {old.dtype}, now {new.shape} {new.dtype}")
        elif not torch.equal(old.isnan(), new.isnan()):
            lines.append(f"{name}: NaN elsewhere")
        elif not torch.equal(old.nan_to_num(), new.nan_to_num()):
            difference = (old - new).nan_to_num().abs().amax() / old.nan_to_num().abs().amax()
            if float(difference) > tolerance * torch.finfo(old.dtype).eps:
                lines.append(f"{name}: differs by {float(difference):.1e}, {old.dtype}")
    return sorted(lines)


def main() -> None:
    """Store or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=["store", "compare"])
    parser.add_argument("file")
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="in rounding errors; 0 for the same bits"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        now = all_numbers()
    if arguments.action == "store":
        torch.save(now, arguments.file)
        print(f"{len(now)} tensors of {sum(t.numel() for t in now.values())} numbers stored")
        return
    differences = compare(torch.load(arguments.file), now, arguments.tolerance)
    print("\n".join([*differences, f"{len(differences)} of {len(now)} tensors differ"]))
    raise SystemExit(bool(differences))


if __name__ == "__main__":
    main()

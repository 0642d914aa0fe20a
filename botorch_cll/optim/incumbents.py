"""Incumbents of all tasks, and the units in which their gains compare."""

from typing import NamedTuple

import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, UnsupportedError
from botorch.models.model import Model
from botorch.utils.sampling import draw_sobol_samples
from torch import Tensor

from botorch_cll.models.ensemble import RBFEnsembleModel
from botorch_cll.optim.checks import check_bounds, expect, expect_shape
from botorch_cll.optim.settings import PROPOSAL


class BestByTask(NamedTuple):
    """The incumbents of all tasks.

    Attributes:
        X: A `T x d`-dim tensor: where each task was best.
        Y: A `T`-dim tensor: its value there; NaN for a task that was never observed.
        row: A `T`-dim tensor: which rows these are.
    """

    X: Tensor
    Y: Tensor
    row: Tensor


def best_by_task(X: Tensor, Y: Tensor, maximize: bool = True) -> BestByTask:
    """Find the best observation of every task.

    Args:
        X: A `n x d`-dim tensor of points.
        Y: A `n x T`-dim tensor of observations, NaN where a task was not observed.
        maximize: Whether larger is better.

    Returns:
        The incumbents.

    Raises:
        BotorchTensorDimensionError: `X` and `Y` are not two-dimensional with equally many rows.

    Example:
        >>> best_f = best_by_task(train_X, train_Y).Y
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or len(X) == 0:
        raise BotorchTensorDimensionError(
            "Expected X of shape n x d and Y of shape n x T with n > 0, got "
            f"{tuple(X.shape)} and {tuple(Y.shape)}."
        )
    score = (Y if maximize else -Y).where(~Y.isnan(), -torch.inf)
    index = score.argmax(dim=0)
    return BestByTask(X=X[index], Y=Y.gather(0, index.unsqueeze(0)).squeeze(0), row=index)


def expected_best_by_task(model: Model, X: Tensor, Y: Tensor, maximize: bool = True) -> Tensor:
    """The best value of every task that a model expects where the task was observed.

    Where observations are noisy, or vary at a scale that the model takes for noise, the best one is
    a lucky one: measured against it, expected improvement favors wherever the model knows least.
    This is the plug-in incumbent of Picheny, Wagner and Ginsbourger (A benchmark of kriging-based
    infill criteria for noisy optimization, 2013).

    Args:
        model: A model of `T` outputs.
        X: A `n x d`-dim tensor of points; for a model of long data as well with its task column.
        Y: A `n x T`-dim tensor of observations, NaN where a task was not observed; `n x 1`-dim with
            a task column.
        maximize: Whether larger is better.

    Returns:
        A `T`-dim tensor, NaN for a task that was never observed.

    Raises:
        BotorchTensorDimensionError: `Y` is not of the shape of the model's predictions at `X`.

    Example:
        >>> best_f = expected_best_by_task(model, train_X, train_Y)
    """
    X, Y = _as_wide(model, X, Y)
    with torch.no_grad():
        mean = torch.cat([model.posterior(rows).mean for rows in X.split(PROPOSAL.rows_at_a_time)])
    what = f"Y of shape {tuple(mean.shape)} for X of shape {tuple(X.shape)}"
    expect_shape(Y.shape == mean.shape, what, Y)
    return best_by_task(X, mean.where(~Y.isnan(), torch.nan), maximize).Y


def _as_wide(model: Model, X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    """Long data, of a model that has them so, as points and a column of values per output."""
    if not isinstance(model, RBFEnsembleModel) or model.tasks.feature is None:
        return X, Y
    if X.shape[-1] != model.train_X.shape[-1] or Y.shape != (len(X), 1):
        return X, Y
    outputs = torch.tensor(model.tasks.outputs, device=X.device)
    own = model.tasks.index(X).unsqueeze(-1) == outputs
    return model.tasks.without_task(X), Y.where(own, torch.nan)


def task_units(model: Model, bounds: Tensor) -> Tensor:
    """Units in which gains of different tasks compare: how far each task varies over the box.

    For a model of `T` outputs a `T`-dim tensor: the standard deviations of the means at Sobol
    points, 1 where a mean is the same everywhere, up to rounding.
    """
    X = draw_sobol_samples(bounds, n=PROPOSAL.unit_points, q=1, seed=0).squeeze(-2)
    with torch.no_grad():
        posterior = model.posterior(X)
        spread, deviation = posterior.mean.std(0), posterior.variance.mean(0).sqrt()
    return torch.where(spread > PROPOSAL.rounding * deviation, spread, 1.0)


def check_model_and_incumbents(
    model: Model, bounds: Tensor, best_f: Tensor | None, maximize: bool
) -> Tensor:
    """Refuse bounds and incumbents that do not suit a model; return the incumbents, or its own.

    Bounds are refused that are no box, not one column per input, or of another dtype than the
    model, to which an acquisition function would cast itself and the model in it.
    """
    check_bounds(bounds)
    if isinstance(model, RBFEnsembleModel):
        d = model.tasks.without_task(model.train_X).shape[-1]
        expect_shape(bounds.shape[-1] == d, f"`bounds` of the model's {d} inputs, 2 x {d}", bounds)
    for tensor in (*model.parameters(), *model.buffers()):
        fits = not tensor.is_floating_point() or tensor.dtype == bounds.dtype
        expect(fits, f"`bounds` of the model's dtype, {tensor.dtype}", bounds.dtype)
    if best_f is not None:
        expect(isinstance(best_f, Tensor), "best_f as a tensor", type(best_f).__name__)
        what = f"best_f with one entry for each of {model.num_outputs} outputs"
        expect_shape(best_f.shape == (model.num_outputs,), what, best_f, "shape ")
        return best_f.to(bounds)
    if not isinstance(model, RBFEnsembleModel):
        what = "best_f for a model that is not one of this package's"
        raise UnsupportedError(f"Expected {what}, got None for a {type(model).__name__}.")
    # Of further observations it knows what they change, not what they were.
    model.check_not_conditioned()
    observed = model.train_Y
    if model.tasks.feature is None:
        observed = observed[:, model.output_tasks]
    return expected_best_by_task(model, model.train_X, observed, maximize)

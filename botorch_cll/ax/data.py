"""One data set for all metrics, out of the data sets that Ax makes for each."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset
from torch import Tensor

Key = tuple[int, tuple[float, ...], int]


def merge_datasets(datasets: Sequence[SupervisedDataset]) -> SupervisedDataset:
    """Join the data sets of several metrics, so that one model can learn from all of them.

    Of `n_i x d`-dim inputs and `n_i x 1`-dim outcomes for each of `m` metrics it makes `n x d`-dim
    inputs, `n x m`-dim outcomes and, if any variance is known, `n x m`-dim variances; a single data
    set, of any kind, stays as it is. Observations of different metrics share a row if trial and
    inputs agree; where an arm was observed several times in a trial, the k-th observations do. What
    was not observed is NaN. Rows are in an order that does not depend on that of the metrics.

    Raises:
        UnsupportedError: If there is no data set, or there are several that are not of one metric
            each over the same inputs: with a task parameter there can be one metric only.
    """
    if not datasets:
        raise UnsupportedError(
            "Expected observations of at least one metric, got none. Are all values finite?"
        )
    first = datasets[0]
    if len(datasets) == 1:
        return first
    for dataset in datasets:
        if type(dataset) is not SupervisedDataset:
            raise UnsupportedError(
                "Expected a single metric where there is a task parameter or preference data, got "
                f"{[name for d in datasets for name in d.outcome_names]} "
                f"with a {type(dataset).__name__}."
            )
        if dataset.feature_names != first.feature_names:
            raise UnsupportedError(
                "Expected the same parameters for all metrics, got "
                f"{first.feature_names} and {dataset.feature_names}."
            )
    keys = [_keys(dataset) for dataset in datasets]
    row = {key: i for i, key in enumerate(sorted(set().union(*keys)))}
    shape = (len(row), len(datasets))
    X = first.X.new_empty(len(row), first.X.shape[-1])
    Y, Yvar = first.Y.new_full(shape, torch.nan), first.Y.new_full(shape, torch.nan)
    for column, (dataset, own_keys) in enumerate(zip(datasets, keys, strict=True)):
        index = torch.tensor([row[key] for key in own_keys], device=X.device)
        X[index] = dataset.X
        Y[index, column] = dataset.Y.squeeze(-1)
        if dataset.Yvar is not None:
            Yvar[index, column] = dataset.Yvar.squeeze(-1)
    return SupervisedDataset(
        X=X,
        Y=Y,
        Yvar=None if bool(Yvar.isnan().all()) else Yvar,
        feature_names=first.feature_names,
        outcome_names=[name for dataset in datasets for name in dataset.outcome_names],
        group_indices=torch.tensor([trial for trial, _, _ in row], device=X.device),
    )


def same_data(first: SupervisedDataset, second: SupervisedDataset) -> bool:
    """Whether two data sets hold the same values, NaN in the same places included."""
    if isinstance(first, MultiTaskDataset) or isinstance(second, MultiTaskDataset):
        return bool(first == second)
    names, other_names = ((d.feature_names, d.outcome_names) for d in (first, second))
    pairs = ((first.X, second.X), (first.Y, second.Y), (first.Yvar, second.Yvar))
    return names == other_names and all(_same_values(*pair) for pair in pairs)


def _same_values(first: Tensor | None, second: Tensor | None) -> bool:
    if first is None or second is None:
        return first is second
    return first.shape == second.shape and torch.allclose(
        first, second, rtol=0.0, atol=0.0, equal_nan=True
    )


def _keys(dataset: SupervisedDataset) -> list[Key]:
    """Trial, inputs and number of the observation of each row."""
    group = dataset.group_indices
    trials = [0] * len(dataset.X) if group is None else group.tolist()
    count: dict[tuple[int, tuple[float, ...]], Iterator[int]] = defaultdict(itertools.count)
    points = [(int(trial), tuple(x)) for trial, x in zip(trials, dataset.X.tolist(), strict=True)]
    return [(*point, next(count[point])) for point in points]

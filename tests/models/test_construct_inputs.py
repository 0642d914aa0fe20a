"""Models from BoTorch's data sets."""

import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models.transforms import Normalize
from botorch.utils.datasets import MultiTaskDataset, SupervisedDataset

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel

from support.ensembles import EVERY_MODEL, NAN, fit, moments, rand, tasks

SMALL = {"num_restarts": 6, "num_centers": 10}


def data_set(X, Y, Yvar=None, names=("a", "b")) -> SupervisedDataset:
    return SupervisedDataset(
        X, Y, Yvar=Yvar, feature_names=[f"x{i}" for i in range(X.shape[-1])],
        outcome_names=list(names[: Y.shape[-1]]),
    )  # fmt: skip


@EVERY_MODEL
def test_wide_data_with_noise_and_gaps(make):
    X, Y, Yvar, at = rand(18, 2), tasks(rand(18, 2)), 0.1 * rand(18, 2, seed=3), rand(4, 2)
    Y[2, 0] = Yvar[2, 0] = NAN
    model_class = make.func if hasattr(make, "func") else make
    options = make.keywords if hasattr(make, "func") else {}
    inputs = model_class.construct_inputs(data_set(X, Y, Yvar), seed=3, **SMALL, **options)
    found = fit_rbf_ensemble(model_class(**inputs))
    expected = fit(make, X, Y, train_Yvar=Yvar, missing="mask", seed=3)
    assert torch.equal(moments(found, at), moments(expected, at))


def test_transforms_and_explicit_settings_are_handed_on():
    transform = Normalize(2)
    inputs = MultiRBFCorrelationModel.construct_inputs(
        data_set(rand(9, 2), rand(9, 2)), input_transform=transform, missing="raise"
    )
    assert inputs["input_transform"] is transform
    assert inputs["missing"] == "raise"
    assert "task_feature" not in inputs


@pytest.mark.parametrize("appended", [True, False], ids=["appended", "own task column"])
def test_multi_task_data_sets(appended):
    X, Y, at = rand(20, 2), tasks(rand(20, 2)), rand(4, 2, seed=3)
    rows = {0: slice(0, 8), 1: slice(8, 20)}
    column = {t: torch.full((20, 1), float(t), dtype=torch.double) for t in rows}
    parts = [
        data_set(
            X[rows[t]] if appended else torch.cat([X, column[t]], dim=-1)[rows[t]],
            Y[rows[t], t].unsqueeze(-1),
            names=("ab"[t],),
        )
        for t in rows
    ]
    data = MultiTaskDataset(parts, "a", task_feature_index=None if appended else 2)
    inputs = MultiRBFCorrelationModel.construct_inputs(data, **SMALL)
    assert inputs["task_feature"] == 2
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(**inputs))
    assert model.output_tasks == ([0] if appended else [0, 1])
    wide = Y.clone()
    wide[8:, 0] = wide[:8, 1] = NAN
    expected = fit(MultiRBFCorrelationModel, X, wide, missing="mask").posterior(at)
    torch.testing.assert_close(model.posterior(at).mean[:, 0], expected.mean[:, 0])


def test_long_data_in_one_set():
    X = torch.cat([rand(20, 2), (torch.arange(20) % 2).double().unsqueeze(-1)], dim=-1)
    inputs = MultiRBFCorrelationModel.construct_inputs(
        data_set(X, rand(20, 1)), task_feature=2, all_tasks=[0, 1, 7], output_tasks=[7, 0]
    )
    assert MultiRBFCorrelationModel(**inputs).output_tasks == [7, 0]


def test_what_is_not_supported_is_refused():
    data = data_set(rand(9, 2), rand(9, 2))
    with pytest.raises(UnsupportedError, match=r"no categorical_features, got \[1\]"):
        MultiRBFCorrelationModel.construct_inputs(data, categorical_features=[1])
    with pytest.raises(UnsupportedError, match=r"no fidelity_features, got \[0\]"):
        MultiRBFCorrelationModel.construct_inputs(data, fidelity_features=[0])
    parts = MultiTaskDataset([data_set(rand(9, 2), rand(9, 1))], "a")
    with pytest.raises(UnsupportedError, match="task_feature 2, the column .* appends, got 0"):
        MultiRBFCorrelationModel.construct_inputs(parts, task_feature=0)
    other = SupervisedDataset(
        rand(9, 2), rand(9, 1), feature_names=["x0", "z"], outcome_names=["b"]
    )
    mixed = MultiTaskDataset([data_set(rand(9, 2), rand(9, 1)), other], "a")
    with pytest.raises(UnsupportedError, match="heterogeneous"):
        MultiRBFCorrelationModel.construct_inputs(mixed)

"""Gains of all tasks from one forward, in the tasks' units."""

import pytest
import torch

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import optimize_acqf_any_task, optimize_acqf_per_task
from botorch_cll.optim.loop import propose_by_swarm

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of points of each forward of a model, as they come."""
    rows = []
    forward = MultiRBFCorrelationModel.forward
    monkeypatch.setattr(
        MultiRBFCorrelationModel,
        "forward",
        lambda self, X: (rows.append(X.shape[:-1].numel()), forward(self, X))[1],
    )
    return rows


def test_one_forward_serves_all_tasks(model: MultiRBFCorrelationModel, rows: list[int]) -> None:
    options = {"maxiter": 7, "polish": False, "diameter_tolerance": 0.0}
    optimize_acqf_per_task(model, BOUNDS, options=options)
    # One each for the incumbents, the raw samples, the first positions and every iteration.
    assert len(rows) == 10
    assert rows[:2] == [len(model.train_X), 512]
    assert rows.count(512) == 1


def test_candidates_do_not_depend_on_the_units_of_the_tasks() -> None:
    generator = torch.Generator().manual_seed(3)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(15, 2, generator=generator).double()
    Y = torch.stack([(3.0 * X[:, 0]).sin() + X[:, 1].cos(), X[:, 0] - X[:, 1] ** 2], dim=-1)
    found = []
    for unit in (torch.ones(2).double(), torch.tensor([1024.0, 1.0]).double()):
        model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y * unit))
        proposed = propose_by_swarm(model, BOUNDS, X, Y * unit, 0)
        found.append((*optimize_acqf_any_task(model, BOUNDS, 2), proposed))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)

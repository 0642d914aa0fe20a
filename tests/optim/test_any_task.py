import pytest
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.acquisition.analytic import LogProbabilityOfImprovement
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.models import MultiTaskGP

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import (
    expected_best_by_task,
    optimize_acqf_any_task,
    optimize_acqf_per_task,
)
from botorch_cll.optim.incumbents import task_units

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


def expected_values(
    model: MultiRBFCorrelationModel,
    X: torch.Tensor,
    best_f: torch.Tensor,
    unit: torch.Tensor,
    maximize: bool,
) -> torch.Tensor:
    """`n x T`: the log expected improvement of each task, in its unit, by BoTorch on its own."""
    columns = [
        LogExpectedImprovement(model.subset_output([task]), best_f=best, maximize=maximize)(
            X.unsqueeze(-2)
        )
        for task, best in enumerate(best_f)
    ]
    return torch.stack(columns, dim=-1) - unit.log()


@pytest.mark.parametrize("maximize", [True, False])
def test_each_candidate_is_where_a_task_gains_most_after_those_before(
    model: MultiRBFCorrelationModel, maximize: bool
) -> None:
    candidates, values = optimize_acqf_any_task(model, BOUNDS, 4, maximize=maximize)
    assert candidates.shape == (4, 2)
    generator = torch.Generator().manual_seed(1)
    dense = torch.rand(2000, 2, dtype=torch.double, generator=generator)
    dense = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * dense
    best_f = expected_best_by_task(model, model.train_X, model.train_Y, maximize)
    unit = task_units(model, BOUNDS)
    for x, value in zip(candidates.split(1), values, strict=True):
        found = expected_values(model, x, best_f, unit, maximize)
        torch.testing.assert_close(found.amax(), value, rtol=1e-6, atol=1e-8)
        assert value >= expected_values(model, dense, best_f, unit, maximize).max() - 1e-3
        expected = model.posterior(x).mean.detach()
        model = model.condition_on_observations(x, expected)
        best_f = (torch.maximum if maximize else torch.minimum)(best_f, expected[0])


def test_a_task_that_has_converged_leaves_its_candidates_to_the_others(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = expected_best_by_task(model, model.train_X, model.train_Y)
    best_f[[0, 2]] += 100.0
    candidates, _ = optimize_acqf_any_task(model, BOUNDS, 3, best_f)
    alone = optimize_acqf_per_task(model, BOUNDS, best_f)[0][1]
    torch.testing.assert_close(candidates[0], alone, rtol=1e-2, atol=1e-2)
    assert ((candidates - alone).abs() / (BOUNDS[1] - BOUNDS[0]) < 0.3).all()


def test_tasks_that_are_alike_do_not_spend_two_evaluations_on_one_point() -> None:
    generator = torch.Generator().manual_seed(2)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(12, 2, generator=generator).double()
    Y = (3.0 * X[:, :1]).sin() + X[:, 1:].cos()
    alike = fit_rbf_ensemble(MultiRBFCorrelationModel(X, torch.cat([Y, Y], dim=-1)))
    per_task, _ = optimize_acqf_per_task(alike, BOUNDS)
    any_task, _ = optimize_acqf_any_task(alike, BOUNDS, 2)
    assert (per_task[0] - per_task[1]).norm() < 1e-2
    assert (any_task[0] - any_task[1]).norm() > 2e-2


def test_a_task_without_incumbent_is_not_waited_for_and_has_one_after_a_candidate(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = model.train_Y.amax(0)
    best_f[0] = best_f[2] = torch.nan
    candidates, values = optimize_acqf_any_task(model, BOUNDS, 2, best_f)
    assert values.isfinite().all()
    own = optimize_acqf_per_task(model, BOUNDS, model.train_Y.amax(0))[0]
    torch.testing.assert_close(candidates[0], own[1], rtol=1e-2, atol=1e-2)
    # At the first candidate the first task is far from its best: from there it gains most.
    assert ((candidates[1] - own[0]).abs() / (BOUNDS[1] - BOUNDS[0]) < 0.1).all()
    with pytest.raises(InputDataError, match="incumbent of at least one task"):
        optimize_acqf_any_task(model, BOUNDS, 2, torch.full_like(best_f, torch.nan))


def test_other_acquisition_functions(model: MultiRBFCorrelationModel) -> None:
    best_f = model.train_Y.amax(0)
    candidate, value = optimize_acqf_any_task(
        model, BOUNDS, 1, best_f, acqf_class=LogProbabilityOfImprovement
    )
    expected = [
        LogProbabilityOfImprovement(model.subset_output([task]), best)(candidate).item()
        for task, best in enumerate(best_f)
    ]
    assert value.item() == pytest.approx(max(expected))


def test_more_candidates_than_a_model_can_be_conditioned_for_are_refused(
    model: MultiRBFCorrelationModel,
) -> None:
    with pytest.raises(InputDataError, match="`q` to be at least 1, got 0"):
        optimize_acqf_any_task(model, BOUNDS, 0)
    task = torch.arange(3).repeat_interleave(25).unsqueeze(-1)
    long_X = torch.cat([model.train_X.repeat(3, 1), task], dim=-1)
    multi = MultiTaskGP(long_X, model.train_Y.T.reshape(-1, 1), task_feature=-1)
    best_f = model.train_Y.amax(0)
    with pytest.raises(UnsupportedError, match="got 2 and a MultiTaskGP"):
        optimize_acqf_any_task(multi, BOUNDS, 2, best_f)
    assert optimize_acqf_any_task(multi, BOUNDS, 1, best_f)[0].shape == (1, 2)

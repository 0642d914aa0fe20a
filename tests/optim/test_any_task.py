from types import SimpleNamespace

import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, UpperConfidenceBound
from botorch.acquisition.analytic import LogProbabilityOfImprovement
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
    UnsupportedError,
)
from botorch.models import MultiTaskGP, SingleTaskGP
from botorch.models.transforms import Normalize

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import (
    expected_best_by_task,
    optimize_acqf_any_task,
    optimize_acqf_per_task,
)
from botorch_cll.optim.incumbents import task_units
from botorch_cll.optim.loop import propose_by_swarm

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


def test_candidates_keep_to_constraints_rounding_and_fixed_features(
    model: MultiRBFCorrelationModel,
) -> None:
    index, ones = torch.tensor([0, 1]), torch.ones(2, dtype=torch.double)
    candidates, _ = optimize_acqf_any_task(
        model, BOUNDS, 2, inequality_constraints=[(index, ones, 1.5)]
    )
    assert (candidates.sum(-1) >= 1.5 - 1e-6).all()
    candidates, _ = optimize_acqf_any_task(
        model,
        BOUNDS,
        2,
        nonlinear_inequality_constraints=[(lambda x: 0.25 - x.square().sum(), True)],
    )
    assert (candidates.square().sum(-1) <= 0.25 + 1e-6).all()
    candidates, _ = optimize_acqf_any_task(model, BOUNDS, 2, post_processing_func=torch.round)
    torch.testing.assert_close(candidates, candidates.round())
    candidates, _ = optimize_acqf_any_task(model, BOUNDS, 2, fixed_features={-2: 0.4})
    assert (candidates[:, 0] == 0.4).all()
    with pytest.raises(CandidateGenerationError, match="feasible"):
        optimize_acqf_any_task(
            model, BOUNDS, 1, inequality_constraints=[(index, ones, 10.0)], options={"maxiter": 3}
        )


def test_same_seed_same_bits_and_no_global_state(model: MultiRBFCorrelationModel) -> None:
    before = torch.random.get_rng_state()
    first, _ = optimize_acqf_any_task(model, BOUNDS, 2, options={"seed": 4})
    second, _ = optimize_acqf_any_task(model, BOUNDS, 2, options={"seed": 4})
    assert torch.equal(first, second)
    other, _ = optimize_acqf_any_task(model, BOUNDS, 2, options={"seed": 5})
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_time_is_shared_by_the_candidates(
    model: MultiRBFCorrelationModel, clock: SimpleNamespace
) -> None:
    class Slow(LogExpectedImprovement):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            clock.seconds += 1.0
            return super().forward(X)

    options = {"polish": False, "maxiter": 100, "diameter_tolerance": 0.0}
    optimize_acqf_any_task(
        model, BOUNDS, 2, acqf_class=Slow, raw_samples=16, options=options, timeout_sec=30.0
    )
    # Each candidate's search is over after 15 seconds.
    assert 30.0 <= clock.seconds < 34.0


def test_other_acquisition_functions_and_models(model: MultiRBFCorrelationModel) -> None:
    best_f = model.train_Y.amax(0)
    candidate, value = optimize_acqf_any_task(
        model, BOUNDS, 1, best_f, acqf_class=LogProbabilityOfImprovement
    )
    expected = [
        LogProbabilityOfImprovement(model.subset_output([task]), best)(candidate).item()
        for task, best in enumerate(best_f)
    ]
    assert value.item() == pytest.approx(max(expected))
    gp = SingleTaskGP(model.train_X, model.train_Y, input_transform=Normalize(2))
    candidates, _ = optimize_acqf_any_task(gp, BOUNDS, 2, model.train_Y.amax(0), raw_samples=16)
    assert candidates.shape == (2, 2)


def test_refusals(model: MultiRBFCorrelationModel) -> None:
    best_f = model.train_Y.amax(0)
    gp = SingleTaskGP(model.train_X, model.train_Y, input_transform=Normalize(2))
    with pytest.raises(UnsupportedError, match="Expected best_f for a model .*SingleTaskGP"):
        optimize_acqf_any_task(gp, BOUNDS, 1)
    conditioned = model.condition_on_observations(model.train_X[:1] + 0.1, model.train_Y[:1])
    with pytest.raises(UnsupportedError, match="got one conditioned on further observations"):
        optimize_acqf_any_task(conditioned, BOUNDS, 1)
    assert optimize_acqf_any_task(conditioned, BOUNDS, 1, best_f)[0].shape == (1, 2)
    with pytest.raises(BotorchTensorDimensionError, match="one entry for each of 3 outputs"):
        optimize_acqf_any_task(model, BOUNDS, 1, best_f[:2])
    with pytest.raises(InputDataError, match="`q` to be at least 1, got 0"):
        optimize_acqf_any_task(model, BOUNDS, 0)
    with pytest.raises(InputDataError, match="`num_restarts` to be at least 1, got 0"):
        optimize_acqf_any_task(model, BOUNDS, 1, num_restarts=0)
    with pytest.raises(BotorchTensorDimensionError, match=r"2 inputs, 2 x 2, got \(2, 1\)"):
        optimize_acqf_any_task(model, BOUNDS[:, :1], 1)
    with pytest.raises(InputDataError, match=r"dtype, torch.float64, got torch.float32"):
        optimize_acqf_any_task(model, BOUNDS.float(), 1)
    task = torch.arange(3).repeat_interleave(25).unsqueeze(-1)
    long_X = torch.cat([model.train_X.repeat(3, 1), task], dim=-1)
    multi = MultiTaskGP(long_X, model.train_Y.T.reshape(-1, 1), task_feature=-1)
    with pytest.raises(UnsupportedError, match="got 2 and a MultiTaskGP"):
        optimize_acqf_any_task(multi, BOUNDS, 2, best_f)
    assert optimize_acqf_any_task(multi, BOUNDS, 1, best_f)[0].shape == (1, 2)
    with pytest.raises(TypeError, match="best_f"):
        optimize_acqf_any_task(model, BOUNDS, 1, acqf_class=UpperConfidenceBound)

from types import SimpleNamespace

import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, UpperConfidenceBound
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
    UnsupportedError,
)
from botorch.exceptions.warnings import BadInitialCandidatesWarning
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize

from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import expected_best_by_task, optimize_acqf_per_task

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


@pytest.mark.parametrize("maximize", [True, False])
def test_each_candidate_maximizes_its_own_output(
    model: MultiRBFCorrelationModel, maximize: bool
) -> None:
    candidates, values = optimize_acqf_per_task(model, BOUNDS, maximize=maximize)
    assert candidates.shape == (3, 2)
    generator = torch.Generator().manual_seed(1)
    dense = torch.rand(2000, 1, 2, dtype=torch.double, generator=generator)
    dense = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * dense
    incumbents = expected_best_by_task(model, model.train_X, model.train_Y, maximize)
    for task in range(3):
        acqf = LogExpectedImprovement(
            model.subset_output([task]), best_f=incumbents[task], maximize=maximize
        )
        torch.testing.assert_close(acqf(candidates[task : task + 1]).view(()), values[task])
        assert values[task] >= acqf(dense).max() - 1e-3


def test_candidates_keep_to_constraints_rounding_and_fixed_features(
    model: MultiRBFCorrelationModel,
) -> None:
    index, ones = torch.tensor([0, 1]), torch.ones(2, dtype=torch.double)
    candidates, _ = optimize_acqf_per_task(
        model, BOUNDS, inequality_constraints=[(index, ones, 1.5)]
    )
    assert (candidates.sum(-1) >= 1.5 - 1e-6).all()
    candidates, _ = optimize_acqf_per_task(
        model, BOUNDS, nonlinear_inequality_constraints=[(lambda x: 0.25 - x.square().sum(), True)]
    )
    assert (candidates.square().sum(-1) <= 0.25 + 1e-6).all()
    candidates, _ = optimize_acqf_per_task(model, BOUNDS, post_processing_func=torch.round)
    torch.testing.assert_close(candidates, candidates.round())
    candidates, _ = optimize_acqf_per_task(model, BOUNDS, fixed_features={0: 0.4})
    torch.testing.assert_close(candidates[:, 0], torch.full((3,), 0.4, dtype=torch.double))


def test_impossible_constraints_are_an_error(model: MultiRBFCorrelationModel) -> None:
    index, ones = torch.tensor([0, 1]), torch.ones(2, dtype=torch.double)
    with pytest.raises(CandidateGenerationError, match="feasible"):
        optimize_acqf_per_task(
            model, BOUNDS, inequality_constraints=[(index, ones, 10.0)], options={"maxiter": 3}
        )


def test_one_forward_serves_all_tasks(
    model: MultiRBFCorrelationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    forward = MultiRBFCorrelationModel.forward
    monkeypatch.setattr(
        MultiRBFCorrelationModel,
        "forward",
        lambda self, X: (calls.append(len(X)), forward(self, X))[1],
    )
    options = {"maxiter": 7, "polish": False, "diameter_tolerance": 0.0}
    optimize_acqf_per_task(model, BOUNDS, options=options)
    # One each for the incumbents, the raw samples, the first positions and every iteration.
    assert len(calls) == 10


def test_same_seed_same_bits_and_no_global_state(model: MultiRBFCorrelationModel) -> None:
    before = torch.random.get_rng_state()
    first, _ = optimize_acqf_per_task(model, BOUNDS, options={"seed": 4})
    second, _ = optimize_acqf_per_task(model, BOUNDS, options={"seed": 4})
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_search_ends_when_time_is_up(
    model: MultiRBFCorrelationModel, clock: SimpleNamespace
) -> None:
    class Slow(LogExpectedImprovement):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            clock.seconds += 1.0
            return super().forward(X)

    options = {"polish": False, "maxiter": 100, "diameter_tolerance": 0.0}
    optimize_acqf_per_task(
        model, BOUNDS, acqf_class=Slow, raw_samples=16, options=options, timeout_sec=15.0
    )
    assert 15.0 <= clock.seconds < 17.0


def test_other_acquisition_functions_and_models(model: MultiRBFCorrelationModel) -> None:
    gp = SingleTaskGP(model.train_X, model.train_Y, input_transform=Normalize(2))
    best_f = model.train_Y.amax(0)
    candidates, _ = optimize_acqf_per_task(gp, BOUNDS, best_f, raw_samples=16)
    assert candidates.shape == (3, 2)
    with pytest.raises(UnsupportedError, match="Expected best_f for a model .*SingleTaskGP"):
        optimize_acqf_per_task(gp, BOUNDS)
    with pytest.raises(BotorchTensorDimensionError, match="one entry for each of 3 outputs"):
        optimize_acqf_per_task(model, BOUNDS, best_f[:2])
    with pytest.raises(TypeError, match="best_f"):
        optimize_acqf_per_task(model, BOUNDS, acqf_class=UpperConfidenceBound)


def test_raw_samples_are_scored_for_all_tasks_at_once(
    model: MultiRBFCorrelationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    forward = MultiRBFCorrelationModel.forward
    monkeypatch.setattr(
        MultiRBFCorrelationModel,
        "forward",
        lambda self, X: (rows.append(X.shape[:-1].numel()), forward(self, X))[1],
    )
    optimize_acqf_per_task(
        model, BOUNDS, num_restarts=2, raw_samples=128, options={"maxiter": 0, "polish": False}
    )
    assert rows[:2] == [len(model.train_X), 128]
    assert rows.count(128) == 1


def test_where_all_features_are_fixed_there_is_one_candidate(
    model: MultiRBFCorrelationModel,
) -> None:
    candidates, values = optimize_acqf_per_task(model, BOUNDS, fixed_features={0: 0.4, 1: 1.0})
    torch.testing.assert_close(candidates, torch.tensor([[0.4, 1.0]]).to(BOUNDS).expand(3, 2))
    assert values.isfinite().all()


def test_no_swarm_is_refused(model: MultiRBFCorrelationModel) -> None:
    with pytest.raises(InputDataError, match="`num_restarts` to be at least 1, got 0"):
        optimize_acqf_per_task(model, BOUNDS, num_restarts=0)


def test_a_task_without_incumbent_has_a_candidate_all_the_same(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = model.train_Y.amax(0)
    best_f[1] = torch.nan
    with pytest.warns(BadInitialCandidatesWarning, match="initial conditions"):
        candidates, values = optimize_acqf_per_task(model, BOUNDS, best_f)
    assert values.isfinite().tolist() == [True, False, True]
    assert ((BOUNDS[0] <= candidates) & (BOUNDS[1] >= candidates)).all()


def test_negative_indices_of_fixed_features_count_from_the_last_input(
    model: MultiRBFCorrelationModel,
) -> None:
    options = {"maxiter": 3}
    candidates, _ = optimize_acqf_per_task(model, BOUNDS, fixed_features={-1: 0.3}, options=options)
    assert (candidates[:, 1] == 0.3).all()
    with pytest.raises(InputDataError, match=r"in \[-2, 1\], got 2"):
        optimize_acqf_per_task(model, BOUNDS, fixed_features={2: 0.3})


def test_bounds_of_another_dtype_are_refused_and_the_model_stays_as_it_is(
    model: MultiRBFCorrelationModel,
) -> None:
    with pytest.raises(InputDataError, match=r"dtype, torch.float64, got torch.float32"):
        optimize_acqf_per_task(model, BOUNDS.float())
    assert model.train_X.dtype == torch.float64
    with pytest.raises(InputDataError, match="floating-point numbers, got torch.int64"):
        optimize_acqf_per_task(model, BOUNDS.long())
    with pytest.raises(InputDataError, match="floating-point numbers, got list"):
        optimize_acqf_per_task(model, BOUNDS.tolist())

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, UpperConfidenceBound
from botorch.exceptions.errors import CandidateGenerationError, InputDataError
from botorch.exceptions.warnings import BadInitialCandidatesWarning
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize
from torch import Tensor

from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import (
    expected_best_by_task,
    optimize_acqf_any_task,
    optimize_acqf_per_task,
)

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)
INDEX, ONES = torch.tensor([0, 1]), torch.ones(2, dtype=torch.double)

Optimize = Callable[..., tuple[Tensor, Tensor]]


def two_for_any_task(model: MultiRBFCorrelationModel, bounds: Tensor, **options: object):
    return optimize_acqf_any_task(model, bounds, 2, **options)


both = pytest.mark.parametrize(
    "optimize", [optimize_acqf_per_task, two_for_any_task], ids=["per task", "any task"]
)


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


def rounded(X: Tensor) -> Tensor:
    assert X.shape[-1] == 2
    return X.round()


@both
@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ({"inequality_constraints": [(INDEX, ONES, 1.5)]}, lambda X: X.sum(-1) >= 1.5 - 1e-6),
        (
            {"nonlinear_inequality_constraints": [(lambda x: 0.25 - x.square().sum(), True)]},
            lambda X: X.square().sum(-1) <= 0.25 + 1e-6,
        ),
        ({"post_processing_func": rounded}, lambda X: X.round() == X),
        ({"fixed_features": {-1: 0.3}}, lambda X: X[:, 1] == 0.3),
    ],
    ids=["linear", "nonlinear", "rounded", "fixed, from the end"],
)
def test_candidates_keep_to_what_is_asked(
    model: MultiRBFCorrelationModel,
    optimize: Optimize,
    options: dict[str, object],
    holds: Callable[[Tensor], Tensor],
) -> None:
    candidates, _ = optimize(model, BOUNDS, num_restarts=4, raw_samples=64, **options)
    assert holds(candidates).all()


@both
def test_impossible_constraints_are_an_error(
    model: MultiRBFCorrelationModel, optimize: Optimize
) -> None:
    options = {"inequality_constraints": [(INDEX, ONES, 10.0)], "options": {"maxiter": 3}}
    with pytest.raises(CandidateGenerationError, match="satisfies the constraints: .*feasible"):
        optimize(model, BOUNDS, **options)


def test_without_a_feasible_point_the_tasks_are_named(model: MultiRBFCorrelationModel) -> None:
    nowhere = [(lambda x: -1.0 - x.square().sum(), True)]
    options = {"nonlinear_inequality_constraints": nowhere, "options": {"maxiter": 1}}
    with pytest.raises(CandidateGenerationError, match=r"feasible candidate for tasks \[0, 1, 2\]"):
        optimize_acqf_per_task(model, BOUNDS, num_restarts=2, raw_samples=16, **options)


@both
def test_same_seed_same_bits_and_no_global_state(
    model: MultiRBFCorrelationModel, optimize: Optimize
) -> None:
    before = torch.random.get_rng_state()
    first, same, other = (optimize(model, BOUNDS, options={"seed": seed})[0] for seed in (4, 4, 5))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


@both
def test_the_search_ends_when_time_is_up(
    model: MultiRBFCorrelationModel, clock: SimpleNamespace, optimize: Optimize
) -> None:
    class Slow(LogExpectedImprovement):
        def forward(self, X: Tensor) -> Tensor:
            clock.seconds += 1.0
            return super().forward(X)

    options = {"polish": False, "maxiter": 100, "diameter_tolerance": 0.0}
    optimize(model, BOUNDS, acqf_class=Slow, raw_samples=16, options=options, timeout_sec=30.0)
    # For two candidates for any task the search is over after 15 seconds each.
    assert 30.0 <= clock.seconds < 34.0


@both
def test_other_models_and_acquisition_functions_that_do_not_fit(
    model: MultiRBFCorrelationModel, optimize: Optimize
) -> None:
    gp = SingleTaskGP(model.train_X, model.train_Y, input_transform=Normalize(2))
    candidates, values = optimize(gp, BOUNDS, best_f=model.train_Y.amax(0), raw_samples=16)
    assert candidates.shape == (len(values), 2)
    with pytest.raises(TypeError, match="best_f"):
        optimize(model, BOUNDS, acqf_class=UpperConfidenceBound)


@both
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"num_restarts": 0}, "`num_restarts` to be at least 1, got 0"),
        ({"fixed_features": {2: 0.3}}, r"in \[-2, 1\], got 2"),
    ],
    ids=["no swarm", "index"],
)
def test_what_does_not_fit_is_refused(
    model: MultiRBFCorrelationModel, optimize: Optimize, options: dict[str, object], match: str
) -> None:
    with pytest.raises(InputDataError, match=match):
        optimize(model, BOUNDS, **options)


def test_where_all_features_are_fixed_there_is_one_candidate(
    model: MultiRBFCorrelationModel,
) -> None:
    candidates, values = optimize_acqf_per_task(model, BOUNDS, fixed_features={0: 0.4, 1: 1.0})
    torch.testing.assert_close(candidates, torch.tensor([[0.4, 1.0]]).to(BOUNDS).expand(3, 2))
    assert values.isfinite().all()


def test_a_task_without_incumbent_has_a_candidate_all_the_same(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = model.train_Y.amax(0)
    best_f[1] = torch.nan
    with pytest.warns(BadInitialCandidatesWarning, match="initial conditions"):
        candidates, values = optimize_acqf_per_task(model, BOUNDS, best_f)
    assert values.isfinite().tolist() == [True, False, True]
    assert ((BOUNDS[0] <= candidates) & (BOUNDS[1] >= candidates)).all()

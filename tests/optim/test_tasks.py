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

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import best_by_task, expected_best_by_task, optimize_acqf_per_task
from botorch_cll.optim.loop import propose_per_task
from botorch_cll.optim.tasks import task_units

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


@pytest.fixture(scope="module")
def model() -> MultiRBFCorrelationModel:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(25, 2, dtype=torch.double, generator=generator)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * X
    Y = torch.stack(
        [
            -(X[:, 0] - 0.2).square() - X[:, 1] ** 2,
            -(X[:, 0] - 0.9).square() - (X[:, 1] - 1) ** 2,
            X[:, 0],
        ],
        dim=-1,
    )
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y))


def test_best_by_task() -> None:
    X = torch.arange(6.0).view(3, 2)
    Y = torch.tensor([[1.0, torch.nan], [3.0, 0.0], [2.0, -1.0]])
    best = best_by_task(X, Y)
    torch.testing.assert_close(best.Y, torch.tensor([3.0, 0.0]))
    torch.testing.assert_close(best.X, X[[1, 1]])
    least = best_by_task(X, Y, maximize=False)
    assert least.row.tolist() == [0, 2]
    assert best_by_task(X, torch.full((3, 1), torch.nan)).Y.isnan().all()
    with pytest.raises(BotorchTensorDimensionError, match=r"got \(3, 2\) and \(2, 1\)"):
        best_by_task(X, Y[:2, :1])


@pytest.mark.parametrize("maximize", [True, False])
def test_expected_best_is_a_mean_where_the_task_was_observed(
    model: MultiRBFCorrelationModel, maximize: bool
) -> None:
    Y = model.train_Y.clone()
    Y[:20, 1] = torch.nan
    Y[:, 2] = torch.nan
    mean = model.posterior(model.train_X).mean
    if not maximize:
        mean = -mean
    best = expected_best_by_task(model, model.train_X, Y, maximize)
    expected = torch.stack([mean[:, 0].max(), mean[20:, 1].max()])
    torch.testing.assert_close(best[:2], expected if maximize else -expected)
    assert best[2].isnan()
    for wrong in (Y[:5], Y[:, :1]):
        with pytest.raises(BotorchTensorDimensionError, match=r"Expected Y of shape \(25, 3\)"):
            expected_best_by_task(model, model.train_X, wrong, maximize)


def test_expected_best_is_no_lucky_observation() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(60, 2, dtype=torch.double, generator=generator)
    noise = torch.randn(60, 1, dtype=torch.double, generator=generator)
    truth = -(X - 0.5).square().sum(-1, keepdim=True)
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, truth + noise))
    best = expected_best_by_task(model, X, truth + noise)
    assert best.item() == pytest.approx(0.0, abs=0.7)
    assert (truth + noise).max() > 1.5


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


@pytest.fixture(scope="module")
def alike() -> MultiRBFCorrelationModel:
    """Two tasks that are the same."""
    generator = torch.Generator().manual_seed(2)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(12, 2, generator=generator).double()
    Y = (3.0 * X[:, :1]).sin() + X[:, 1:].cos()
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, torch.cat([Y, Y], dim=-1)))


def test_tasks_that_take_turns_do_not_meet(alike: MultiRBFCorrelationModel) -> None:
    at_once, _ = optimize_acqf_per_task(alike, BOUNDS)
    in_turn, _ = optimize_acqf_per_task(alike, BOUNDS, sequential=True)
    assert (at_once[0] - at_once[1]).norm() < 1e-2
    assert (in_turn[0] - in_turn[1]).norm() > 2e-2


@pytest.mark.parametrize("maximize", [True, False])
def test_a_task_in_turn_supposes_what_was_expected_of_the_candidates_before(
    model: MultiRBFCorrelationModel, maximize: bool
) -> None:
    _, at_once = optimize_acqf_per_task(model, BOUNDS, maximize=maximize)
    candidates, values = optimize_acqf_per_task(model, BOUNDS, maximize=maximize, sequential=True)
    best_f = expected_best_by_task(model, model.train_X, model.train_Y, maximize)
    supposed, waiting = model, {0, 1, 2}
    unit = task_units(model, BOUNDS)
    task = int((at_once - unit.log()).argmax())
    assert values[task] == at_once[task]
    for _ in range(2):
        waiting.remove(task)
        x = candidates[[task]]
        expected = supposed.posterior(x).mean.detach()
        supposed = supposed.condition_on_observations(x, expected)
        # None of these tasks had a higher mean there than its incumbent by much, but it may have.
        best_f = (torch.maximum if maximize else torch.minimum)(best_f, expected[0])
        after = {
            other: LogExpectedImprovement(
                supposed.subset_output([other]), best_f=best_f[other], maximize=maximize
            )(candidates[[other]])
            for other in waiting
        }
        task = max(after, key=lambda other: (after[other] - unit[other].log()).item())
        torch.testing.assert_close(values[task], after[task].squeeze(0), rtol=1e-6, atol=1e-8)


def test_turns_do_not_depend_on_the_units_of_the_tasks() -> None:
    generator = torch.Generator().manual_seed(3)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(15, 2, generator=generator).double()
    Y = torch.stack([(3.0 * X[:, 0]).sin() + X[:, 1].cos(), X[:, 0] - X[:, 1] ** 2], dim=-1)
    found = []
    for unit in (torch.ones(2).double(), torch.tensor([1024.0, 1.0]).double()):
        model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y * unit))
        candidates, values = optimize_acqf_per_task(model, BOUNDS, sequential=True)
        proposed = propose_per_task(model, BOUNDS, X, Y * unit, 0)
        found.append((candidates, values - unit.log(), proposed))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_units_are_those_of_the_means_and_one_where_nothing_varies() -> None:
    generator = torch.Generator().manual_seed(3)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(15, 2, generator=generator).double()
    Y = torch.stack([100.0 * X[:, 0], torch.full((15,), 3.0).double()], dim=-1)
    units = task_units(fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y)), BOUNDS)
    assert units[0].item() == pytest.approx(100.0 / 12**0.5, rel=0.1)
    assert units[1] == 1.0


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


def test_in_turn_a_task_without_incumbent_comes_last_and_has_one_by_then(
    model: MultiRBFCorrelationModel,
) -> None:
    best_f = model.train_Y.amax(0)
    best_f[1] = torch.nan
    with pytest.warns(BadInitialCandidatesWarning, match="initial conditions"):
        _, values = optimize_acqf_per_task(model, BOUNDS, best_f, sequential=True)
    assert values.isfinite().all()

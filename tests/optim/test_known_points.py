import pytest
import torch
from botorch.acquisition import qLogExpectedImprovement
from botorch.acquisition.analytic import (
    LogExpectedImprovement,
    LogProbabilityOfImprovement,
    PosteriorMean,
)
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.optim.parameter_constraints import evaluate_feasibility
from torch import Tensor

from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim import (
    expected_best_by_task,
    optimize_acqf_any_task,
    optimize_acqf_per_task,
    optimize_acqf_pso,
    proposal,
    run_bay_mrbfcor,
)
from botorch_cll.optim.known_points import KnownPoints
from botorch_cll.optim.settings import PROPOSAL

from support.surfaces import DISC, Surface, box, hill, search_of, waves

BOUNDS = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)
CORNER = torch.tensor([[1.0, 2.0]], dtype=torch.double)
SAME_POINT = PROPOSAL.same_point


def toward_a_corner(X: Tensor) -> Tensor:
    """Two tasks that are best at (1, 2), the upper corner of the box."""
    return torch.stack([X[:, 0] + X[:, 1], 3.0 * X[:, 0] + (0.5 * X[:, 1]).sin()], dim=-1)


@pytest.fixture(scope="module")
def corner_model() -> MultiRBFCorrelationModel:
    generator = torch.Generator().manual_seed(0)
    X = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.rand(12, 2, generator=generator).double()
    X = torch.cat([X, CORNER])
    return fit_rbf_ensemble(MultiRBFCorrelationModel(X, toward_a_corner(X)))


def distance(X: Tensor, known: Tensor) -> Tensor:
    return KnownPoints(known, BOUNDS).distance(X.unsqueeze(-2))


def test_distance_is_that_of_the_input_that_differs_most_in_fractions_of_the_box() -> None:
    known = KnownPoints(torch.tensor([[0.5, 0.0], [0.1, 1.0]]).double(), BOUNDS)
    X = torch.tensor([[[0.6, 0.8], [0.13, 1.2]]]).double()
    # The second point is 0.03 of 1 and 0.2 of 4 from a known one.
    torch.testing.assert_close(known.distance(X), torch.tensor([0.05]).double())
    assert known.are_new(X).all()
    X[0, 1] = torch.tensor([0.1, 1.0 + 3.9 * SAME_POINT]).double()
    assert not known.are_new(X).any()
    assert KnownPoints(BOUNDS[:0], BOUNDS).are_new(X).all()
    with pytest.raises(BotorchTensorDimensionError, match=r"n x 2, got \(3, 1\)"):
        KnownPoints(torch.zeros(3, 1), BOUNDS)
    for wrong in ([[0.5, 0.0]], CORNER.log().neg().sqrt()):
        with pytest.raises(InputDataError, match="`X_avoid` as a tensor of finite numbers, got"):
            KnownPoints(wrong, BOUNDS)


def test_what_satisfies_the_constraint_differs_whatever_its_tolerance() -> None:
    known = KnownPoints(CORNER, BOUNDS)
    X = CORNER - SAME_POINT * torch.linspace(1.0 - 1e-4, 1.0 + 1e-4, 201).double().unsqueeze(-1)
    X = torch.cat([X, CORNER - 0.01]).unsqueeze(-2)
    satisfied = evaluate_feasibility(X, nonlinear_inequality_constraints=[(known.beyond, False)])
    assert satisfied.any()
    assert known.are_new(X)[satisfied].all()


@pytest.mark.parametrize("polish", [True, False])
def test_the_best_point_that_differs_is_found_where_all_swarms_end_at_a_known_one(
    corner_model: MultiRBFCorrelationModel, polish: bool
) -> None:
    acqf = PosteriorMean(corner_model.subset_output([0]))
    options = {"options": {"polish": polish}, "num_restarts": 8, "raw_samples": 64}
    at_corner, best = optimize_acqf_pso(acqf, BOUNDS, q=1, **options)
    assert distance(at_corner, CORNER) < SAME_POINT
    other, value = optimize_acqf_pso(acqf, BOUNDS, q=1, X_avoid=CORNER, **options)
    assert SAME_POINT <= distance(other, CORNER) < 0.02
    assert value < best
    assert value > best - 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_swarm_on_its_way_to_a_known_point_is_no_other_point(
    corner_model: MultiRBFCorrelationModel, seed: int
) -> None:
    train_X, options = corner_model.train_X, {"options": {"seed": seed}}
    best_f = expected_best_by_task(corner_model, train_X, corner_model.train_Y)
    acqfs = [
        LogExpectedImprovement(corner_model.subset_output([task]), best_f[task]) for task in (0, 1)
    ]
    ticks = torch.linspace(0, 1, 101, dtype=torch.double)
    grid = BOUNDS[0] + (BOUNDS[1] - BOUNDS[0]) * torch.cartesian_prod(ticks, ticks)
    grid = grid[distance(grid, train_X) > 2 * SAME_POINT]
    reachable = [acqf(grid.unsqueeze(-2)).max() for acqf in acqfs]
    # The best point of all is the corner, which is known.
    corner = [acqf(CORNER.unsqueeze(0)) for acqf in acqfs]
    assert all(best > other for best, other in zip(corner, reachable, strict=True))
    _, values = optimize_acqf_per_task(corner_model, BOUNDS, best_f, **options)
    one_by_one = [
        optimize_acqf_pso(acqf, BOUNDS, 1, 20, 512, X_avoid=train_X, **options)[1] for acqf in acqfs
    ]
    for found in (values, one_by_one):
        assert all(value > best - 0.1 for value, best in zip(found, reachable, strict=True))


def test_another_hill_is_taken_rather_than_the_foot_of_the_known_one() -> None:
    X = torch.linspace(0, 1, 30).double().unsqueeze(-1)
    Y = (15.0 * X).cos() + 0.1 * X
    model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, Y))
    bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double)
    acqf = PosteriorMean(model)
    first, _ = optimize_acqf_pso(acqf, bounds, q=1, num_restarts=20, raw_samples=128)
    other, _ = optimize_acqf_pso(acqf, bounds, q=1, num_restarts=20, raw_samples=128, X_avoid=first)
    assert (first - other).abs() > 0.3


@pytest.mark.parametrize(("options", "calls"), [({}, 5 + 13), ({"maxiter": 2}, 3 + 3)], ids=str)
def test_the_search_away_from_known_points_takes_longer_unless_told(options, calls) -> None:
    best, surface = torch.tensor([[0.3, 0.3]], dtype=torch.double), Surface(hill(0.3))
    options = {"num_particles": 7, **options}
    optimize_acqf_pso(surface, box(2), 1, 4, 64, X_avoid=best, options=options)
    assert surface.shapes.count((4 * 7, 1, 2)) == calls


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
def test_the_best_point_that_differs_keeps_to_the_constraints(polish: bool | None) -> None:
    # Without it the best point would be (0.9, 0.9), far from what is known.
    best = torch.tensor([[0.5, 0.5]], dtype=torch.double)
    options = {"options": {"polish": polish}, "nonlinear_inequality_constraints": DISC}
    candidate, _ = optimize_acqf_pso(Surface(hill(0.9)), box(2), 1, 4, 64, X_avoid=best, **options)
    assert evaluate_feasibility(candidate.unsqueeze(0), nonlinear_inequality_constraints=DISC)
    assert SAME_POINT <= (candidate - best).abs().max() < 0.02


def test_all_points_of_a_candidate_differ() -> None:
    best = torch.tensor([[0.3, 0.3]], dtype=torch.double)
    candidates, _ = optimize_acqf_pso(Surface(hill(0.3)), box(2), 2, 4, 64, X_avoid=best)
    apart = (candidates - best).abs().amax(-1)
    assert ((apart >= SAME_POINT) & (apart < 0.02)).all()


def test_fantasies_may_be_at_known_points() -> None:
    best, options = torch.tensor([[0.3]], dtype=torch.double), {"polish": False}
    search = search_of(hill(0.3), box(1), options, X_avoid=best, num_fantasies=1, num_restarts=4)
    X, _ = proposal.propose(search)
    candidate, fantasy = X[0, :, 0].tolist()
    assert SAME_POINT <= abs(candidate - 0.3) < 0.02
    assert abs(fantasy - 0.3) < SAME_POINT


def test_swarms_that_end_at_a_known_point_adopt_the_best_of_the_others() -> None:
    # One swarm for each of three maxima; the farther up, the higher.
    acqf = Surface(lambda X: waves(X) + X.sum(dim=(-2, -1)))
    options = {"polish": False, "spread": 0.02, "max_velocity": 0.05}
    starts = torch.tensor([0.35, 0.65, 0.98], dtype=torch.double).view(3, 1, 1)
    kwargs = {"batch_initial_conditions": starts, "return_best_only": False, "options": options}
    X, values = optimize_acqf_pso(acqf, box(1), 1, 3, **kwargs)
    found, found_values = optimize_acqf_pso(acqf, box(1), 1, 3, X_avoid=X[2], **kwargs)
    assert torch.equal(found, X[[0, 1, 1]])
    assert torch.equal(found_values, values[[0, 1, 1]])


def test_a_known_point_is_better_than_one_without_a_value() -> None:
    candidate, value = optimize_acqf_pso(
        Surface(lambda X: (1.0 - X).log().sum(dim=(-2, -1))),
        box(1),
        q=1,
        num_restarts=2,
        batch_initial_conditions=torch.tensor([[[0.1]], [[0.9]]], dtype=torch.double),
        post_processing_func=torch.round,
        options={"maxiter": 0, "num_particles": 1},
        X_avoid=torch.zeros(1, 1, dtype=torch.double),
    )
    assert (candidate.item(), value.item()) == (0.0, 0.0)


def test_the_known_point_is_returned_if_there_is_no_other(
    corner_model: MultiRBFCorrelationModel,
) -> None:
    acqf = PosteriorMean(corner_model.subset_output([0]))
    values = {0: 1.0, 1: 2.0}
    candidate, _ = optimize_acqf_pso(
        acqf, BOUNDS, q=1, num_restarts=2, raw_samples=8, fixed_features=values, X_avoid=CORNER
    )
    torch.testing.assert_close(candidate, CORNER)
    # What this leaves of the box is nowhere farther than 1e-4 of its width from the corner.
    around = [(torch.tensor([0, 1]), torch.tensor([1.0, 0.25]).double(), 1.5 - 1e-4)]
    candidates, _ = optimize_acqf_per_task(
        corner_model,
        BOUNDS,
        num_restarts=2,
        raw_samples=8,
        inequality_constraints=around,
        options={"maxiter": 3, "n_burnin": 100, "n_thinning": 2},
    )
    assert evaluate_feasibility(candidates.unsqueeze(-2), around).all()


def test_candidates_chosen_one_after_the_other_differ_from_each_other(
    corner_model: MultiRBFCorrelationModel,
) -> None:
    acqf = qLogExpectedImprovement(corner_model.subset_output([0]), best_f=0.0)
    candidates, _ = optimize_acqf_pso(
        acqf, BOUNDS, q=3, num_restarts=4, raw_samples=32, sequential=True, X_avoid=CORNER
    )
    for i in range(3):
        assert distance(candidates[[i]], torch.cat([CORNER, candidates[:i]])) >= SAME_POINT


def test_candidates_of_tasks_are_no_training_points_unless_asked(
    corner_model: MultiRBFCorrelationModel,
) -> None:
    train_X = corner_model.train_X
    for propose in (
        lambda **o: optimize_acqf_per_task(corner_model, BOUNDS, **o)[0],
        lambda **o: optimize_acqf_any_task(corner_model, BOUNDS, 1, **o)[0],
    ):
        assert (distance(propose(), train_X) >= SAME_POINT).all()
        assert (distance(propose(X_avoid=train_X[:0]), CORNER) < SAME_POINT).all()


def test_candidates_for_any_task_differ_from_earlier_and_pending_ones(
    corner_model: MultiRBFCorrelationModel,
) -> None:
    pending = torch.tensor([[0.9, 1.9], [0.2, 0.0]], dtype=torch.double)
    candidates, _ = optimize_acqf_any_task(corner_model, BOUNDS, 4, X_pending=pending)
    known = torch.cat([corner_model.train_X, pending])
    for i in range(4):
        assert distance(candidates[[i]], torch.cat([known, candidates[:i]])) >= SAME_POINT
    alone, _ = optimize_acqf_any_task(corner_model, BOUNDS, 2)
    after, _ = optimize_acqf_any_task(corner_model, BOUNDS, 1, X_pending=alone[:1])
    torch.testing.assert_close(after[0], alone[1])
    # Believed to be as good as expected, the best point is still where improvement is likeliest.
    options = {"acqf_class": LogProbabilityOfImprovement, "X_avoid": known[:0]}
    repeated, _ = optimize_acqf_any_task(corner_model, BOUNDS, 2, **options)
    assert distance(repeated[:1], CORNER) < SAME_POINT <= distance(repeated[1:], repeated[:1])
    other, _ = optimize_acqf_any_task(corner_model, BOUNDS, 1, X_pending=CORNER, **options)
    assert distance(other, CORNER) >= SAME_POINT
    with pytest.raises(BotorchTensorDimensionError, match=r"`X_pending` of shape m x 2, got \(2,"):
        optimize_acqf_any_task(corner_model, BOUNDS, 1, X_pending=pending[0])
    for wrong in (pending.numpy(), pending.where(pending < 1.0, torch.nan)):
        with pytest.raises(InputDataError, match="`X_pending` as a tensor of finite numbers, got"):
            optimize_acqf_any_task(corner_model, BOUNDS, 1, X_pending=wrong)


def test_the_loop_does_not_spend_its_budget_in_a_corner() -> None:
    result = run_bay_mrbfcor(toward_a_corner, BOUNDS, budget=26, num_initial=8)
    torch.testing.assert_close(result.best.X, CORNER.expand(2, 2))
    apart = torch.stack(
        [distance(result.X[[i]], result.X[:i]).squeeze(0) for i in range(8, len(result.X))]
    )
    assert (apart > 1e-6).all()

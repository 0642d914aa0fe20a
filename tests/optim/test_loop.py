import pytest
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.models import SingleTaskGP
from botorch.models.model import Model

from botorch_cll.optim import expected_best_by_task, loop, run_bay_mrbfcor
from botorch_cll.test_functions import CompositeTasks

BOUNDS = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)


def two_bowls(X: torch.Tensor) -> torch.Tensor:
    return torch.stack([(X - 0.25).square().sum(-1), (X - 0.75).square().sum(-1)], dim=-1)


def test_finds_every_task_s_own_optimum_within_the_budget() -> None:
    seen: list[int] = []
    result = run_bay_mrbfcor(
        two_bowls,
        BOUNDS,
        budget=24,
        num_initial=8,
        maximize=False,
        callback=lambda X, Y: seen.append(len(X)),
    )
    assert len(result.X) == len(result.Y) == 24
    assert seen[0] == 8
    assert seen[-1] == 24
    torch.testing.assert_close(result.Y, two_bowls(result.X))
    torch.testing.assert_close(
        result.best.X, torch.tensor([[0.25, 0.25], [0.75, 0.75]]).double(), atol=0.03, rtol=0
    )
    assert result.fit_seconds > 0
    assert result.propose_seconds > 0


def test_maximizing_the_negation_is_minimizing() -> None:
    options = {"budget": 12, "num_initial": 8, "seed": 3}
    down = run_bay_mrbfcor(two_bowls, BOUNDS, maximize=False, **options)
    up = run_bay_mrbfcor(lambda X: -two_bowls(X), BOUNDS, maximize=True, **options)
    assert torch.equal(down.X, up.X)


def test_every_iteration_has_a_seed_of_its_own_and_every_run_other_ones() -> None:
    def seeds(seed: int) -> list[int]:
        given, proposed = [], []

        def fit(X: torch.Tensor, Y: torch.Tensor, seed: int) -> None:
            given.append(seed)

        def propose(model, bounds, X: torch.Tensor, Y: torch.Tensor, seed: int) -> torch.Tensor:
            proposed.append(seed)
            return bounds

        options = {"budget": 8, "num_initial": 4, "seed": seed, "fit": fit, "propose": propose}
        run_bay_mrbfcor(two_bowls, BOUNDS, **options)
        assert proposed == given
        return given

    first, other = seeds(0), seeds(100)
    assert len(set(first + other)) == len(first) + len(other) == 4


def test_the_last_of_the_budget_goes_to_the_best_candidates() -> None:
    candidates = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], dtype=torch.double)
    options = {"fit": lambda *_: None, "propose": lambda *_: candidates}
    result = run_bay_mrbfcor(two_bowls, BOUNDS, budget=9, num_initial=4, **options)
    assert torch.equal(result.X[4:], candidates[[0, 1, 2, 0, 1]])


def test_the_default_fit_follows_its_seed() -> None:
    X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    first, same, other = (
        loop.fit_multi_rbf(X, two_bowls(X), seed).posterior(X + 0.1).mean for seed in (3, 3, 4)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_better_than_its_sobol_design_on_a_composite_pair() -> None:
    problem = CompositeTasks("Ackley+Griewank", noise_std=None, negate=True, seed=1)
    result = run_bay_mrbfcor(problem, problem.bounds, budget=50, num_initial=20)
    sobol = run_bay_mrbfcor(problem, problem.bounds, budget=50, num_initial=50)
    assert (result.best.Y >= sobol.best.Y).all()


def test_coinciding_candidates_are_evaluated_once() -> None:
    result = run_bay_mrbfcor(
        lambda X: two_bowls(X)[:, [0, 0]], BOUNDS, budget=14, num_initial=8, maximize=False
    )
    distance = torch.cdist(result.X, result.X).fill_diagonal_(1.0)
    assert distance.min() > 1e-7
    # Points that are only near each other do not coincide.
    near = torch.tensor([[0.5, 0.5], [0.5, 0.5 + 1e-8], [0.5, 0.5 + 1e-4]], dtype=torch.double)
    options = {"fit": lambda *_: None, "propose": lambda *_: near}
    result = run_bay_mrbfcor(two_bowls, BOUNDS, budget=6, num_initial=4, **options)
    assert torch.equal(result.X[4:], near[[0, 2]])


def test_failed_evaluations_are_nan_and_cost_nothing_but_themselves() -> None:
    def fails_at_times(X: torch.Tensor) -> torch.Tensor:
        Y = two_bowls(X)
        Y[:, 0] = Y[:, 0].where(X[:, 1] < 0.7, torch.nan)
        return Y.where((X > 0.1).all(-1, keepdim=True), torch.nan)

    result = run_bay_mrbfcor(fails_at_times, BOUNDS, budget=20, num_initial=8, maximize=False)
    assert len(result.Y) == 20
    assert result.Y.isnan().any()
    observed = result.Y.where(~result.Y.isnan(), torch.inf)
    assert torch.equal(result.best.Y, observed.amin(0))
    assert (result.best.Y < 0.02).all()


def test_proposals_keep_away_from_where_evaluations_fail() -> None:
    def fails_beyond(X: torch.Tensor) -> torch.Tensor:
        Y = torch.stack([X[:, 0] - (X[:, 1] - c).square() for c in (0.4, 0.5)], dim=-1)
        return Y.where(X[:, :1] < 0.9, torch.nan)

    result = run_bay_mrbfcor(fails_beyond, BOUNDS, budget=26, num_initial=10)
    assert result.Y[10:].isnan().all(-1).sum() < 5


def test_a_run_goes_on_from_what_the_callback_got() -> None:
    seen = []
    options = {"maximize": False, "seed": 2, "callback": lambda X, Y: seen.append((X, Y))}
    whole = run_bay_mrbfcor(two_bowls, BOUNDS, budget=16, num_initial=8, **options)
    X, Y = seen[2]
    assert len(X) == 12
    rest = run_bay_mrbfcor(two_bowls, BOUNDS, budget=16, start=(X, Y), **options)
    assert torch.equal(rest.X, whole.X)
    assert torch.equal(rest.Y, whole.Y)
    for start, error in (
        ((X[:, :1], Y), r"start from of shape n x 2, got \(12, 1\)"),
        ((X, Y[:5]), r"start to hold a 12 x T-dim tensor, got shape \(5, 2\)"),
    ):
        with pytest.raises(BotorchTensorDimensionError, match=error):
            run_bay_mrbfcor(two_bowls, BOUNDS, budget=16, start=start)
    for wrong, found in ((X.numpy(), "ndarray"), (X.float(), "torch.float32")):
        with pytest.raises(InputDataError, match=f"to start from as a tensor .* got {found}"):
            run_bay_mrbfcor(two_bowls, BOUNDS, budget=16, start=(wrong, Y))
    with pytest.raises(InputDataError, match="num_initial=12 and budget=9"):
        run_bay_mrbfcor(two_bowls, BOUNDS, budget=9, start=(X, Y))


@pytest.mark.parametrize(
    ("evaluate", "error", "match"),
    [
        (lambda X: X[:, 0], BotorchTensorDimensionError, r"4 x T-dim tensor, got shape \(4,\)"),
        (lambda X: X.sum(), BotorchTensorDimensionError, r"4 x T-dim tensor, got shape \(\)"),
        (
            lambda X: two_bowls(X)[:, : 2 if len(X) > 2 else 1],
            BotorchTensorDimensionError,
            r"2 x 2-dim tensor, got shape \(2, 1\)",
        ),
        (lambda X: two_bowls(X).float(), InputDataError, "return .*float64, .* got torch.float32"),
        (lambda X: two_bowls(X).numpy(), InputDataError, "evaluate to return .* got ndarray"),
    ],
    ids=["one task", "a number", "a task less", "dtype", "array"],
)
def test_values_that_do_not_fit_are_refused(evaluate, error, match) -> None:
    with pytest.raises(error, match=match):
        run_bay_mrbfcor(evaluate, BOUNDS, budget=8, num_initial=4)


def test_bounds_and_budget_are_checked_before_anything_is_evaluated() -> None:
    def never(X: torch.Tensor) -> torch.Tensor:
        raise AssertionError

    with pytest.raises(InputDataError, match=r"got \[\[1.0, 1.0\], \[0.0, 0.0\]\]"):
        run_bay_mrbfcor(never, BOUNDS.flip(0), budget=8, num_initial=4)
    with pytest.raises(InputDataError, match="num_initial=8 and budget=4"):
        run_bay_mrbfcor(never, BOUNDS, budget=4, num_initial=8)


def test_one_of_our_models_proposes_for_any_task(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}

    def spy(model: Model, bounds: torch.Tensor, q: int, best_f: torch.Tensor, **options: object):
        given.update(options, q=q, best_f=best_f)
        return torch.zeros(q, 2), torch.zeros(q)

    monkeypatch.setattr(loop, "optimize_acqf_any_task", spy)
    X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    Y = -two_bowls(X)
    model = loop.fit_multi_rbf(X, Y, 0)
    assert loop.propose_by_swarm(model, BOUNDS, X, Y, 5).shape == (2, 2)
    assert (given["q"], given["options"]) == (2, {"seed": 5})
    assert torch.equal(given["best_f"], expected_best_by_task(model, X, Y))
    assert (given["best_f"] != Y.amax(0)).all()


def test_another_model_proposes_for_each_task_in_its_own_unit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {}

    def spy(model: Model, bounds: torch.Tensor, best_f: torch.Tensor, **options: object):
        given.update(options, best_f=best_f)
        # The second task gains more, but not in its own unit.
        return torch.tensor([[0.25, 0.25], [0.5, 0.5]]), torch.tensor([0.0, 1.0])

    monkeypatch.setattr(loop, "optimize_acqf_per_task", spy)
    X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    Y = -two_bowls(X) * torch.tensor([1.0, 100.0])
    model = SingleTaskGP(X, Y)
    assert loop.propose_by_swarm(model, BOUNDS, X, Y, 5)[:, 0].tolist() == [0.25, 0.5]
    assert given["options"] == {"seed": 5}
    assert torch.equal(given["best_f"], expected_best_by_task(model, X, Y))
    assert (given["best_f"] != Y.amax(0)).all()

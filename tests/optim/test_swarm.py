"""The swarm itself: its equations, its rules, when it stops."""

import itertools
import time

import pytest
import torch
from botorch.exceptions.errors import InputDataError
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.optim.swarm import ParticleSwarm, SwarmOptions, SwarmResult, best_particles

UNIT_SQUARE = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def start(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.double)


def sphere(X: torch.Tensor) -> torch.Tensor:
    return -(X - 0.3).square().sum(dim=(-2, -1))


def maximize(fitness, X, bounds=UNIT_SQUARE, deadline=None, **options) -> SwarmResult:
    return ParticleSwarm(fitness, X, bounds, generator=generator(), **options).run(deadline)


def test_step_follows_the_equations_particle_by_particle():
    options = SwarmOptions(inertia=0.6, cognitive=1.2, social=1.7, max_velocity=0.2)
    lower, upper = [-1.0, 0.0], [1.0, 5.0]
    bounds = torch.tensor([lower, upper], dtype=torch.double)
    X = bounds[0] + (bounds[1] - bounds[0]) * start(3, 5, 1, 2)
    swarm = ParticleSwarm(sphere, X, bounds, generator=generator(7), options=options)
    steps = 4
    for _ in range(steps):
        swarm.step()

    random = generator(7)
    velocity = (torch.rand(X.shape, generator=random, dtype=torch.double) - 0.5).tolist()
    pulls = [
        torch.rand(2, *X.shape, generator=random, dtype=torch.double).tolist() for _ in range(steps)
    ]
    for s in range(3):
        x = [X[s, p, 0].tolist() for p in range(5)]
        v = [
            [0.2 * (upper[j] - lower[j]) * velocity[s][p][0][j] for j in range(2)] for p in range(5)
        ]

        def value(point):
            return -sum((coordinate - 0.3) ** 2 for coordinate in point)

        best = [list(point) for point in x]
        for pull in pulls:
            leader = list(max(best, key=value))
            for p in range(5):
                for j in range(2):
                    new = (
                        0.6 * v[p][j]
                        + 1.2 * pull[0][s][p][0][j] * (best[p][j] - x[p][j])
                        + 1.7 * pull[1][s][p][0][j] * (leader[j] - x[p][j])
                    )
                    limit = 0.2 * (upper[j] - lower[j])
                    v[p][j] = min(max(new, -limit), limit)
                    x[p][j] += v[p][j]
                    if not lower[j] <= x[p][j] <= upper[j]:
                        x[p][j] = min(max(x[p][j], lower[j]), upper[j])
                        v[p][j] = 0.0
            best = [list(max(b, xp, key=value)) for b, xp in zip(best, x, strict=True)]
        expected = torch.tensor(max(best, key=value), dtype=torch.double)
        assert torch.allclose(swarm.best().X[s, 0], expected, atol=1e-12)
        assert torch.allclose(swarm.X[s, :, 0], torch.tensor(x, dtype=torch.double), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    q=st.integers(1, 3),
    d=st.integers(1, 4),
    low=st.floats(-1e3, 1e3),
    width=st.floats(0, 1e3),
)
def test_best_points_are_in_the_box_have_their_value_and_never_get_worse(seed, q, d, low, width):
    bounds = torch.tensor([[low] * d, [low + width] * d], dtype=torch.double)
    X = bounds[0] + (bounds[1] - bounds[0]) * start(2, 6, q, d, seed=seed)

    def fitness(X):
        return (X.sin() * 3).sum(dim=(-2, -1))

    swarm = ParticleSwarm(fitness, X, bounds, generator=generator(seed))
    previous = swarm.best().values
    for _ in range(5):
        swarm.step()
        best = swarm.best()
        assert bool(((bounds[0] <= best.X) & (bounds[1] >= best.X)).all())
        assert bool((best.values >= previous).all())
        assert torch.allclose(fitness(best.X.unsqueeze(1)).squeeze(1), best.values)
        previous = best.values


def test_a_maximum_on_the_boundary_is_reached_exactly():
    result = maximize(lambda X: X.sum(dim=(-2, -1)), start(2, 16, 1, 2))
    assert torch.equal(result.X, torch.ones(2, 1, 2, dtype=torch.double))


def test_a_dimension_without_width_stays_where_it_is():
    bounds = torch.tensor([[0.0, 0.7], [1.0, 0.7]], dtype=torch.double)
    X = start(2, 16, 1, 2)
    X[..., 1] = 0.7
    result = maximize(sphere, X, bounds)
    assert torch.equal(result.X[..., 1], torch.full((2, 1), 0.7, dtype=torch.double))
    assert torch.allclose(result.X[..., 0], torch.full((2, 1), 0.3).double(), atol=1e-3)


def test_groups_of_swarms_have_their_own_fitness_in_one_call():
    peaks = torch.tensor([0.1, 0.5, 0.9], dtype=torch.double)
    shapes = []

    def fitness(X):
        shapes.append(X.shape)
        return -(X.squeeze((-2, -1)) - peaks[:, None, None]).square()

    result = maximize(fitness, start(3, 4, 16, 1, 1), UNIT_SQUARE[:, :1])
    assert result.X.shape == (3, 4, 1, 1)
    assert result.values.shape == (3, 4)
    assert torch.allclose(result.X.squeeze(), peaks[:, None].expand(3, 4), atol=1e-3)
    assert set(shapes) == {torch.Size((3, 4, 16, 1, 1))}
    assert len(shapes) == result.num_iterations + 1


def test_swarms_are_independent_of_each_other():
    def first(X):
        fitness = lambda X: (7 * X).cos().sum(dim=(-2, -1))  # noqa: E731
        return maximize(fitness, X, options=SwarmOptions(maxiter=9)).X[0]

    X = start(3, 8, 1, 2)
    # Other points for the other swarms, the same random numbers: the first one must not notice.
    assert torch.equal(first(X), first(torch.cat([X[:1], 1 - X[1:]])))


def test_stops_when_all_swarms_have_converged():
    options = SwarmOptions(maxiter=1000, diameter_tolerance=1e-4)
    result = maximize(sphere, start(3, 16, 1, 2), options=options)
    assert 20 < result.num_iterations < 500
    assert result.num_iterations % options.patience == 0
    assert torch.allclose(result.X, torch.full_like(result.X, 0.3), atol=1e-3)


def test_does_not_stop_while_one_swarm_has_not_contracted():
    def fitness(X):  # nothing to find in the second swarm
        return torch.stack([sphere(X[0]), torch.zeros_like(sphere(X[1]))])

    result = maximize(fitness, start(2, 16, 1, 2))
    assert result.num_iterations == SwarmOptions().maxiter


@pytest.mark.parametrize(
    ("value", "rise", "num_iterations"),
    [(0.0, 1e-2, 50), (0.0, 1e-8, 10), (1e6, 1e-2, 10)],
    ids=["up to one", "next to nothing", "above one"],
)
def test_a_small_rise_is_compared_with_the_value_only_if_that_is_above_one(
    value, rise, num_iterations
):
    rising = itertools.count()
    result = maximize(
        lambda X: torch.full(X.shape[:-2], value + rise * next(rising), dtype=torch.double),
        start(2, 16, 1, 2),
        options=SwarmOptions(maxiter=50, diameter_tolerance=1.0),
    )
    assert result.num_iterations == num_iterations


def test_does_not_stop_on_the_way_to_the_feasible_points():
    result = maximize(
        lambda X: torch.zeros(X.shape[:-2], dtype=torch.double),
        0.1 * start(2, 16, 1, 2),
        options=SwarmOptions(max_velocity=0.02, diameter_tolerance=1.0),
        violation=lambda X: (0.9 - X).clamp(min=0.0).sum(dim=(-2, -1)),
    )
    assert torch.equal(result.violations, torch.zeros(2, dtype=torch.double))


@pytest.mark.parametrize("value", [-torch.inf, torch.inf], ids=["-inf", "inf"])
def test_infinite_values_neither_break_nor_block_convergence(value):
    X = torch.full((1, 2, 1, 2), 0.5, dtype=torch.double)
    result = maximize(lambda X: torch.full(X.shape[:-2], value), X)
    assert result.num_iterations == SwarmOptions().patience
    assert result.values.item() == value


def test_deadline_in_the_past_still_evaluates_the_start():
    X = start(2, 16, 1, 2)
    result = maximize(sphere, X, deadline=time.monotonic() - 1)
    assert result.num_iterations == 0
    assert torch.equal(result.values, sphere(X).amax(dim=-1))


def test_repaired_points_are_compared_and_returned():
    seen = []

    def fitness(X):
        seen.append(X)
        return -(X - 0.4).square().sum(dim=(-2, -1))

    result = maximize(fitness, start(2, 16, 1, 2), repair=lambda X: (4 * X).round() / 4)
    assert all(torch.equal(X, (4 * X).round() / 4) for X in seen)
    assert torch.equal(result.X, torch.full_like(result.X, 0.5))


def test_the_best_particle_follows_the_feasibility_rules():
    inf = torch.inf
    values = torch.tensor([[1.0, 9.0, 2.0], [9.0, 1.0, 2.0], [9.0, 8.0, -inf]])
    violations = torch.tensor([[0.0, 1.0, 0.0], [3.0, 2.0, 2.0], [1.0, 1.0, 0.0]])
    number = torch.arange(3.0).expand(3, 3)[..., None, None]
    X, value, violation = best_particles(number, values, violations)
    assert X.flatten().tolist() == [2, 2, 2]
    assert value.tolist() == [2.0, 2.0, -inf]
    assert violation.tolist() == [0.0, 2.0, 0.0]
    X, _, _ = best_particles(number, values, None)
    assert X.flatten().tolist() == [1, 0, 0]


def test_feasible_points_win_and_infeasible_swarms_move_toward_feasibility():
    result = maximize(
        lambda X: X.sum(dim=(-2, -1)),
        0.5 + 0.5 * start(2, 16, 1, 2),  # all start infeasible
        violation=lambda X: (X.sum(dim=(-2, -1)) - 0.4).clamp(min=0.0),
    )
    assert torch.equal(result.violations, torch.zeros(2, dtype=torch.double))
    assert torch.allclose(result.values, torch.full((2,), 0.4).double(), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("maxiter", -1), ("inertia", float("nan")), ("max_velocity", 0.0), ("patience", 0)],
)
def test_options_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(InputDataError, match=f"option '{name}'.*got {value!r}"):
        SwarmOptions(**{name: value})

"""Particles start at good, feasible points."""

import pytest
import torch
from botorch.exceptions.errors import CandidateGenerationError

from botorch_cll.optim import initializers
from botorch_cll.optim.initializers import gen_swarm_positions, initial_positions, spread_around

from support.surfaces import Surface, hill, search_of

BOX = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


def half_plane(share: float):
    """A constraint that leaves this share of the box."""
    return [(torch.tensor([0]), torch.tensor([-1.0], dtype=torch.double), -share)]


def test_particles_are_the_best_raw_samples_and_every_swarm_has_a_leader_of_its_own():
    acqf = Surface(hill(0.5))
    X = gen_swarm_positions(search_of(acqf, BOX, raw_samples=512), 3, num_particles=5)
    (raw,) = acqf.X
    best = acqf(raw).sort(descending=True).values[:15]
    torch.testing.assert_close(acqf(X.flatten(0, 1)).view(3, 5), best.view(5, 3).T)


def test_particles_are_drawn_at_random_if_asked_for_the_better_the_likelier():
    acqf = Surface(hill(0.5))
    search = search_of(acqf, BOX, {"eta": 1.0}, q=2, raw_samples=512)
    X = gen_swarm_positions(search, num_swarms=3, num_particles=5)
    assert X.shape == (3, 5, 2, 2)
    (raw,) = acqf.X
    assert raw.shape == (512, 2, 2)
    _, chosen = (X.flatten(0, 1).unsqueeze(1) == raw).all(dim=(-2, -1)).nonzero(as_tuple=True)
    assert len(chosen.unique()) == 15
    values = acqf(raw)
    assert values.argmax() in chosen
    assert values[chosen].mean() > values.mean()


@pytest.mark.parametrize("share", [0.5, 0.01], ids=["by rejection", "from the polytope"])
def test_positions_satisfy_linear_constraints(share, monkeypatch):
    sampled = []
    original = initializers.sample_q_batches_from_polytope

    def spy(**kwargs):
        sampled.append(kwargs["n"])
        return original(**kwargs)

    monkeypatch.setattr(initializers, "sample_q_batches_from_polytope", spy)
    options, half = {"n_burnin": 100, "n_thinning": 2}, half_plane(share)
    search = search_of(hill(0.5), BOX, options, inequality_constraints=half, raw_samples=64)
    X = gen_swarm_positions(search, num_swarms=2, num_particles=10)
    assert (X[..., 0] <= share + 1e-8).all()
    assert bool(sampled) == (share < 0.1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, (10_000, 32)), ({"n_burnin": 70, "n_thinning": 3}, (70, 3))],
    ids=["BoTorch's", "as asked"],
)
def test_the_polytope_is_sampled_with_as_many_steps(options, expected, monkeypatch):
    steps = []

    def sample(n, q, bounds, n_burnin, n_thinning, **_):
        steps.append((n_burnin, n_thinning))
        return bounds[:1].expand(n, q, -1)

    monkeypatch.setattr(initializers, "sample_q_batches_from_polytope", sample)
    given = {"inequality_constraints": half_plane(0.001), "raw_samples": 64}
    gen_swarm_positions(search_of(hill(0.5), BOX, options, **given), 2, num_particles=10)
    assert steps == [expected]


def test_infeasible_raw_samples_come_last():
    # Only 1 / 100 of the box is feasible, and least likely by its values.
    constraint = [(lambda x: 0.01 - x[0], True)]
    search = search_of(
        lambda X: X[..., 0].sum(dim=-1),
        BOX,
        nonlinear_inequality_constraints=constraint,
        raw_samples=16,
    )
    X = gen_swarm_positions(search, num_swarms=1, num_particles=8)
    assert (search.violation(X) == 0).any()


def test_no_feasible_polytope():
    search = search_of(hill(0.5), BOX, inequality_constraints=half_plane(-1.0), raw_samples=8)
    with pytest.raises(CandidateGenerationError, match="No point satisfies the constraints"):
        initial_positions(search, torch.Generator())


def test_each_swarm_samples_with_its_own_fixed_features():
    contexts = torch.tensor([0.25, 0.75], dtype=torch.double)
    acqf = Surface(hill(0.5))
    search = search_of(acqf, BOX, fixed_features={0: contexts}, raw_samples=32)
    X = gen_swarm_positions(search, num_swarms=2, num_particles=4)
    assert torch.equal(X[..., 0], contexts.view(2, 1, 1).expand(2, 4, 1))
    assert [raw[:, 0, 0].unique().item() for raw in acqf.X] == contexts.tolist()


def test_positions_are_processed():
    search = search_of(hill(0.5), BOX, post_processing_func=torch.round, raw_samples=32)
    X = gen_swarm_positions(search, num_swarms=2, num_particles=4)
    assert torch.equal(X, X.round())


@pytest.mark.parametrize("bad", [torch.nan, -torch.inf], ids=["nan", "-inf"])
def test_values_that_are_not_finite_are_the_least_likely(bad):
    def function(X):
        return X[..., 0].sum(dim=-1).where(X[..., 1].sum(dim=-1) > 0, bad)

    X = gen_swarm_positions(search_of(function, BOX, {"topn": True}, raw_samples=64), 1, 8)
    assert (X[..., 1] > 0).all()


def test_spread_around_scales_with_the_box_and_keeps_the_seed():
    seeds = torch.tensor([[[0.5, 0.0]], [[1.0, 2.0]]], dtype=torch.double)
    search = search_of(hill(0.5), BOX, {"spread": 0.05})
    X = spread_around(search, seeds, 400, generator=torch.Generator().manual_seed(0))
    assert X.shape == (2, 400, 1, 2)
    assert torch.equal(X[:, 0], seeds)
    assert X[0].std(dim=0).flatten().tolist() == pytest.approx([0.05, 0.2], rel=0.15)
    assert ((BOX[0] <= X) & (BOX[1] >= X)).all()

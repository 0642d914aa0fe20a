"""Particles start at good, feasible points."""

import pytest
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.exceptions.errors import CandidateGenerationError

from botorch_cll.optim import initializers
from botorch_cll.optim.constraints import FixedFeatures
from botorch_cll.optim.initializers import gen_swarm_positions, spread_around
from botorch_cll.optim.options import SearchOptions
from botorch_cll.optim.search import SwarmSearch

BOX = torch.tensor([[0.0, -2.0], [1.0, 2.0]], dtype=torch.double)


class Hill(AcquisitionFunction):
    def __init__(self, function=None):
        torch.nn.Module.__init__(self)
        self.function = function or (lambda X: -(X - 0.5).square().sum(dim=(-2, -1)))
        self.X = []

    def forward(self, X):
        self.X.append(X)
        return self.function(X)


def make(acq_function=None, q=1, fixed_features=None, **kwargs) -> SwarmSearch:
    return SwarmSearch(
        acq_function=acq_function or Hill(),
        bounds=BOX,
        q=q,
        options=SearchOptions.parse(kwargs.pop("options", None)),
        fixed_features=FixedFeatures(fixed_features, 2),
        **kwargs,
    )


def half_plane(share: float):
    """A constraint that leaves this share of the box."""
    return [(torch.tensor([0]), torch.tensor([-1.0], dtype=torch.double), -share)]


def test_particles_are_the_best_raw_samples_and_every_swarm_has_a_leader_of_its_own():
    acqf = Hill()
    X = gen_swarm_positions(make(acqf), num_swarms=3, num_particles=5, raw_samples=512)
    (raw,) = acqf.X
    best = acqf(raw).sort(descending=True).values[:15]
    torch.testing.assert_close(acqf(X.flatten(0, 1)).view(3, 5), best.view(5, 3).T)


def test_particles_are_drawn_at_random_if_asked_for_the_better_the_likelier():
    acqf = Hill()
    search = make(acqf, q=2, options={"eta": 1.0})
    X = gen_swarm_positions(search, num_swarms=3, num_particles=5, raw_samples=512)
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
    constraints = half_plane(share)
    search = make(inequality_constraints=constraints, options={"n_burnin": 100, "n_thinning": 2})
    X = gen_swarm_positions(search, num_swarms=2, num_particles=10, raw_samples=64)
    assert (X[..., 0] <= share + 1e-8).all()
    assert bool(sampled) == (share < 0.1)


def test_infeasible_raw_samples_come_last():
    # Only 1 / 100 of the box is feasible, and least likely by its values.
    search = make(
        Hill(lambda X: X[..., 0].sum(dim=-1)),
        nonlinear_inequality_constraints=[(lambda x: 0.01 - x[0], True)],
    )
    X = gen_swarm_positions(search, num_swarms=1, num_particles=8, raw_samples=16)
    assert (search.violation(X) == 0).any()


def test_no_feasible_polytope():
    with pytest.raises(CandidateGenerationError, match="No point satisfies the constraints"):
        gen_swarm_positions(make(inequality_constraints=half_plane(-1.0)), 1, 4, 8)


def test_each_swarm_samples_with_its_own_fixed_features():
    contexts = torch.tensor([0.25, 0.75], dtype=torch.double)
    acqf = Hill()
    X = gen_swarm_positions(make(acqf, fixed_features={0: contexts}), 2, 4, 32)
    assert torch.equal(X[..., 0], contexts.view(2, 1, 1).expand(2, 4, 1))
    assert [raw[:, 0, 0].unique().item() for raw in acqf.X] == contexts.tolist()


def test_positions_are_processed():
    search = make(post_processing_func=lambda X: X.round())
    X = gen_swarm_positions(search, num_swarms=2, num_particles=4, raw_samples=32)
    assert torch.equal(X, X.round())


@pytest.mark.parametrize("bad", [torch.nan, -torch.inf], ids=["nan", "-inf"])
def test_values_that_are_not_finite_are_the_least_likely(bad):
    def function(X):
        return X[..., 0].sum(dim=-1).where(X[..., 1].sum(dim=-1) > 0, bad)

    X = gen_swarm_positions(make(Hill(function), options={"topn": True}), 1, 8, 64)
    assert (X[..., 1] > 0).all()


def test_spread_around_scales_with_the_box_and_keeps_the_seed():
    seeds = torch.tensor([[[0.5, 0.0]], [[1.0, 2.0]]], dtype=torch.double)
    search = make(options={"spread": 0.05})
    X = spread_around(search, seeds, 400, generator=torch.Generator().manual_seed(0))
    assert X.shape == (2, 400, 1, 2)
    assert torch.equal(X[:, 0], seeds)
    assert X[0].std(dim=0).flatten().tolist() == pytest.approx([0.05, 0.2], rel=0.15)
    assert ((BOX[0] <= X) & (BOX[1] >= X)).all()

"""Which rows a restart is fitted to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.data.bags import draw_bags


def bags_of(observed, fraction=0.7, num_restarts=5, seed=0) -> torch.Tensor:
    return draw_bags(observed, num_restarts, fraction, torch.Generator().manual_seed(seed))


def observed_rows(*counts: int, n: int = 12) -> torch.Tensor:
    """Task `t` is observed in `counts[t]` of `n` rows."""
    generator = torch.Generator().manual_seed(1)
    return torch.stack(
        [torch.rand(n, generator=generator).argsort() < count for count in counts], dim=-1
    )


@given(
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30),
    st.floats(0.05, 1.0),
    st.integers(0, 100),
)
@settings(max_examples=100, deadline=None)
def test_every_restart_keeps_its_share_of_every_task(rows, fraction, seed):
    observed = torch.tensor(rows)
    bags = bags_of(observed, fraction, seed=seed)
    assert bags.shape == (5, *observed.T.shape)
    assert bags.dtype == torch.bool
    assert not (bags & ~observed.T).any()
    kept = bags.sum(-1)
    for t, count in enumerate(observed.sum(0).tolist()):
        (share,) = set(kept[:, t].tolist())  # the same for all restarts
        if count <= 2:
            assert share == count
        else:
            assert 2 <= share <= count
            assert share == 2 or abs(share - fraction * count) <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("count", "fraction", "expected"),
    [(0, 0.7, 0), (1, 0.7, 1), (2, 0.7, 2), (3, 0.1, 2), (10, 0.7, 7), (10, 0.66, 7), (4, 1.0, 4)],
)
def test_sizes(count, fraction, expected):
    observed = torch.arange(10).unsqueeze(-1) < count
    assert set(bags_of(observed, fraction).sum(-1).flatten().tolist()) == {expected}


def test_tasks_observed_together_are_held_out_together():
    bags = bags_of(torch.ones(20, 3, dtype=torch.bool))
    assert torch.equal(bags, bags[:, :1].expand_as(bags))


def test_order_of_the_tasks_is_irrelevant():
    observed = observed_rows(12, 5, 8)
    order = [2, 0, 1]
    assert torch.equal(bags_of(observed[:, order]), bags_of(observed)[:, order])


def test_every_row_is_drawn_equally_often():
    bags = bags_of(torch.ones(10, 1, dtype=torch.bool), 0.7, num_restarts=2000)
    frequency = bags.double().mean(0)
    torch.testing.assert_close(frequency, torch.full_like(frequency, 0.7), atol=0.05, rtol=0.0)


def test_seed_decides():
    observed = observed_rows(12, 9)
    state = torch.get_rng_state()
    assert torch.equal(bags_of(observed, seed=3), bags_of(observed, seed=3))
    assert not torch.equal(bags_of(observed, seed=3), bags_of(observed, seed=4))
    bags = bags_of(observed)
    assert not torch.equal(bags[0], bags[1])
    assert torch.equal(torch.get_rng_state(), state)

"""Which rows a restart is fitted to, and blocks of rows."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.fit.resampling import TaskBlocks, draw_bags, noise_weights
from botorch_cll.models.data import TaskData

NAN = float("nan")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def bags_of(observed, fraction=0.7, num_restarts=5, seed=0) -> torch.Tensor:
    return draw_bags(observed, num_restarts, fraction, torch.Generator().manual_seed(seed))


def masked_data(*counts: int, n: int = 12, Yvar: bool = False) -> TaskData:
    """Task `t` is observed in `counts[t]` of `n` rows."""
    Y = rand(n, len(counts), seed=1)
    for t, count in enumerate(counts):
        Y[rand(n, seed=10 + t).argsort()[count:], t] = NAN
    return TaskData.from_wide(rand(n, 2), Y, rand(n, len(counts), seed=2) if Yvar else None)


@given(
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30),
    st.floats(0.05, 1.0),
    st.integers(0, 100),
)
@settings(max_examples=100, deadline=None)
def test_every_restart_keeps_its_share_of_every_task(rows, fraction, seed):
    observed = torch.tensor(rows)
    bags = bags_of(observed, fraction, seed=seed)
    assert bags.shape == (5, *observed.shape)
    assert bags.dtype == torch.bool
    assert not (bags & ~observed).any()
    kept = bags.sum(1)
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
    assert set(bags_of(observed, fraction).sum(1).flatten().tolist()) == {expected}


def test_tasks_observed_together_are_held_out_together():
    bags = bags_of(torch.ones(20, 3, dtype=torch.bool))
    assert torch.equal(bags, bags[..., :1].expand_as(bags))


def test_order_of_the_tasks_is_irrelevant():
    observed = masked_data(12, 5, 8).observed
    order = [2, 0, 1]
    assert torch.equal(bags_of(observed[:, order]), bags_of(observed)[..., order])


def test_every_row_is_drawn_equally_often():
    bags = bags_of(torch.ones(10, 1, dtype=torch.bool), 0.7, num_restarts=2000)
    frequency = bags.double().mean(0)
    torch.testing.assert_close(frequency, torch.full_like(frequency, 0.7), atol=0.05, rtol=0.0)


def test_seed_decides():
    observed = masked_data(12, 9).observed
    state = torch.get_rng_state()
    assert torch.equal(bags_of(observed, seed=3), bags_of(observed, seed=3))
    assert not torch.equal(bags_of(observed, seed=3), bags_of(observed, seed=4))
    bags = bags_of(observed)
    assert not torch.equal(bags[0], bags[1])
    assert torch.equal(torch.get_rng_state(), state)


def rows_of_blocks(blocks: TaskBlocks) -> dict[tuple[int, int], tuple[float, float]]:
    """Target and weight by row and task; blocks of one task each."""
    found = {}
    for t, (index, Y, weight) in enumerate(zip(blocks.index, blocks.Y, blocks.weight, strict=True)):
        for i, y, w in zip(index.tolist(), Y[:, 0].tolist(), weight.tolist(), strict=True):
            if w > 0:
                assert (i, t) not in found
                found[i, t] = (y, w)
            else:
                assert w == 0 == y
    return found


@pytest.mark.parametrize("noisy", [False, True], ids=["noiseless", "noisy"])
@pytest.mark.parametrize("counts", [(12, 12), (12, 5, 8), (4, 0, 1), (7,)], ids=str)
@pytest.mark.parametrize("per_task", [False, True])
def test_blocks_hold_every_observation_once(counts, noisy, per_task):
    data = masked_data(*counts, Yvar=noisy)
    found = rows_of_blocks(TaskBlocks.from_data(data, per_task).per_task())
    weight = noise_weights(data)
    expected = {
        (i, t): (data.Y[i, t].item(), weight[i, t].item())
        for i, t in data.observed.nonzero().tolist()
    }
    assert found == expected


def test_tasks_in_the_same_rows_share_a_block():
    data = masked_data(12, 12)
    blocks = TaskBlocks.from_data(data, per_task=False)
    assert blocks.index.shape == blocks.weight.shape == (1, 12)
    assert torch.equal(blocks.Y[0], data.Y)
    assert TaskBlocks.from_data(data, per_task=True).index.shape == (2, 12)
    assert TaskBlocks.from_data(masked_data(12, 11), per_task=False).index.shape == (2, 12)


def test_sampled_rows_are_as_many_as_there_are_up_to_the_limit():
    data = masked_data(12, 5)
    blocks = TaskBlocks.from_data(data, per_task=True)
    some = blocks.sample(7, torch.Generator().manual_seed(0))
    assert (some.weight > 0).sum(-1).tolist() == [7, 5]
    every = rows_of_blocks(blocks)
    found = rows_of_blocks(some)
    assert len(found) == 12
    assert all(every[key] == value for key, value in found.items())
    assert blocks.sample(12, torch.Generator()) is blocks


def test_sampled_rows_are_shared_by_tasks_that_share_their_rows():
    data = masked_data(12, 12)
    some = TaskBlocks.from_data(data, per_task=True).sample(5, torch.Generator().manual_seed(1))
    assert torch.equal(some.index[0], some.index[1])


def test_weights_are_one_without_known_noise():
    data = masked_data(12, 5)
    assert torch.equal(noise_weights(data), torch.ones_like(data.Y))


def test_weights_fall_with_the_noise_and_average_to_one():
    data = masked_data(12, 5, Yvar=True)
    weight = noise_weights(data)
    for t in range(2):
        rows = data.observed[:, t]
        w, v = weight[rows, t], data.Yvar[rows, t]
        assert w.mean().item() == pytest.approx(1.0)
        # `1 / w` is affine in the variance, with one positive floor for the whole task.
        slope = (1 / w[1] - 1 / w[0]) / (v[1] - v[0])
        torch.testing.assert_close(1 / w - 1 / w[0], slope * (v - v[0]))
        assert slope > 0
        assert (1 / w[0] - slope * v[0]) > 0


def test_unknown_noise_counts_like_the_mean_of_the_known():
    data = masked_data(12, 12, Yvar=True)
    Yvar = data.Yvar.clone()
    Yvar[:4, 0] = NAN
    Yvar[:, 1] = NAN
    weight = noise_weights(TaskData(data.X, data.Y, Yvar))
    filled = torch.where(Yvar.isnan(), Yvar[4:, 0].mean(), Yvar)
    torch.testing.assert_close(weight[:, 0], noise_weights(TaskData(data.X, data.Y, filled))[:, 0])
    torch.testing.assert_close(weight[:, 1], torch.ones_like(weight[:, 1]))


def test_variance_of_zero_makes_equal_weights():
    data = masked_data(12, 5)
    weight = noise_weights(TaskData(data.X, data.Y, torch.zeros_like(data.Y)))
    torch.testing.assert_close(weight[data.observed], torch.ones(17, dtype=torch.double))

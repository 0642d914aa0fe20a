"""Blocks of rows, and what the rows weigh."""

import pytest
import torch

from botorch_cll.data.blocks import TaskBlocks, noise_weights, weights_like
from botorch_cll.data.task_data import TaskData

NAN = float("nan")


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def masked_data(*counts: int, n: int = 12, Yvar: bool = False) -> TaskData:
    """Task `t` is observed in `counts[t]` of `n` rows."""
    Y = rand(n, len(counts), seed=1)
    for t, count in enumerate(counts):
        Y[rand(n, seed=10 + t).argsort()[count:], t] = NAN
    return TaskData.from_wide(rand(n, 2), Y, rand(n, len(counts), seed=2) if Yvar else None)


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


def test_chosen_rows_are_one_group_of_all_tasks_of_equal_weights():
    rows = torch.tensor([1, 4, 7])
    data = masked_data(12, 12)
    blocks = TaskBlocks.of_rows(data, rows)
    assert torch.equal(blocks.Y, data.Y[rows].unsqueeze(0))
    assert blocks.index.shape == blocks.weight.shape == (1, 3)
    for other in (masked_data(12, 0), masked_data(12, 12, Yvar=True)):
        blocks = TaskBlocks.of_rows(other, rows)
        assert blocks.Y.shape == (2, 3, 1)
        assert torch.equal(blocks.weight, (noise_weights(other) * other.observed)[rows].T)


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


@pytest.mark.parametrize("most", [2, 100])
def test_rows_in_bags_are_those_of_the_bags(most, monkeypatch):
    # Three rows are looked at together.
    monkeypatch.setattr("botorch_cll.data.blocks.MAX_ELEMENTS", 3 * 4 * 2)
    data = masked_data(12, 5, Yvar=True)
    bags = (rand(4, 2, 12, seed=5) < 0.6) & data.observed.T
    found = torch.zeros(2, *bags.shape, dtype=torch.double)
    for index, Y, weight in TaskBlocks.from_data(data, per_task=True).in_bags(bags, most):
        assert index.shape == Y.shape == weight.shape
        assert index.shape[-1] <= min(most, 3)
        for values, table in zip((weight * Y, weight), found, strict=True):
            table.scatter_add_(-1, index, values)
    expected = noise_weights(data).T * bags
    torch.testing.assert_close(found[1], expected)
    torch.testing.assert_close(found[0], expected * data.Y.nan_to_num(0.0).T)


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


def test_further_rows_weigh_what_they_would_among_the_old_ones():
    data = masked_data(12, 5, Yvar=True)
    torch.testing.assert_close(weights_like(data, data.Yvar), noise_weights(data))
    unknown = torch.full((3, 2), NAN, dtype=torch.double)
    usual = data.Yvar.where(data.observed, NAN).nanmean(0)
    torch.testing.assert_close(weights_like(data, unknown), weights_like(data, usual.expand(3, 2)))
    bare = TaskData(data.X, data.Y, None)
    torch.testing.assert_close(weights_like(bare, unknown), torch.ones_like(unknown))

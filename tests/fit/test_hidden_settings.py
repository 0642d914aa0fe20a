"""Settings of the hidden layer: how they are drawn, picked and moved."""

import math

import pytest
import torch

from botorch_cll.fit.hidden_settings import HiddenSettings, draw_settings, move_settings
from botorch_cll.settings import SearchSettings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(num: int = 6, dim: int = 2, num_ridges: int = 1, seed: int = 0) -> HiddenSettings:
    like = torch.zeros(1, dim, dtype=torch.double)
    return draw_settings(num, num_ridges, SearchSettings(), generator(seed), like)


def assert_same(first: HiddenSettings, second: HiddenSettings) -> None:
    assert torch.equal(first.log_length_scale, second.log_length_scale)
    assert torch.equal(first.log_ridge, second.log_ridge)
    assert torch.equal(first.tail, second.tail)
    assert torch.equal(first.additive, second.additive)


@pytest.mark.parametrize("num_ridges", [1, 2])
def test_drawn_settings(num_ridges):
    settings = draw(5000, dim=6, num_ridges=num_ridges)
    assert len(settings) == 5000
    assert settings.log_length_scale.shape == (5000, 1, 6)
    assert settings.log_ridge.shape == (5000, 1, num_ridges)
    assert settings.log_ridge.dtype == torch.double
    assert math.log(1e-4) <= settings.log_ridge.min() <= settings.log_ridge.max() <= 0.0
    assert settings.tail.unique().tolist() == [0, 1, 2]
    # Length scales lie around the typical distance in the unit cube, some far below, some above.
    scale = settings.log_length_scale.exp()
    assert 0.5 < scale.median() < 2.0
    assert (scale < 0.3).any()
    assert (scale > 3.0).any()
    # Per-dimension factors: dimensions differ within a setting.
    assert settings.log_length_scale.std(-1).min() > 0
    assert settings.additive.double().mean().item() == pytest.approx(0.5, abs=0.03)
    # One dimension alone is shorter than the diagonal of six.
    additive, full = scale[settings.additive], scale[~settings.additive]
    assert (full.median() / additive.median()).item() == pytest.approx(6**0.5, rel=0.1)


def test_one_dimension_is_not_additive():
    assert not draw(100, dim=1).additive.any()


def test_drawn_settings_follow_the_seed_and_the_dtype():
    assert_same(draw(seed=1), draw(seed=1))
    assert not torch.equal(draw(seed=1).log_ridge, draw(seed=2).log_ridge)
    single = draw_settings(6, 1, SearchSettings(), generator(1), torch.zeros(1, 2))
    assert single.log_length_scale.dtype == single.log_ridge.dtype == torch.float
    torch.testing.assert_close(single.log_ridge.double(), draw(seed=1).log_ridge)


def test_settings_index_and_join():
    settings = draw()
    assert_same(settings[:2].join(settings[2:]), settings)


def test_picked_settings_come_from_the_column_of_their_task():
    shared = draw()
    index = torch.tensor([[0, 5], [3, 3], [1, 2]])
    picked = shared.pick(index)
    assert torch.equal(picked.log_length_scale, shared.log_length_scale[index, 0])
    assert torch.equal(picked.tail, shared.tail[index, 0])
    own = move_settings(
        shared.pick(torch.arange(6).unsqueeze(-1).expand(-1, 2)), SearchSettings(), generator(1)
    )
    picked = own.pick(index)
    for i in range(3):
        for t in range(2):
            row = index[i, t]
            assert torch.equal(picked.log_length_scale[i, t], own.log_length_scale[row, t])
            assert torch.equal(picked.log_ridge[i, t], own.log_ridge[row, t])
            assert picked.tail[i, t] == own.tail[row, t]
            assert picked.additive[i, t] == own.additive[row, t]


def test_moved_settings_are_near():
    settings = draw(2000, dim=3)
    moved = move_settings(settings, SearchSettings(), generator(1))
    assert torch.equal(moved.tail, settings.tail)
    assert torch.equal(moved.additive, settings.additive)
    step = moved.log_length_scale - settings.log_length_scale
    assert step.mean().abs() < 0.05
    assert 0.1 < step.std() < 1.0
    assert (moved.log_ridge != settings.log_ridge).any()
    # The ridge stays where it makes a difference, up to ten times the largest that is drawn.
    ridge = moved.log_ridge.exp()
    assert ridge.min() > 0.999e-4
    assert 1.0 < ridge.max() < 10.01
    assert_same(moved, move_settings(settings, SearchSettings(), generator(1)))


def test_the_numbers_of_the_search_are_those_given():
    like = torch.zeros(1, 3, dtype=torch.double)
    ranges = {"log_scale_range": (0.5, 0.5), "ridge_range": (0.1, 0.2)}
    search = SearchSettings(**ranges, log_scale_std=0.0, additive_share=1.0)
    drawn = draw_settings(100, 1, search, generator(), like)
    assert drawn.additive.all()
    typical = torch.full_like(drawn.log_length_scale, 0.5 * math.log(1 / 6))
    torch.testing.assert_close(drawn.log_length_scale, typical + 0.5)
    assert ((drawn.log_ridge.exp() > 0.0999) & (drawn.log_ridge.exp() < 0.2001)).all()
    assert_same(move_settings(drawn, SearchSettings(move=0.0, ridge_move=0.0), generator()), drawn)

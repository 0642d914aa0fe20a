"""Points are rounded as Ax rounds them, many at a time."""

import torch
from ax.core.search_space import SearchSpaceDigest

from botorch_cll.ax.rounding import Rounding

DIGEST = SearchSpaceDigest(
    feature_names=["real", "int", "kind_OH_PARAM_0", "kind_OH_PARAM_1", "kind_OH_PARAM_2", "size"],
    bounds=[(0.0, 1.0), (1, 4), (0, 1), (0, 1), (0, 1), (0.1, 2.0)],
    ordinal_features=[1, 5],
    discrete_choices={1: [1, 2, 3, 4], 5: [0.1, 0.5, 2.0]},
)


def test_each_feature_goes_to_its_nearest_value():
    X = torch.tensor([[[0.3, 2.6, 0.2, 0.9, 0.4, 0.9], [0.7, 1.2, 0.5, 0.1, 0.4, 1.9]]])
    expected = torch.tensor([[[0.3, 3.0, 0.0, 1.0, 0.0, 0.5], [0.7, 1.0, 1.0, 0.0, 0.0, 2.0]]])
    rounding = Rounding(DIGEST)
    given = X.clone()
    assert rounding
    torch.testing.assert_close(rounding(X), expected)
    torch.testing.assert_close(rounding(rounding(X)), expected)
    assert torch.equal(X, given)


def test_fixed_features_stay():
    X = torch.tensor([[0.3, 2.6, 0.2, 0.9, 0.4, 0.9]])
    rounded = Rounding(DIGEST, {1: 2.6})(X)
    assert rounded[0, 1] == X[0, 1]
    assert rounded[0, 5] == 0.5


def test_nothing_to_round():
    digest = SearchSpaceDigest(feature_names=["x"], bounds=[(0.0, 1.0)])
    assert not Rounding(digest)

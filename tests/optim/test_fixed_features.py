"""Fixed features are fixed."""

import pytest
import torch
from botorch.exceptions.errors import InputDataError

from botorch_cll.optim.fixed_features import FixedFeatures


def test_fixed_features_are_set_per_swarm_and_point():
    X = torch.rand(2, 5, 3, 4, dtype=torch.double)
    per_swarm, per_point = torch.tensor([1.0, 2.0]).double(), torch.arange(6.0).view(2, 3)
    fixed = FixedFeatures({0: 7.0, -1: per_swarm, 1: per_point, 2: torch.tensor([8.0])}, d=4)
    Z = fixed(X)
    assert (Z[..., 0] == 7.0).all()
    assert torch.equal(Z[..., 3], per_swarm.view(2, 1, 1).expand(2, 5, 3))
    assert torch.equal(Z[..., 1], per_point.unsqueeze(1).expand(2, 5, 3).double())
    assert (Z[..., 2] == 8.0).all()
    assert fixed.scalars == {0: 7.0, 2: 8.0}


@pytest.mark.parametrize(
    ("fixed_features", "match"),
    [
        ({4: 0.0}, r"\[-4, 3\], got 4"),
        ({0: 0.0, -4: 1.0}, "Feature 0 is fixed twice"),
        ({0: torch.zeros(5)}, r"here \(2,\), got \(5,\)"),
        ({0: torch.zeros(2, 2)}, r"here \(2, 3\), got \(2, 2\)"),
    ],
    ids=["index", "twice", "per swarm", "per point"],
)
def test_fixed_features_that_do_not_fit_are_refused(fixed_features, match):
    with pytest.raises(InputDataError, match=match):
        FixedFeatures(fixed_features, d=4)(torch.rand(2, 5, 3, 4))

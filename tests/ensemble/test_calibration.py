"""What the variances of an ensemble make of its members."""

import torch

from botorch_cll.ensemble import Calibration

from support.ensembles import rand


def test_variance_is_the_calibrated_spread_of_the_members_trusted():
    calibration = Calibration(
        inflation=torch.tensor([4.0, 0.3]).double(),
        remote_variance=torch.tensor([2.0, 5.0]).double(),
        remote_sign=rand(6, 2),
        noise=torch.ones(2).double(),
    )
    outputs, remote = rand(6, 2, 4, seed=1), rand(6, 2, 4, seed=2)
    trusted = rand(6, 2, 4, seed=3) < 0.7
    trusted[:2] = True
    mean, variance = calibration.left_out_moments(outputs, remote, trusted)
    for row in range(4):
        for task in range(2):
            some = trusted[:, task, row]
            values, distant = outputs[some, task, row], remote[some, task, row]
            expected = (
                calibration.inflation[task] * values.var()
                + calibration.remote_variance[task] * distant.square().mean()
            )
            torch.testing.assert_close(mean[task, row], values.mean())
            torch.testing.assert_close(variance[task, row], expected)
    trusted[1:, 0, 0] = False
    moments = calibration.left_out_moments(outputs, remote, trusted)
    # One member alone says nothing of a variance.
    assert moments[:, 0, 0].isnan().all()
    assert torch.equal(moments[:, :, 1:], torch.stack([mean, variance])[:, :, 1:])

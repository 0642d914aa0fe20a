"""Predictions of training rows by the members that have not seen them."""

from dataclasses import replace

import torch
from torch import Tensor

from botorch_cll.data import TaskData
from botorch_cll.data.bags import trusted_members
from botorch_cll.data.blocks import MAX_ELEMENTS
from botorch_cll.ensemble.fitted import FittedEnsemble


def predict_left_out(fitted: FittedEnsemble, data: TaskData) -> tuple[Tensor, Tensor]:
    """Predict every row, once, by the members that were not fitted to it.

    Means and variances of observations, noise included, are `n x T`-dim tensors in the scale of
    the data, NaN where there is no prediction.
    """
    members, bags, known = fitted.members, fitted.members.bags, fitted.left_out_rows
    assert bags is not None
    assert known is not None
    assert fitted.left_out is not None
    moments = data.Y.new_full((2, *data.Y.mT.shape), torch.nan)
    moments[..., known] = fitted.left_out
    rest = torch.ones_like(data.observed[:, 0])
    rest[known] = False
    if bool(rest.any()):
        solution = members.solve(fitted.coupling, data)
        # The weights of a task without data are drawn, not solved for.
        solution = replace(solution, weight=members.network.weight.unsqueeze(-1))
        at_a_time = max(1, MAX_ELEMENTS // members.tail_degree.numel())
        for rows in rest.nonzero().squeeze(-1).split(at_a_time):
            outputs, remote = members.out_of_sample(data, rows, solution)
            outputs = fitted.coupling.mix(fitted.layer, outputs.mT).mT
            trusted = trusted_members(data.observed[rows], bags[..., rows])
            moments[..., rows] = fitted.calibration.left_out_moments(outputs, remote, trusted)
    mean, variance = moments.mT
    noise = fitted.noise.expand_as(mean)
    if data.Yvar is not None:
        noise = torch.where(data.Yvar.isnan(), noise, data.Yvar)
    return mean, variance + noise

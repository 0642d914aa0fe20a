"""Training of correlation layers on out-of-sample outputs; tasks come last, as in the layer."""

import torch
from torch import Tensor

from botorch_cll.nn import CorrelationLearningLayer
from botorch_cll.nn.ridge import solve_ridge
from botorch_cll.settings import LayerSettings


def fit_linear_layer(
    layer: CorrelationLearningLayer,
    outputs: Tensor,
    Y: Tensor,
    weight: Tensor,
    settings: LayerSettings,
) -> Tensor:
    """Fit one linear correlation layer per restart by ridge regression toward the identity.

    See docs/mathematics.md, "Stage 2". The `S x n x T`-dim outputs are predictions by fits without
    the row, so that the layer learns to combine what generalises, as in stacking (Wolpert 1992;
    Breiman 1996). Targets and weights are `n x T`-dim, the latter zero for what was not observed.
    What the layer adds where it has not seen the row itself is `S x n x T`-dim.
    """
    num_restarts, n, num_tasks = outputs.shape
    z = torch.cat([outputs, outputs.new_ones(num_restarts, n, 1)], dim=-1).unsqueeze(1)
    residual = (Y - outputs).where(weight > 0, 0.0)
    if bool((weight == weight[:, :1]).all()):
        # Tasks in the same rows have the same normal equations: one group of all of them.
        w, residual = weight[:, :1].T, residual.unsqueeze(1)
    else:
        w, residual = weight.T, residual.movedim(-1, 1).unsqueeze(-1)
    z, w = z.expand(-1, len(w), -1, -1), w.expand(num_restarts, -1, -1)
    weighted = (z * w.unsqueeze(-1)).transpose(-1, -2)
    gram, moment = weighted @ z, weighted @ residual
    scale = 0.5 * num_tasks * w.sum(-1).clamp_min(1.0)
    best_error = outputs.new_full((num_tasks,), torch.inf)
    coefficients = outputs.new_zeros(num_restarts, num_tasks, num_tasks + 1)
    added = torch.zeros_like(outputs)
    for ridge in settings.ridges:
        penalty = (ridge * scale).unsqueeze(-1).expand(*gram.shape[:-1])
        solution = solve_ridge(gram, moment, penalty)
        out_of_sample = solution.leave_one_out(z, w, residual)
        error = (w.unsqueeze(-1) * (residual - out_of_sample).square()).sum((0, 2)).flatten()
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        # Groups and columns together are the tasks, whichever way they were formed.
        columns = solution.weight.transpose(-1, -2).flatten(1, 2)
        coefficients = torch.where(better.unsqueeze(-1), columns, coefficients)
        added = torch.where(better, out_of_sample.movedim(1, -2).flatten(-2), added)
    layer.weights[0].data = coefficients[..., :-1]
    layer.biases[0].data = coefficients[..., -1]
    return added


def shrink_layer(
    layer: CorrelationLearningLayer,
    residual: Tensor,
    added: Tensor,
    weight: Tensor,
    settings: LayerSettings,
) -> Tensor:
    """Take back the share of a linear layer that the ensemble as a whole is better off without.

    A member's layer shrinks what that member predicts, noise of its own included, which the mean
    over the members hardly has. Of that mean's error in rows left out and what the layers add to
    it, `n x T`-dim, follow the `T` shares to keep, by docs/mathematics.md, "Stage 2".
    """
    squared = (weight * added.square()).sum(0)
    product = (weight * residual.where(weight > 0, 0.0) * added).sum(0)
    prior = settings.full_layer_rows * squared / weight.sum(0).clamp_min(1.0)
    tiny = torch.finfo(added.dtype).tiny
    share = ((product + prior) / (squared + prior).clamp_min(tiny)).clamp(0.0, 1.0)
    layer.weights[0].data *= share.unsqueeze(-1)
    layer.biases[0].data *= share
    return share


def fit_hidden_layers(
    layer: CorrelationLearningLayer,
    outputs: Tensor,
    Y: Tensor,
    weight: Tensor,
    settings: LayerSettings,
) -> Tensor:
    """Fit correlation layers with activations by full-batch Adam, all restarts at once.

    The loss of a task is its weighted mean squared error plus a decay of the last layer's weights:
    the identity is where it starts and what it is pulled toward. All is as in `fit_linear_layer`,
    but weights are `S x n x T`-dim, zero for rows that a restart must not see.
    """
    share = weight / weight.sum(1, keepdim=True).clamp_min(1.0)
    optimizer = torch.optim.Adam(layer.requires_grad_().parameters(), lr=settings.learning_rate)
    with torch.enable_grad():
        for _ in range(settings.num_steps):
            optimizer.zero_grad()
            error = (share * (Y.where(weight > 0, outputs) - layer(outputs)).square()).sum()
            decay = layer.weights[-1].square().sum() + layer.biases[-1].square().sum()
            (error + settings.weight_decay * decay).backward()
            optimizer.step()
    layer.requires_grad_(False).zero_grad()
    return layer.branch(outputs)

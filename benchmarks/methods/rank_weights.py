"""RGPE: Gaussian processes of all tasks, weighted by how well they rank the target's values."""

from collections.abc import Sequence

import torch
from botorch.models import SingleTaskGP
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

_NUM_SAMPLES = 512
_PERCENTILE = 0.95


def ranking_weights(gps: Sequence[SingleTaskGP], X: Tensor, Y: Tensor, seed: int) -> Tensor:
    r"""The weights of Gaussian processes of the sources and, last, of the target.

    .. math:: w_i = \frac{1}{S} \sum_{s=1}^{S} 1\Big(i = \arg\min_{i'} \ell_{i', s}\Big)

    with the losses :math:`\ell_{i, s}` of samples of the posterior of each, `ranking_losses`; the
    target's are those of left-out predictions, its hyper-parameters as they are. The target takes a
    sample in which it is one of the best, other ties share it. To keep many poor sources from
    diluting the weights, one is left out whose median loss is above the 95th percentile of the
    target's.

    Source: M. Feurer, B. Letham and E. Bakshy, Scalable Meta-Learning for Bayesian Optimization
    using Ranking-Weighted Gaussian Process Ensembles, AutoML Workshop at ICML 2018, section 4.

    Args:
        gps: Fits of the sources and, last, of the target.
        X: The `n x d`-dim points of the target, at least two.
        Y: Its `n x 1` values.
        seed: The seed of the samples.
    """
    *sources, target = gps
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for gp in sources:
        posterior = gp.posterior(X).distribution
        drawn = _draw(posterior.mean, posterior.covariance_matrix, generator)
        samples.append(drawn.unsqueeze(-2).expand(-1, len(X), -1))
    samples.append(_draw(*left_out_moments(target), generator))
    losses = torch.stack([ranking_losses(x, Y.squeeze(-1)) for x in samples]).double()
    dilutes = losses.median(-1).values > losses[-1].quantile(_PERCENTILE)
    losses[dilutes] = torch.inf
    best = losses == losses.amin(0)
    best[:-1] &= ~best[-1]
    return (best / best.sum(0)).mean(-1)


def ranking_losses(samples: Tensor, y: Tensor) -> Tensor:
    r"""How many pairs of values samples rank wrongly.

    .. math:: \ell = \sum_{j=1}^{n} \sum_{k=1}^{n} 1\big((f_{-j}(x_j) < f_{-j}(x_k)) \oplus
        (y_j < y_k)\big)

    Args:
        samples: A `S x n x n`-dim tensor: in row `j` a sample, at all points, of the posterior
            :math:`f_{-j}` that has not seen the j-th, which for a source is always the same.
        y: The `n` values.

    Returns:
        `S` losses.
    """
    own = samples.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return ((own < samples) ^ (y.unsqueeze(-1) < y)).sum((-2, -1))


def left_out_moments(gp: SingleTaskGP) -> tuple[Tensor, Tensor]:
    """Means (`n x n`) and covariances (`n x n x n`) at all points, in row `j` without the j-th."""
    (X,), y = gp.train_inputs, gp.train_targets
    prior = gp.forward(X)
    K, noise = prior.covariance_matrix, gp.likelihood.noise
    n = len(X)
    kept = torch.stack([torch.cat([torch.arange(j), torch.arange(j + 1, n)]) for j in range(n)])
    of_kept = K[kept.unsqueeze(-1), kept.unsqueeze(-2)] + noise * torch.eye(n - 1).to(K)
    cross, factor = K[kept], psd_safe_cholesky(of_kept)
    half = torch.linalg.solve_triangular(factor, cross, upper=False)
    residual = (y - prior.mean)[kept].unsqueeze(-1)
    means = prior.mean + (
        half.mT @ torch.linalg.solve_triangular(factor, residual, upper=False)
    ).squeeze(-1)
    return means, K - half.mT @ half


def _draw(mean: Tensor, covariance: Tensor, generator: torch.Generator) -> Tensor:
    """Samples, `S x batch_shape x n`, of normal distributions."""
    noise = torch.randn(_NUM_SAMPLES, *mean.shape, 1, generator=generator, dtype=mean.dtype)
    return mean + (psd_safe_cholesky(covariance) @ noise).squeeze(-1)

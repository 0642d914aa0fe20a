"""Two tasks of very different scale."""

import torch


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """`14 x 2`-dim points and values."""
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(14, 2, dtype=torch.double, generator=generator) * 3.0
    Y = torch.stack([1000.0 + 100.0 * X.sin().sum(-1), 0.01 * X.cos().sum(-1)], dim=-1)
    return X, Y

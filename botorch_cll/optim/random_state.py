"""Seeded random numbers for what only draws from PyTorch's global generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def isolated_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's global generators, which BoTorch's heuristics use, and restore them after.

    Args:
        seed: The seed.
        device: The device that the heuristics work on; its generator is seeded, too.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield

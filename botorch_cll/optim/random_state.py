"""Seeded random numbers for what only draws from PyTorch's global generators."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_LOCK = RLock()
_CPU = torch.device("cpu")


@contextmanager
def isolated_random_state(seed: int, device: torch.device = _CPU) -> Iterator[None]:
    """Seed PyTorch's global generators, which BoTorch's heuristics use, and restore them after.

    All threads share these generators, so one at a time is inside, and others wait. A thread that
    draws from them without this sees the seeded state meanwhile.

    Args:
        seed: The seed.
        device: The device that is worked on; its generator is seeded and restored next to the
            CPU's, and no other is touched.
    """
    devices = [device] if device.type == "cuda" else []
    with _LOCK, torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield

"""Features that every candidate has in common."""

from __future__ import annotations

from collections.abc import Mapping

from botorch.exceptions.errors import InputDataError
from torch import Tensor

from botorch_cll.optim.checks import expect


class FixedFeatures:
    """Features, of `d`, set to given values in every candidate.

    Indices may be negative. A value is a float, or a tensor of shape `num_swarms` or
    `num_swarms x q` with one value per swarm (and point). `InputDataError` is raised if an index is
    out of range or given twice.
    """

    def __init__(self, fixed_features: Mapping[int, float | Tensor] | None, d: int) -> None:
        self._d = d
        self.values: dict[int, float | Tensor] = {}
        for index, value in (fixed_features or {}).items():
            what = f"the indices of `fixed_features` in [{-d}, {d - 1}]"
            expect(-d <= index < d, what, index)
            if index % d in self.values:
                raise InputDataError(f"Feature {index % d} is fixed twice in `fixed_features`.")
            if isinstance(value, Tensor) and value.numel() == 1:
                value = value.item()
            elif isinstance(value, Tensor) and value.ndim == 2 and value.shape[-1] == 1:
                value = value.squeeze(-1)
            self.values[index % d] = value
        self.scalars = {k: v for k, v in self.values.items() if not isinstance(v, Tensor)}
        self.has_tensors = len(self.scalars) < len(self.values)

    def select(self, swarms: slice | Tensor) -> FixedFeatures:
        """Return the fixed features of some of the swarms, given by a slice or their indices."""
        values = {k: v[swarms] if isinstance(v, Tensor) else v for k, v in self.values.items()}
        return FixedFeatures(values, self._d)

    def check(self, num_swarms: int, q: int) -> None:
        """Raise `InputDataError` unless there is one value per swarm (and point)."""
        for index, value in self.values.items():
            if not isinstance(value, Tensor):
                continue
            expected = (num_swarms,) if value.ndim == 1 else (num_swarms, q)
            what = f"`fixed_features[{index}]` of shape `num_swarms` or `num_swarms x q`"
            expect(value.shape == expected, f"{what}, here {expected}", tuple(value.shape))

    def __call__(self, X: Tensor) -> Tensor:
        """Return `X`, `num_swarms x num_particles x q x d`-dim, with the features fixed."""
        if not self.values:
            return X
        self.check(X.shape[0], X.shape[-2])
        X = X.clone()
        for index, value in self.values.items():
            if isinstance(value, Tensor):
                value = value.to(X).view(X.shape[0], 1, -1)
            X[..., index] = value
        return X

"""Admissible points next to relaxed ones, for whole batches at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from ax.adapter.transforms.one_hot import OH_PARAM_INFIX
from ax.core.search_space import SearchSpaceDigest
from torch import Tensor


class Rounding:
    """Maps points of the box to the admissible points next to them.

    Integer and ordered parameters go to the nearest of their values, the one-hot code of an
    unordered parameter to its largest entry, everything else stays. Ax's own rounding function does
    so too, but takes one point at a time, in Python: too slow for every particle of a swarm.

    Args:
        digest: What Ax knows of the parameters.
        fixed_features: Features that have one value only.
    """

    def __init__(
        self, digest: SearchSpaceDigest, fixed_features: Mapping[int, float] | None = None
    ) -> None:
        fixed = set(fixed_features or {})
        self._choices: dict[int, Sequence[float]] = {
            i: digest.discrete_choices[i] for i in digest.ordinal_features if i not in fixed
        }
        groups = defaultdict(list)
        for i, name in enumerate(digest.feature_names):
            parameter, infix, _ = name.rpartition(OH_PARAM_INFIX)
            if infix and i not in fixed:
                groups[parameter].append(i)
        self._one_hot = list(groups.values())

    def __bool__(self) -> bool:
        """Whether there is anything to round."""
        return bool(self._choices or self._one_hot)

    @property
    def rounded_features(self) -> list[int]:
        """The features that are rounded."""
        return sorted([*self._choices, *(i for group in self._one_hot for i in group)])

    def __call__(self, X: Tensor) -> Tensor:
        """Round a `batch_shape x d`-dim tensor of points."""
        X = X.clone()
        for i, choices in self._choices.items():
            values = X.new_tensor(choices)
            nearest = (X[..., i].unsqueeze(-1) - values).abs().argmin(dim=-1)
            X[..., i] = values[nearest]
        for group in self._one_hot:
            code = X[..., group]
            X[..., group] = torch.nn.functional.one_hot(code.argmax(dim=-1), len(group)).to(X)
        return X

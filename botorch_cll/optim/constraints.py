"""What makes a candidate admissible: linear and nonlinear constraints, fixed features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from botorch.exceptions.errors import InputDataError
from botorch.optim.parameter_constraints import get_constraint_tolerance
from torch import Tensor

from botorch_cll.optim.checks import expect
from botorch_cll.optim.settings import PROPOSAL

LinearConstraint = tuple[Tensor, Tensor, float]
NonlinearConstraint = tuple[Callable[[Tensor], Any], bool]


class ConstraintViolation:
    r"""By how much points violate inequality constraints, as one non-negative number each.

    For linear constraints :math:`a^\top x \ge b` this is the distance to the half-space,
    :math:`\max(0, b - a^\top x) / \lVert a \rVert`, for nonlinear ones :math:`\max(0, -c(x))`,
    summed over the constraints and, for intra-point constraints, over the `q` points. Half of
    BoTorch's feasibility tolerance counts as no violation, so that a point of violation zero passes
    `botorch.optim.parameter_constraints.evaluate_feasibility`.

    Linear constraints cost two matrix products. Nonlinear callables are mapped over all points by
    `torch.vmap` where that reproduces their values, otherwise they are called once per point.

    Constraints are those of `optimize_acqf` on `q` points of a `2 x d`-dim box. `InputDataError` is
    raised if they are not, or do not fit, or, once called, if a callable returns truth values.
    """

    def __init__(
        self,
        bounds: Tensor,
        q: int,
        inequality_constraints: Sequence[LinearConstraint] = (),
        nonlinear_inequality_constraints: Sequence[NonlinearConstraint] = (),
    ) -> None:
        self._tolerance = get_constraint_tolerance(bounds.dtype) / 2
        self._linear: dict[bool, tuple[Tensor, Tensor]] = {}
        d = bounds.shape[-1]
        rows: dict[bool, list[tuple[Tensor, Tensor]]] = {True: [], False: []}
        for number, linear in enumerate(inequality_constraints):
            _check_linear(number, linear, q=q, d=d)
            indices, coefficients, rhs = linear
            intra_point = indices.ndim == 1
            flat = indices if intra_point else indices[:, 0] * d + indices[:, 1]
            row = bounds.new_zeros(d if intra_point else q * d)
            row.index_add_(0, flat.to(row.device), coefficients.to(row))
            scale = row.norm().clamp(min=torch.finfo(row.dtype).tiny)
            rows[intra_point].append((row / scale, (rhs - self._tolerance) / scale))
        for intra_point, pairs in rows.items():
            if pairs:
                weights, offsets = zip(*pairs, strict=True)
                self._linear[intra_point] = torch.stack(weights), torch.stack(offsets)
        self._nonlinear = []
        for number, nonlinear in enumerate(nonlinear_inequality_constraints):
            _check_nonlinear(number, nonlinear)
            self._nonlinear.append((_PointwiseConstraint(nonlinear[0]), nonlinear[1]))

    def __bool__(self) -> bool:
        """Whether there is any constraint."""
        return bool(self._linear or self._nonlinear)

    def __call__(self, X: Tensor) -> Tensor:
        """Map `batch_shape x q x d`-dim candidates to `batch_shape` violations.

        They are zero where a candidate is feasible, infinite where a nonlinear constraint is NaN.
        """
        total = X.new_zeros(X.shape[:-2])
        for intra_point, (weights, offsets) in self._linear.items():
            values = (X if intra_point else X.flatten(-2)) @ weights.mT
            shortfall = (offsets - values).clamp(min=0.0).sum(dim=-1)
            total = total + (shortfall.sum(dim=-1) if intra_point else shortfall)
        for constraint, intra_point in self._nonlinear:
            values = constraint(X.flatten(0, -2) if intra_point else X.flatten(0, -3))
            shortfall = (-self._tolerance - values.to(X)).clamp(min=0.0)
            shortfall = shortfall.nan_to_num(nan=torch.inf, posinf=torch.inf)
            if intra_point:
                shortfall = shortfall.view(X.shape[:-1]).sum(dim=-1)
            total = total + shortfall.view(X.shape[:-2])
        return total


class _PointwiseConstraint:
    """A callable of one point, applied to `b x *point_shape`-dim points."""

    def __init__(self, constraint: Callable[[Tensor], Any]) -> None:
        self._constraint = constraint
        self._can_be_mapped: bool | None = None

    def __call__(self, points: Tensor) -> Tensor:
        if self._can_be_mapped is None:
            self._can_be_mapped = self._agrees(points[: PROPOSAL.constraint_probes])
        return self._map(points) if self._can_be_mapped else self._loop(points)

    def _map(self, points: Tensor) -> Tensor:
        return torch.vmap(self._constraint)(points).reshape(len(points))

    def _loop(self, points: Tensor) -> Tensor:
        values = [torch.as_tensor(self._constraint(x)).reshape(()) for x in points]
        what = "nonlinear constraints to return a number that is at least zero where a point is"
        is_number = all(value.dtype != torch.bool for value in values)
        expect(is_number, f"{what} feasible", "a truth value")
        return torch.stack(values).to(points)

    def _agrees(self, points: Tensor) -> bool:
        expected = self._loop(points)
        try:
            return torch.allclose(self._map(points).to(expected), expected, equal_nan=True)
        # Whatever a user's callable does that vmap cannot follow, the loop can.
        except Exception:
            return False


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


def _check_linear(number: int, linear: LinearConstraint, q: int, d: int) -> None:
    """Raise `InputDataError` unless a linear constraint fits `q` points of `d` features."""
    is_tuple = isinstance(linear, (tuple, list)) and len(linear) == 3
    if not (is_tuple and all(isinstance(part, Tensor) for part in linear[:2])):
        raise InputDataError(
            "Expected each of `inequality_constraints` as a tuple of indices and coefficients, "
            f"both tensors, and a number, got {linear!r} as number {number}."
        )
    indices, coefficients, _ = linear
    name = f"`inequality_constraints[{number}]`"
    fits = indices.ndim == 1 or (indices.ndim == 2 and indices.shape[-1] == 2)
    what = f"the indices of {name} to have shape `k` or `k x 2`"
    expect(fits, what, tuple(indices.shape))
    one = tuple(indices.shape[:1])
    what = f"one coefficient per index in {name}, that is shape {one}"
    expect(coefficients.shape == one, what, tuple(coefficients.shape))
    sizes = torch.tensor([d] if indices.ndim == 1 else [q, d])
    what = f"the indices of {name} in [0, {d}) for features"
    what += "" if indices.ndim == 1 else f" and [0, {q}) for points"
    expect(((indices.cpu() >= 0) & (indices.cpu() < sizes)).all(), what, indices.tolist())


def _check_nonlinear(number: int, nonlinear: NonlinearConstraint) -> None:
    """Raise `InputDataError` unless a nonlinear constraint is what `optimize_acqf` expects."""
    is_tuple = isinstance(nonlinear, (tuple, list)) and len(nonlinear) == 2
    if not (is_tuple and callable(nonlinear[0])):
        raise InputDataError(
            "Expected each of `nonlinear_inequality_constraints` as a tuple of a callable and "
            "whether it takes one point, as in `(constraint, True)`, got "
            f"{nonlinear!r} as number {number}."
        )

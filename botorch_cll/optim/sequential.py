"""Candidates one after the other, each given those before it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import UnsupportedError
from torch import Tensor

from botorch_cll.optim.checks import expect, refuse
from botorch_cll.optim.proposal import propose
from botorch_cll.optim.search import SwarmSearch


def acq_functions_of(
    acq_function: AcquisitionFunction | None,
    acq_function_sequence: Sequence[AcquisitionFunction] | None,
    q: int,
    sequential: bool,
) -> Sequence[AcquisitionFunction]:
    """The acquisition functions that `q` candidates take in turn; refuses what does not fit."""
    if acq_function_sequence is None:
        one_of = "one of `acq_function` and `acq_function_sequence`"
        expect(acq_function is not None, one_of, "neither")
        return [acq_function]
    refuse(not sequential, "`acq_function_sequence` requires `sequential=True`.")
    number = len(acq_function_sequence)
    what = "`acq_function_sequence` to have one element for each of `q > 1` candidates"
    expect(q > 1 and number == q, what, f"{number} for q={q}")
    return acq_function_sequence


def propose_one_by_one(
    search: SwarmSearch, acq_functions: Sequence[AcquisitionFunction], avoid_earlier: bool
) -> tuple[Tensor, Tensor]:
    """Choose `q` candidates one by one, each with those before it pending.

    Returns a `q x d`-dim tensor of candidates and a `q`-dim tensor of their values, each given the
    candidates before it. Raises `UnsupportedError`, naming what is in the way.
    """
    _check(search, acq_functions)
    q, seed = search.q, search.options.seed
    share = None if search.timeout_sec is None else search.timeout_sec / q
    search = replace(search, q=1, timeout_sec=share)
    base_X_pending = [acq_function.X_pending for acq_function in acq_functions]
    candidates: list[Tensor] = []
    values: list[Tensor] = []
    try:
        for i in range(q):
            acq_function = acq_functions[i % len(acq_functions)]
            if candidates:
                base = base_X_pending[i % len(acq_functions)]
                pending = candidates if base is None else [base, *candidates]
                acq_function.set_X_pending(torch.cat(pending, dim=-2))
            options = replace(search.options, seed=seed + i)
            search = replace(search, acq_function=acq_function, options=options)
            X, value = propose(search)
            candidates.append(X[0])
            values.append(value[0])
            if avoid_earlier:
                search = replace(search, known=search.known.and_also(X[0]))
    finally:
        for acq_function, X_pending in zip(acq_functions, base_X_pending, strict=True):
            acq_function.set_X_pending(X_pending)
    return torch.cat(candidates, dim=-2), torch.stack(values)


def _check(search: SwarmSearch, acq_functions: Sequence[AcquisitionFunction]) -> None:
    """Raise `UnsupportedError` if candidates cannot be chosen one after the other."""
    unsupported = "not supported with `sequential=True`"
    for kind, inter_point in (
        ("linear", [indices.ndim > 1 for indices, _, _ in search.inequality_constraints]),
        ("nonlinear", [not intra for _, intra in search.nonlinear_inequality_constraints]),
    ):
        if any(inter_point):
            which = f"{kind} inequality constraint {inter_point.index(True)} is inter-point"
            raise UnsupportedError(f"Inter-point constraints are {unsupported}, but {which}.")
    given = search.batch_initial_conditions is not None
    refuse(given, f"`batch_initial_conditions` is {unsupported}.")
    refuse(not search.return_best_only, f"`return_best_only=False` is {unsupported}.")
    for acq_function in acq_functions:
        name = type(acq_function).__name__
        one_shot = isinstance(acq_function, OneShotAcquisitionFunction)
        refuse(one_shot, f"One-shot {name} is {unsupported}.")
        what = "`sequential=True` requires acquisition functions with pending points"
        refuse(not hasattr(acq_function, "X_pending"), f"{what}, got {name}.")

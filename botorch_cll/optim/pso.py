"""Particle swarm optimization of acquisition functions, in place of `optimize_acqf`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.acquisition import OneShotAcquisitionFunction
from botorch.exceptions.errors import UnsupportedError
from botorch.generation.gen import TGenCandidates
from botorch.optim.initializers import TGenInitialConditions
from torch import Tensor

from botorch_cll.optim.checks import check_inside, expect_shape, refuse
from botorch_cll.optim.constraints import LinearConstraint, NonlinearConstraint
from botorch_cll.optim.proposal import propose, run_swarms
from botorch_cll.optim.random_state import isolated_random_state
from botorch_cll.optim.search import SwarmSearch
from botorch_cll.optim.sequential import acq_functions_of, propose_one_by_one

_NO_SURFACE = "`equality_constraints` are not supported by particle swarms."


def optimize_acqf_pso(
    acq_function: AcquisitionFunction | None,
    bounds: Tensor,
    q: int,
    num_restarts: int,
    raw_samples: int | None = None,
    options: Mapping[str, Any] | None = None,
    inequality_constraints: Sequence[LinearConstraint] | None = None,
    equality_constraints: Sequence[LinearConstraint] | None = None,
    nonlinear_inequality_constraints: Sequence[NonlinearConstraint] | None = None,
    fixed_features: Mapping[int, float | Tensor] | None = None,
    post_processing_func: Callable[[Tensor], Tensor] | None = None,
    batch_initial_conditions: Tensor | None = None,
    return_best_only: bool = True,
    gen_candidates: TGenCandidates | None = None,
    sequential: bool = False,
    acq_function_sequence: Sequence[AcquisitionFunction] | None = None,
    *,
    ic_generator: TGenInitialConditions | None = None,
    X_avoid: Tensor | None = None,
    timeout_sec: float | None = None,
    return_acq_values: bool = True,
    return_full_tree: bool = False,
    retry_on_optimization_warning: bool = True,
    **ic_gen_kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    r"""Maximize an acquisition function by particle swarms, wherever `optimize_acqf` would.

    Parameters, but for `X_avoid`, and results are those of `botorch.optim.optimize_acqf`.
    `num_restarts` swarms (see `ParticleSwarm`) start from the best of `raw_samples` Sobol points
    and advance together, each iteration one call of the acquisition function without gradients.
    Where it is differentiable, L-BFGS-B (SLSQP under constraints) then climbs from the best points.

    Only `options["seed"]` decides about random numbers: the same seed gives the same bits.
    PyTorch's global random state is seeded meanwhile and as before afterwards; for that reason
    optimizations in several threads of a process run one after the other.

    Args:
        acq_function: An acquisition function; `None` if `acq_function_sequence` is given.
        bounds: A `2 x d`-dim tensor of finite lower and upper bounds.
        q: Number of candidates.
        num_restarts: Number of swarms.
        raw_samples: Number of points the initial positions are chosen from, at least that of all
            particles, which is the default.
        options: Of the swarm, with defaults: `num_particles` (per swarm: 6, but at least 64 over
            all swarms; twice that without gradients), `maxiter` (iterations: 4, or 20 if `q > 1`,
            or 200 without gradients or with nonlinear constraints; more help on rugged surfaces),
            `inertia` (0.7298), `cognitive` and `social` (1.49618), `max_velocity` (0.5 of the box),
            `spread` (0.1 of the box: standard deviation of the particles around a given initial
            condition). The swarms stop once each of them, in the last `patience` (10) iterations,
            has improved by at most `value_tolerance` (1e-6, relative for values above one) and
            spans at most `diameter_tolerance` (1e-3 of the box).
            Of the gradients: `polish` (`None`: if the acquisition function is differentiable and
            there is no `post_processing_func`; `True`: or raise; `False`: never), `num_polish`
            (12 swarms, or `4 * q`, for each candidate returned), `polish_maxiter` (50).
            Of both: `seed` (0), `batch_limit` (no limit): number of swarms per call of the
            acquisition function, only to save memory. BoTorch's initialization options mean what
            they mean there. Unknown keys raise.
        inequality_constraints: Tuples `(indices, coefficients, rhs)` for
            `sum_i X[indices[i]] * coefficients[i] >= rhs`; two-dimensional indices: inter-point.
        equality_constraints: Not supported: a swarm does not stay on a surface.
        nonlinear_inequality_constraints: Tuples `(callable, intra_point)` for `callable(x) >= 0`.
            Initial conditions are not needed. A callable that `torch.vmap` cannot map costs one
            Python call per particle and iteration.
        fixed_features: Maps features to their value: a float, or a tensor of shape `num_restarts`
            or `num_restarts x q`.
        post_processing_func: Maps a `b x q x d`-dim tensor to admissible points, for example
            rounded ones. Swarms compare and return processed points.
        batch_initial_conditions: A `b x q x d`-dim tensor: each starts one swarm around it. With
            `raw_samples`, `num_restarts - b` further swarms start as usual. A `q x d`-dim tensor is
            one initial condition and, as in BoTorch, the only one. For one-shot acquisition
            functions `q` includes the fantasy points.
        return_best_only: If False, return the best candidate of each swarm.
        gen_candidates: Not supported: the swarm takes its place.
        sequential: Choose the `q` candidates one after the other, each given those before.
        acq_function_sequence: One acquisition function for each of the `q > 1` candidates;
            requires `sequential=True`.
        ic_generator: Generates the swarms' initial conditions, called as by `optimize_acqf`.
            Defaults to the heuristic above, and to BoTorch's own for knowledge gradients.
        X_avoid: A `n x d`-dim tensor of points that are not to be proposed: the best candidate is
            chosen that differs from all of them in some input by at least a thousandth of the box,
            after a second search where only such points were found; one of them is returned only if
            there is no other. With it, points chosen earlier if `sequential` are avoided, too.
        timeout_sec: Return the best point found so far after this many seconds; split evenly
            over the candidates if `sequential`. The initial positions are always evaluated.
        return_acq_values: If False, return `None` in place of the values.
        return_full_tree: If True, return a one-shot acquisition function's fantasy points, too.
        retry_on_optimization_warning: No effect: a climb has the swarm's result to fall back on.
        ic_gen_kwargs: Passed to `ic_generator`, or refused if there is none.

    Returns:
        The candidates, `q x d`-dim, or `num_restarts x q x d`-dim if not `return_best_only`, and
        their acquisition values: a scalar, or `num_restarts`-dim if not `return_best_only`, or
        `q`-dim if `sequential`. All candidates are feasible: a swarm that has seen no feasible
        point adopts the best one of the others.

    Raises:
        BotorchTensorDimensionError: A tensor has the wrong shape.
        InputDataError: Bounds, counts, options, indices or initial conditions are out of range.
        UnsupportedError: An argument or option has no meaning here.
        CandidateGenerationError: No feasible point was found, or the acquisition function was
            NaN or minus infinity at all of them.

    Example:
        >>> import torch
        >>> from botorch.acquisition import LogExpectedImprovement
        >>> from botorch.models import SingleTaskGP
        >>> from botorch_cll.optim import optimize_acqf_pso
        >>> train_X = torch.linspace(0, 1, 5, dtype=torch.double).unsqueeze(-1)
        >>> model = SingleTaskGP(train_X, torch.sin(6 * train_X))
        >>> acq_function = LogExpectedImprovement(model, best_f=1.0)
        >>> bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double)
        >>> candidate, value = optimize_acqf_pso(acq_function, bounds, q=1, num_restarts=4)
        >>> candidate.shape, value.shape
        (torch.Size([1, 1]), torch.Size([]))
    """
    instead = "`gen_candidates` is not supported: the swarm takes its place."
    refuse(gen_candidates is not None, instead)
    refuse(bool(equality_constraints), _NO_SURFACE)
    unexpected = f"Unexpected arguments {sorted(ic_gen_kwargs)}, and no `ic_generator`"
    refuse(bool(ic_gen_kwargs) and ic_generator is None, f"{unexpected} to take them.")
    acq_functions = acq_functions_of(acq_function, acq_function_sequence, q, sequential)
    first = acq_functions[0]
    one_shot = isinstance(first, OneShotAcquisitionFunction)
    search = SwarmSearch.of(
        bounds,
        options,
        fixed_features,
        X_avoid,
        acq_function=first,
        q=q,
        num_fantasies=first.get_augmented_q_batch_size(q) - q if one_shot else 0,
        num_restarts=num_restarts,
        raw_samples=raw_samples,
        inequality_constraints=inequality_constraints or (),
        nonlinear_inequality_constraints=nonlinear_inequality_constraints or (),
        post_processing_func=post_processing_func,
        batch_initial_conditions=batch_initial_conditions,
        ic_generator=ic_generator and partial(ic_generator, **ic_gen_kwargs),
        return_best_only=return_best_only,
        timeout_sec=timeout_sec,
    )
    with isolated_random_state(search.options.seed, bounds.device):
        if sequential and q > 1 and not search.is_one_point:
            X, values = propose_one_by_one(search, acq_functions, X_avoid is not None)
        else:
            X, values = propose(search)
            if return_best_only:
                X, values = X[0], values[0]
            if one_shot and not return_full_tree:
                X = first.extract_candidates(X_full=X)
    return X, values if return_acq_values else None


def gen_candidates_pso(  # noqa: D417 - says where the others are explained
    initial_conditions: Tensor,
    acquisition_function: AcquisitionFunction,
    lower_bounds: float | Tensor | None = None,
    upper_bounds: float | Tensor | None = None,
    inequality_constraints: Sequence[LinearConstraint] | None = None,
    equality_constraints: Sequence[LinearConstraint] | None = None,
    nonlinear_inequality_constraints: Sequence[NonlinearConstraint] | None = None,
    options: Mapping[str, Any] | None = None,
    fixed_features: Mapping[int, float | Tensor] | None = None,
    timeout_sec: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Generate candidates by one particle swarm around each initial condition.

    For use as `optimize_acqf(..., gen_candidates=gen_candidates_pso)`, which keeps the options of
    its own initialization, among them `seed` and `batch_limit`, to itself.

    Arguments and errors that are not explained are those of `optimize_acqf_pso`.

    Args:
        initial_conditions: A `(b) x q x d`-dim tensor. Each is one particle of its swarm.
        lower_bounds: A number or a `d`-dim tensor. Both bounds are required: a swarm needs a box.
        options: Those of the initialization have no effect.
        fixed_features: Maps features to their value: a float, or a tensor of shape `b` or `b x q`.

    Returns:
        A `(b) x q x d`-dim tensor of the swarms' best points and their `b`-dim acquisition values
        (one-dimensional also without `b`). A swarm that has found no feasible point returns the
        least infeasible one.

    Raises:
        UnsupportedError: Bounds are missing.

    Example:
        >>> # With the acquisition function and the bounds of the example of `optimize_acqf_pso`:
        >>> from botorch.optim import optimize_acqf
        >>> candidate, value = optimize_acqf(
        ...     acq_function, bounds, q=1, num_restarts=4, gen_candidates=gen_candidates_pso
        ... )
    """
    refuse(bool(equality_constraints), _NO_SURFACE)
    if lower_bounds is None or upper_bounds is None:
        raise UnsupportedError("Particle swarms need both `lower_bounds` and `upper_bounds`.")
    X = initial_conditions.detach()
    expect_shape(X.ndim in (2, 3), "`initial_conditions` of shape `(b) x q x d`", X)
    both = [torch.as_tensor(b).to(X) for b in (lower_bounds, upper_bounds)]
    bounds = torch.stack([b.expand(X.shape[-1]) for b in both])
    search = SwarmSearch.of(
        bounds,
        options,
        fixed_features,
        acq_function=acquisition_function,
        q=X.shape[-2],
        inequality_constraints=inequality_constraints or (),
        nonlinear_inequality_constraints=nonlinear_inequality_constraints or (),
        timeout_sec=timeout_sec,
    )
    check_inside(X, bounds, search.fixed_features.values, "initial_conditions")
    with isolated_random_state(search.options.seed, bounds.device):
        result = run_swarms(replace(search, batch_initial_conditions=X), search.deadline())
    return result.X.reshape(X.shape), result.values

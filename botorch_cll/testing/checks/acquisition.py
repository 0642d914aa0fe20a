"""What every acquisition function has to do on a surrogate, and those that have no check."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from botorch.acquisition.acquisition import AcquisitionFunction, OneShotAcquisitionFunction
from botorch.acquisition.multi_objective.utils import compute_sample_box_decomposition
from botorch.acquisition.multi_step_lookahead import qMultiStepLookahead
from botorch.acquisition.utils import project_to_target_fidelity
from botorch.exceptions.errors import UnsupportedError
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.utils.multi_objective.box_decompositions import NondominatedPartitioning
from torch import Tensor

from botorch_cll.testing.asserts import assert_close, assert_shape
from botorch_cll.testing.registry import add_check
from botorch_cll.testing.subject import NUM_INPUTS, Subject, uniform

DEMAND = "Values and gradients are finite and independent of the batch, `optimize_acqf` runs."

MC_SIZES = (1, 2)
"""The sizes that Monte Carlo acquisition functions are evaluated at."""

TARGET_FIDELITY = {1: 1.0}
"""In multi-fidelity acquisition functions the last input is the fidelity."""

to_target_fidelity = partial(
    project_to_target_fidelity, target_fidelities=TARGET_FIDELITY, d=NUM_INPUTS
)

ARGUMENTS: dict[str, Callable[[Subject, Model], object]] = {
    "best_f": lambda s, model: s.best_f,
    "hypercell_bounds": lambda s, model: compute_sample_box_decomposition(s.pareto_optima()[1]),
    "optimal_inputs": lambda s, model: s.optima()[0],
    "optimal_outputs": lambda s, model: s.optima()[1],
    "pareto_fronts": lambda s, model: s.pareto_optima()[1],
    "pareto_sets": lambda s, model: s.pareto_optima()[0],
    "partitioning": lambda s, model: NondominatedPartitioning(s.ref_point, s.Y),
    "ref_point": lambda s, model: s.ref_point,
    "sampler": lambda s, model: s.sampler(model),
    "X_baseline": lambda s, model: s.X,
    "X_pending": lambda s, model: s.test_X[:2],
}
"""What a subject and a model of it give, by BoTorch's names for the arguments."""


@dataclass(frozen=True)
class Acquisition:
    """How a check makes and uses an acquisition function.

    Attributes:
        name: The name of the check.
        build: Makes the acquisition function on the models of a subject.
        sizes: The numbers `q` of points to evaluate jointly.
        width: The number of columns of its inputs.
        num_values: The number of values per t-batch if that is not a single one; no scalar
            optimizer takes such functions.
        has_gradient: Whether BoTorch promises a gradient.
    """

    name: str
    build: Callable[[Subject], AcquisitionFunction]
    sizes: tuple[int, ...] = (1,)
    width: int = NUM_INPUTS
    num_values: int | None = None
    has_gradient: bool = True


def of(
    function: type[AcquisitionFunction],
    *arguments: str,
    model: Callable[[Subject], Model] = attrgetter("single"),
    name: str = "",
    sizes: tuple[int, ...] = (),
    num_values: int | None = None,
    has_gradient: bool = True,
    **options: Any,
) -> Acquisition:
    """An acquisition function of a subject's `model`, given `ARGUMENTS` by name and `options`.

    Its name is that of its objective's class or else of its own. Its sizes are `MC_SIZES` if it
    samples and 1 if it does not.
    """

    def build(s: Subject) -> AcquisitionFunction:
        chosen = model(s)
        return function(chosen, **{key: ARGUMENTS[key](s, chosen) for key in arguments}, **options)

    sizes = sizes or (MC_SIZES if "sampler" in arguments else (1,))
    name = name or (type(options["objective"]) if "objective" in options else function).__name__
    return Acquisition(name, build, sizes, num_values=num_values, has_gradient=has_gradient)


of_all = partial(of, model=attrgetter("model"))
"""The same, of the model of all tasks."""


def add_acquisitions(group: str, acquisitions: list[Acquisition]) -> None:
    """Add one check per acquisition function."""
    for acquisition in acquisitions:
        check = partial(check_acquisition, acquisition=acquisition)
        add_check(acquisition.name, group, DEMAND, check)


def check_acquisition(subject: Subject, acquisition: Acquisition) -> str | None:
    """An acquisition function can be evaluated, differentiated and optimized.

    It is tried on the model of all tasks and subsets of its outputs. Where that fails, it is tried
    on models fitted to one task each, and a note that says so is returned.
    """
    try:
        use_acquisition(subject, acquisition)
    except Exception as error:
        try:
            use_acquisition(subject.apart, acquisition)
        except Exception as second_error:
            # Without subsets and long data there is no first way to speak of.
            raise second_error if isinstance(error, UnsupportedError) else error from None
        return "with one model per task"
    return None


def use_acquisition(subject: Subject, acquisition: Acquisition) -> None:
    """Evaluate, differentiate and optimize an acquisition function."""
    for q in acquisition.sizes:
        function = acquisition.build(subject)
        check_values(function, q, acquisition)
        if acquisition.num_values is None:
            check_optimization(function, q, subject.bounds[:, : acquisition.width], acquisition)


def check_values(function: AcquisitionFunction, q: int, acquisition: Acquisition) -> None:
    """Values at `q` points are finite, have the right shape and gradients, whatever the batch."""
    rows = q
    if isinstance(function, OneShotAcquisitionFunction):
        rows = function.get_augmented_q_batch_size(q)
    X = uniform(4, rows, acquisition.width, seed=4)
    X = torch.cat([X, X[:1]]).requires_grad_(acquisition.has_gradient)
    values = function(X)
    shape = (5,) if acquisition.num_values is None else (5, acquisition.num_values)
    assert_shape(values, shape, "values")
    found = values.detach()
    assert_close(found[4], found[0], f"the value (q={q}) of a repeated point", 1e-3, 1e-6)
    alone = function(X[1:2]).detach()[0]
    assert_close(alone, found[1], f"the value (q={q}) of a point alone", 1e-3, 1e-6)
    if acquisition.has_gradient:
        (gradient,) = torch.autograd.grad(values.sum(), X)
        broken = int((~gradient.isfinite()).sum())
        assert broken == 0, (
            f"Expected a finite gradient (q={q}), got {broken} entries that are not."
        )


def check_optimization(
    function: AcquisitionFunction, q: int, bounds: Tensor, acquisition: Acquisition
) -> None:
    """`optimize_acqf` returns candidates within `2 x d`-dim bounds and a finite value."""
    options = {"maxiter": 2, "seed": 0, "with_grad": acquisition.has_gradient}
    num_points = q
    if isinstance(function, OneShotAcquisitionFunction):
        options |= {"num_inner_restarts": 2, "raw_inner_samples": 8}
    if isinstance(function, qMultiStepLookahead):
        # The one whose later steps optimize_acqf does not add itself.
        num_points = function.get_augmented_q_batch_size(q)
    candidates, value = optimize_acqf(
        function, bounds, q=num_points, num_restarts=2, raw_samples=16, options=options
    )
    assert_shape(candidates, (q, bounds.shape[-1]), "candidates")
    inside = (candidates >= bounds[0]) & (candidates <= bounds[1])
    assert bool(inside.all()), f"Expected candidates within the bounds, got {candidates.tolist()}."
    assert bool(value.isfinite().all()), f"Expected a finite value (q={q}), got {value.tolist()}."


EXCLUDED = {
    # Acquisition functions for one class of models.
    "LogNoisyExpectedImprovement": "takes instances of SingleTaskGP with known noise only",
    "NoisyExpectedImprovement": "takes instances of SingleTaskGP with known noise only",
    "qBayesianActiveLearningByDisagreement": "takes fully Bayesian models only",
    "AnalyticExpectedUtilityOfBestOption": "takes a PairwiseGP only, reads its datapoints",
    "PairwiseBayesianActiveLearningByDisagreement": "made for a PairwiseGP, draws anew each time",
    # Not acquisition functions.
    "GenericCostAwareUtility": "a utility of costs, sees no surrogate",
    "IdentityMCMultiOutputObjective": "what the multi-objective checks use by default",
    "IdentityMCObjective": "what the Monte Carlo checks use by default",
    "InverseCostWeightedUtility": "what the multi-fidelity checks use by default",
    "get_acqf_input_constructor": "a function that makes arguments",
    "get_acquisition_function": "a function that calls the constructors checked here",
    "get_default_partitioning_alpha": "a function of a number",
    "prune_inferior_points_multi_objective": "what prune_baseline=True calls",
}
"""Names in `botorch.acquisition` of what is not abstract and has no check, with the reasons."""

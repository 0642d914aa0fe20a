"""`optimize_acqf_pso` and `gen_candidates_pso` in place of BoTorch's gradients."""

import inspect
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from botorch.acquisition import (
    AcquisitionFunction,
    LogExpectedImprovement,
    PosteriorMean,
    qKnowledgeGradient,
    qLogExpectedImprovement,
    qUpperConfidenceBound,
)
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    CandidateGenerationError,
    InputDataError,
    UnsupportedError,
)
from botorch.exceptions.warnings import BadInitialCandidatesWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.deterministic import GenericDeterministicModel
from botorch.optim import optimize_acqf
from botorch.optim.initializers import gen_batch_initial_conditions
from botorch.optim.parameter_constraints import evaluate_feasibility
from botorch.sampling import SobolQMCNormalSampler
from botorch.test_functions import Ackley, Branin, Hartmann, Rastrigin
from botorch.utils.transforms import unnormalize
from gpytorch.mlls import ExactMarginalLogLikelihood

from botorch_cll.optim import gen_candidates_pso, optimize_acqf_pso

# Nearly equal points in one candidate, and nothing the user could do about it.
pytestmark = pytest.mark.filterwarnings("ignore:A not p.d., added jitter")


class Surface(AcquisitionFunction):
    """A function of a `b x q x d`-dim tensor, that remembers the shapes it was called with."""

    def __init__(self, function, differentiable=True):
        torch.nn.Module.__init__(self)
        self.function = function
        self.differentiable = differentiable
        self.shapes = []
        self.X = []

    def forward(self, X):
        self.shapes.append(tuple(X.shape))
        self.X.append(X.detach())
        values = self.function(X)
        return values if self.differentiable else values.detach()


def box(d: int, low: float = 0.0, high: float = 1.0, dtype=torch.double) -> torch.Tensor:
    return torch.tensor([[low] * d, [high] * d], dtype=dtype)


def hill(peak: float):
    return lambda X: -(X - peak).square().sum(dim=(-2, -1))


def waves(X):  # many maxima, those at multiples of 1 / 3
    return (6 * torch.pi * X).cos().sum(dim=(-2, -1))


@pytest.fixture(scope="module")
def fitted():
    """A GP fitted to the unit-cube version of a test function."""

    def fit(problem, n, seed=0):
        generator = torch.Generator().manual_seed(seed)
        X = torch.rand(n, problem.dim, generator=generator, dtype=torch.double)
        Y = problem(unnormalize(X, problem.bounds)).unsqueeze(-1)
        model = SingleTaskGP(X, Y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        return model, Y

    problems = {
        "branin": (Branin(negate=True).double(), 15),
        "hartmann": (Hartmann(6, negate=True).double(), 30),
    }
    return {name: fit(*problem) for name, problem in problems.items()}


# ------------------------------------------------------------------------------------------ maxima


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
@pytest.mark.parametrize(
    "problem",
    [Ackley(dim=3, negate=True), Rastrigin(dim=2, negate=True), Hartmann(dim=6, negate=True)],
    ids=["ackley", "rastrigin", "hartmann"],
)
def test_finds_known_maxima(problem, polish):
    problem = problem.double()
    model = GenericDeterministicModel(lambda X: problem(X).unsqueeze(-1))
    candidate, value = optimize_acqf_pso(
        PosteriorMean(model),
        problem.bounds,
        q=1,
        num_restarts=8,
        raw_samples=256,
        options={"polish": polish, "maxiter": 60 if polish is None else None},
    )
    assert candidate.shape == (1, problem.dim)
    assert value.shape == ()
    tolerance = 1e-2 if polish is False else 1e-3
    assert value.item() == pytest.approx(problem.optimal_value, abs=tolerance)
    assert problem(candidate).item() == pytest.approx(value.item(), abs=1e-9)


@pytest.mark.parametrize("name", ["branin", "hartmann"])
def test_agrees_with_optimize_acqf_on_log_expected_improvement(fitted, name):
    model, Y = fitted[name]
    acqf = LogExpectedImprovement(model, best_f=Y.max())
    bounds = box(model.train_inputs[0].shape[-1])
    _, expected = optimize_acqf(acqf, bounds, q=1, num_restarts=20, raw_samples=512)
    candidate, value = optimize_acqf_pso(acqf, bounds, q=1, num_restarts=20, raw_samples=512)
    assert value.item() >= expected.item() - 1e-3
    with torch.no_grad():
        assert acqf(candidate).item() == pytest.approx(value.item(), abs=1e-6)


def test_three_candidates_jointly(fitted):
    model, Y = fitted["branin"]
    sampler = SobolQMCNormalSampler(torch.Size([64]), seed=0)
    acqf = qLogExpectedImprovement(model, best_f=Y.max(), sampler=sampler)
    _, expected = optimize_acqf(acqf, box(2), q=3, num_restarts=4, raw_samples=64)
    candidates, value = optimize_acqf_pso(acqf, box(2), q=3, num_restarts=8, raw_samples=256)
    assert candidates.shape == (3, 2)
    assert value.shape == ()
    assert value.item() >= expected.item() - 1e-2


def test_acquisition_functions_without_gradient_are_searched_by_swarm_alone():
    acqf = Surface(hill(0.3), differentiable=False)
    candidate, _ = optimize_acqf_pso(acqf, box(2), q=1, num_restarts=4, raw_samples=64)
    assert torch.allclose(candidate, torch.full_like(candidate, 0.3), atol=1e-3)


def test_flat_gradients_are_not_trusted():
    steps = Surface(lambda X: -((20 * X).round() / 20 - 0.3).square().sum(dim=(-2, -1)))
    candidate, value = optimize_acqf_pso(steps, box(3), q=1, num_restarts=4, raw_samples=64)
    assert value.item() == pytest.approx(0.0, abs=1e-12)
    assert (candidate - 0.3).abs().max() <= 0.025


# ------------------------------------------------------------------------------------ the one call


@pytest.mark.parametrize(
    ("kwargs", "shape", "values_shape"),
    [
        ({"q": 1}, (1, 2), ()),
        ({"q": 3}, (3, 2), ()),
        ({"q": 1, "return_best_only": False}, (5, 1, 2), (5,)),
        ({"q": 3, "return_best_only": False}, (5, 3, 2), (5,)),
        ({"q": 3, "sequential": True}, (3, 2), (3,)),
        ({"q": 1, "sequential": True}, (1, 2), ()),
    ],
    ids=["q=1", "q=3", "q=1 all", "q=3 all", "q=3 sequential", "q=1 sequential"],
)
def test_shapes_are_those_of_optimize_acqf(fitted, kwargs, shape, values_shape):
    model, Y = fitted["branin"]
    acqf = qLogExpectedImprovement(model, Y.max(), SobolQMCNormalSampler(torch.Size([16]), seed=0))
    common = {"bounds": box(2), "num_restarts": 5, "raw_samples": 16, **kwargs}
    candidates, values = optimize_acqf(acqf, **common, options={"maxiter": 1})
    assert (candidates.shape, values.shape) == (shape, values_shape)
    candidates, values = optimize_acqf_pso(acqf, **common, options={"maxiter": 1})
    assert (candidates.shape, values.shape) == (shape, values_shape)
    candidates, values = optimize_acqf_pso(acqf, **common, return_acq_values=False)
    assert (candidates.shape, values) == (shape, None)


def test_parameters_are_those_of_optimize_acqf():
    ours = inspect.signature(optimize_acqf_pso).parameters
    theirs = inspect.signature(optimize_acqf).parameters
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


def test_one_call_per_iteration_for_all_swarms():
    acqf = Surface(waves)
    options = {"polish": False, "maxiter": 7, "num_particles": 6}
    optimize_acqf_pso(acqf, box(2), q=3, num_restarts=5, raw_samples=64, options=options)
    raw, initial, *iterations = acqf.shapes
    assert raw == (64, 3, 2)
    assert initial == (30, 3, 2)
    assert iterations == [(30, 3, 2)] * 7


def test_batch_limit_bounds_the_swarms_per_call_and_changes_nothing_else():
    options = {"polish": False, "maxiter": 5, "num_particles": 6}
    kwargs = {"bounds": box(2), "q": 1, "num_restarts": 5, "raw_samples": 64}
    whole, _ = optimize_acqf_pso(Surface(waves), **kwargs, options=options)
    acqf = Surface(waves)
    parts, _ = optimize_acqf_pso(acqf, **kwargs, options={**options, "batch_limit": 2})
    assert torch.equal(whole, parts)
    assert max(shape[0] for shape in acqf.shapes) == 12


def test_stops_early():
    acqf = Surface(hill(0.4))
    options = {"polish": False, "maxiter": 10_000, "num_particles": 16}
    optimize_acqf_pso(acqf, box(2), q=1, num_restarts=3, raw_samples=64, options=options)
    assert 20 < len(acqf.shapes) < 500


def test_raw_samples_are_raised_to_the_number_of_particles():
    acqf = Surface(waves)
    options = {"num_particles": 20, "maxiter": 0, "polish": False}
    for raw_samples in (None, 10):
        optimize_acqf_pso(acqf, box(2), 1, num_restarts=2, raw_samples=raw_samples, options=options)
    assert acqf.shapes == [(40, 1, 2)] * 4


@pytest.mark.parametrize("key", ["init_batch_limit", "topn", "nonnegative", "eta"])
def test_initialization_options_are_honored(key):
    acqf = Surface(lambda X: X.mean(dim=(-2, -1)))
    options = {key: 8, "maxiter": 0, "polish": False, "num_particles": 4}
    optimize_acqf_pso(acqf, box(2), 1, num_restarts=2, raw_samples=64, options=options)
    raw = torch.cat(acqf.X[:-1])
    initial = acqf.X[-1].flatten(0, 1)
    if key == "init_batch_limit":
        assert acqf.shapes[:-1] == [(8, 1, 2)] * 8
    elif key == "topn":
        top = raw.mean(dim=(-2, -1)).topk(8).values.sort().values
        assert torch.equal(initial.mean(dim=-1).sort().values, top)
    else:
        assert initial.mean() > raw.mean()


# ------------------------------------------------------------------------------------- constraints


LINEAR = [(torch.tensor([0, 1]), torch.tensor([-1.0, -1.0], dtype=torch.double), -1.0)]
CORNER = [(torch.tensor([0, 1]), torch.ones(2, dtype=torch.double), 1.9)]  # 1 / 200 of the square
IC = torch.full((2, 1, 2), 0.5, dtype=torch.double)
DISC = [(lambda x: 0.5 - x.square().sum(), True)]


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
@pytest.mark.parametrize(
    "constraints",
    [{"inequality_constraints": LINEAR}, {"nonlinear_inequality_constraints": DISC}],
    ids=["linear", "nonlinear"],
)
def test_a_maximum_on_the_boundary_of_the_constraints(constraints, polish):
    candidate, _ = optimize_acqf_pso(
        Surface(hill(0.9)), box(2), 1, 4, 64, options={"polish": polish}, **constraints
    )
    assert torch.allclose(candidate, torch.full_like(candidate, 0.5), atol=5e-3)
    assert evaluate_feasibility(candidate.unsqueeze(0), **constraints).all()


def test_constraints_across_points():
    # The second point may not be less than 0.2 above the first.
    apart = [(torch.tensor([[1, 0], [0, 0]]), torch.tensor([1.0, -1.0], dtype=torch.double), 0.2)]
    candidates, value = optimize_acqf_pso(
        Surface(hill(0.5)),
        box(1),
        q=2,
        num_restarts=4,
        raw_samples=64,
        inequality_constraints=apart,
    )
    assert candidates.flatten().tolist() == pytest.approx([0.4, 0.6], abs=1e-3)
    assert value.item() == pytest.approx(-0.02, abs=1e-4)
    circle = [(lambda X: 0.02 - X.square().sum(), False)]
    candidates, _ = optimize_acqf_pso(
        Surface(hill(0.5)), box(1), 2, 4, 64, nonlinear_inequality_constraints=circle
    )
    assert candidates.flatten().tolist() == pytest.approx([0.1, 0.1], abs=1e-3)


def test_a_small_feasible_set_is_found_and_all_results_are_in_it():
    d = 4
    corner = [
        (torch.arange(d), torch.ones(d, dtype=torch.double), d - 0.2)
    ]  # 1 / 15 000 of the box
    candidates, values = optimize_acqf_pso(
        Surface(hill(0.0)), box(d), 1, 3, 32, inequality_constraints=corner, return_best_only=False
    )
    assert evaluate_feasibility(candidates, corner).all()
    assert values.tolist() == pytest.approx([-d * 0.95**2] * 3, abs=1e-2)
    tiny = [(lambda x: 1e-4 - (x - 0.77).square().sum(), True)]
    candidates, _ = optimize_acqf_pso(
        Surface(hill(0.0)),
        box(d),
        1,
        3,
        32,
        nonlinear_inequality_constraints=tiny,
        return_best_only=False,
    )
    assert evaluate_feasibility(candidates, nonlinear_inequality_constraints=tiny).all()


@pytest.mark.parametrize(
    "constraints",
    [
        {"inequality_constraints": [(torch.tensor([0]), torch.ones(1).double(), 2.0)]},
        {"nonlinear_inequality_constraints": [(lambda x: -1.0 - x.sum(), True)]},
    ],
    ids=["linear", "nonlinear"],
)
def test_constraints_that_exclude_everything(constraints):
    with pytest.raises(CandidateGenerationError, match=r"satisf"):
        optimize_acqf_pso(Surface(waves), box(2), 1, 2, 16, options={"maxiter": 5}, **constraints)


def test_constraints_hold_together_with_fixed_features():
    # With x0 = 0.75 the linear constraint leaves x1 <= 0.25.
    candidate, _ = optimize_acqf_pso(
        Surface(hill(0.9)),
        box(3),
        1,
        4,
        64,
        inequality_constraints=LINEAR,
        fixed_features={0: 0.75},
    )
    assert candidate.flatten().tolist() == pytest.approx([0.75, 0.25, 0.9], abs=1e-3)


# -------------------------------------------------------------------------- admissible candidates


@pytest.mark.parametrize("polish", [None, False], ids=["polished", "swarm only"])
def test_fixed_features(polish):
    fixed = {-1: 5.0, 0: 0.125}  # the first of them out of bounds, as contexts may be
    acqf = Surface(hill(0.4))
    candidate, _ = optimize_acqf_pso(
        acqf, box(3), 1, 4, 64, fixed_features=fixed, options={"polish": polish}
    )
    assert candidate[0, 0].item() == 0.125
    assert candidate[0, 2].item() == 5.0
    assert candidate[0, 1].item() == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize("q", [1, 2])
@pytest.mark.parametrize("timeout_sec", [None, 60.0], ids=["no timeout", "timeout"])
def test_fixed_features_per_swarm(q, timeout_sec):
    contexts = torch.tensor([0.1, 0.5, 0.9], dtype=torch.double)
    candidates, _ = optimize_acqf_pso(
        Surface(lambda X: -(X[..., 0] - X[..., 1]).square().sum(dim=-1)),
        box(2),
        q=q,
        num_restarts=3,
        raw_samples=32,
        fixed_features={1: contexts},
        return_best_only=False,
        timeout_sec=timeout_sec,
    )
    assert torch.equal(candidates[..., 1], contexts.unsqueeze(-1).expand(3, q))
    assert torch.allclose(candidates[..., 0], candidates[..., 1], atol=1e-3)


@pytest.mark.parametrize("return_best_only", [True, False], ids=["best", "all"])
def test_all_features_fixed(fitted, return_best_only):
    model, Y = fitted["branin"]
    acqf = qLogExpectedImprovement(model, Y.max(), SobolQMCNormalSampler(torch.Size([16]), seed=0))
    kwargs = {"fixed_features": {0: 0.25, 1: 0.5}, "return_best_only": return_best_only}
    expected, expected_value = optimize_acqf(acqf, box(2), 2, 4, 16, **kwargs)
    candidates, value = optimize_acqf_pso(acqf, box(2), 2, 4, 16, **kwargs)
    assert torch.equal(candidates, expected)
    assert candidates.shape == expected.shape
    assert torch.allclose(value, expected_value)
    assert value.shape == expected_value.shape


def test_post_processing_happens_inside_the_swarm():
    def process(X):
        X = X.clone()
        X[..., 0] = X[..., 0].round()
        return X

    def function(
        X,
    ):  # increases toward 2.6 and prefers 3, but only 2 allows the best second feature
        bonus = (X[..., 0] == 2).to(X) * (1 - (X[..., 1] - 1.7).square())
        return (-(X[..., 0] - 2.6).square() + bonus).sum(dim=-1)

    acqf = Surface(function)
    candidate, value = optimize_acqf_pso(
        acqf, box(2, high=5.0), 1, 4, 64, post_processing_func=process
    )
    assert all(torch.equal(X, process(X)) for X in acqf.X)
    assert candidate[0, 0].item() == 2.0
    assert candidate[0, 1].item() == pytest.approx(1.7, abs=1e-2)
    assert value.item() == pytest.approx(-0.36 + 1, abs=1e-3)


# -------------------------------------------------------------------------- initial conditions


def test_batch_initial_conditions_start_the_first_swarms():
    seeds = torch.tensor([[[0.31, 0.32]], [[0.71, 0.12]]], dtype=torch.double)
    acqf = Surface(waves)
    options = {"maxiter": 0, "polish": False, "num_particles": 9, "spread": 0.01}
    kwargs = {"batch_initial_conditions": seeds, "return_best_only": False, "options": options}
    candidates, _ = optimize_acqf_pso(acqf, box(2), 1, num_restarts=4, raw_samples=64, **kwargs)
    X = acqf.X[-1].view(4, 9, 1, 2)
    assert torch.equal(X[:2, 0], seeds)
    assert (X[:2] - seeds.unsqueeze(1)).abs().max() < 0.06
    assert (X[2:].amax(dim=1) - X[2:].amin(dim=1)).min() > 0.1
    assert candidates.shape == (4, 1, 2)
    assert (waves(candidates[:2]) >= waves(seeds)).all()
    # Without raw samples, or with more initial conditions than restarts, there are no others.
    candidates, _ = optimize_acqf_pso(acqf, box(2), 1, num_restarts=4, **kwargs)
    assert candidates.shape == (2, 1, 2)
    candidates, _ = optimize_acqf_pso(acqf, box(2), 1, num_restarts=1, raw_samples=64, **kwargs)
    assert candidates.shape == (2, 1, 2)


def test_two_dimensional_initial_conditions_are_one_candidate():
    seed = torch.tensor([[0.2, 0.3], [0.6, 0.7], [0.1, 0.1]], dtype=torch.double)
    candidates, value = optimize_acqf_pso(
        Surface(hill(0.5)), box(2), q=3, num_restarts=4, batch_initial_conditions=seed
    )
    assert candidates.shape == (3, 2)
    assert value.item() == pytest.approx(0.0, abs=1e-6)


def test_ic_generator_is_called_as_by_optimize_acqf():
    calls = []

    def ic_generator(**kwargs):
        calls.append(kwargs)
        return gen_batch_initial_conditions(**{k: v for k, v in kwargs.items() if k != "extra"})

    acqf = Surface(hill(0.5))
    candidate, _ = optimize_acqf_pso(
        acqf, box(2), 1, 3, 32, options={"eta": 2.0}, ic_generator=ic_generator, extra="mine"
    )
    assert torch.allclose(candidate, torch.full_like(candidate, 0.5), atol=1e-4)
    (kwargs,) = calls
    assert kwargs["acq_function"] is acqf
    assert (kwargs["num_restarts"], kwargs["raw_samples"], kwargs["q"]) == (3, 32, 1)
    assert kwargs["options"] == {"eta": 2.0, "seed": 0}
    assert kwargs["extra"] == "mine"


# ---------------------------------------------------------------------------------- sequential


def test_sequential_candidates_are_conditioned_on_those_before(fitted):
    model, Y = fitted["branin"]
    pending = torch.tensor([[0.5, 0.5]], dtype=torch.double)
    acqf = qLogExpectedImprovement(model, Y.max(), SobolQMCNormalSampler(torch.Size([64]), seed=0))
    acqf.set_X_pending(pending)
    candidates, values = optimize_acqf_pso(acqf, box(2), 3, 8, 128, sequential=True)
    assert torch.equal(acqf.X_pending, pending)
    assert torch.pdist(candidates).min() > 1e-2
    _, expected = optimize_acqf(acqf, box(2), 3, 8, 128, sequential=True)
    assert values.shape == expected.shape
    assert values[0].item() == pytest.approx(expected[0].item(), abs=1e-3)
    acqf.set_X_pending(torch.cat([pending, candidates[:2]]))
    with torch.no_grad():
        assert acqf(candidates[2:]).item() == pytest.approx(values[2].item(), abs=1e-6)


def test_pending_points_are_restored_after_an_error(fitted):
    model, Y = fitted["branin"]

    class Breaks(qLogExpectedImprovement):
        def forward(self, X):
            if self.X_pending is not None and len(self.X_pending) == 2:
                raise KeyError("in the middle of it")
            return super().forward(X)

    acqf = Breaks(model, Y.max(), SobolQMCNormalSampler(torch.Size([16]), seed=0))
    with pytest.raises(KeyError, match="in the middle of it"):
        optimize_acqf_pso(acqf, box(2), 3, 2, 16, sequential=True)
    assert acqf.X_pending is None


def test_sequence_of_acquisition_functions(fitted):
    model, Y = fitted["branin"]
    sampler = SobolQMCNormalSampler(torch.Size([16]), seed=0)
    sequence = [
        qLogExpectedImprovement(model, Y.max(), sampler),
        qUpperConfidenceBound(model, beta=9.0, sampler=sampler),
    ]
    kwargs = {"num_restarts": 4, "raw_samples": 64}
    candidates, values = optimize_acqf_pso(
        None, box(2), 2, sequential=True, acq_function_sequence=sequence, **kwargs
    )
    assert (candidates.shape, values.shape) == ((2, 2), (2,))
    first, value = optimize_acqf_pso(sequence[0], box(2), 1, **kwargs)
    assert torch.equal(candidates[:1], first)
    assert torch.equal(values[0], value)
    assert all(acqf.X_pending is None for acqf in sequence)


# ------------------------------------------------------------------------------------- one-shot


def test_knowledge_gradient(fitted):
    model, _ = fitted["branin"]
    acqf = qKnowledgeGradient(
        model, num_fantasies=4, sampler=SobolQMCNormalSampler(torch.Size([4]), seed=0)
    )
    options = {"num_inner_restarts": 2, "raw_inner_samples": 64}
    kwargs = {"bounds": box(2), "q": 1, "num_restarts": 4, "raw_samples": 64}
    candidate, value = optimize_acqf_pso(acqf, **kwargs, options=options)
    assert (candidate.shape, value.shape) == ((1, 2), ())
    torch.manual_seed(0)
    _, expected = optimize_acqf(acqf, **kwargs)
    assert value.item() >= expected.item() - 0.1 * abs(expected.item())
    tree, value = optimize_acqf_pso(acqf, **kwargs, options=options, return_full_tree=True)
    assert tree.shape == (5, 2)
    assert torch.equal(tree[:1], candidate)
    with torch.no_grad():
        assert acqf(tree).item() == pytest.approx(value.item(), abs=1e-6)


# ---------------------------------------------------------------------------------- gen_candidates


def test_gen_candidates_inside_optimize_acqf(fitted):
    model, Y = fitted["branin"]
    acqf = LogExpectedImprovement(model, best_f=Y.max())
    kwargs = {"bounds": box(2), "q": 1, "num_restarts": 8, "raw_samples": 128}
    _, expected = optimize_acqf(acqf, **kwargs)
    candidate, value = optimize_acqf(
        acqf, **kwargs, gen_candidates=gen_candidates_pso, options={"num_particles": 12}
    )
    assert candidate.shape == (1, 2)
    assert value.item() >= expected.item() - 1e-3
    candidate, _ = optimize_acqf(
        Surface(hill(0.9)),
        **kwargs,
        gen_candidates=gen_candidates_pso,
        inequality_constraints=LINEAR,
        fixed_features={0: 0.75},
        timeout_sec=60.0,
        options={"batch_limit": 3, "n_burnin": 100},
    )
    assert candidate.flatten().tolist() == pytest.approx([0.75, 0.25], abs=1e-3)


@pytest.mark.parametrize("shape", [(4, 2, 3), (2, 3)], ids=["b x q x d", "q x d"])
def test_gen_candidates_never_returns_less_than_it_was_given(shape):
    X = torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    acqf = Surface(waves)
    candidates, values = gen_candidates_pso(X, acqf, 0.0, 1.0, options={"maxiter": 3})
    assert candidates.shape == shape
    assert values.shape == shape[:-2] or values.shape == (1,)
    assert torch.allclose(waves(candidates), values.view(waves(candidates).shape))
    assert (waves(candidates) >= waves(X)).all()


def test_gen_candidates_stays_near_its_initial_conditions():
    X = torch.tensor([[[0.35]], [[0.65]]], dtype=torch.double)
    options = {"spread": 0.02, "max_velocity": 0.05}
    candidates, _ = gen_candidates_pso(X, Surface(waves), 0.0, 1.0, options=options)
    assert candidates.flatten().tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-3)


# ---------------------------------------------------------------------------------- random numbers


def run(seed=None, **kwargs):
    options = {**({} if seed is None else {"seed": seed}), "polish": False, "maxiter": 5}
    X, _ = optimize_acqf_pso(Surface(waves), box(3), 2, 3, 32, options=options, **kwargs)
    return X


def test_same_seed_same_bits_whatever_the_global_state():
    torch.manual_seed(1)
    first = run(seed=5)
    torch.manual_seed(2)
    assert torch.equal(first, run(seed=5))
    assert torch.equal(run(), run(seed=0))
    assert not torch.equal(first, run(seed=6))


def test_same_seed_same_bits_in_a_fresh_process():
    source = "\n\n".join(
        ["from test_pso import run", "print([x.hex() for x in run(seed=5).flatten().tolist()])"]
    )
    fresh = subprocess.run(
        [sys.executable, "-c", source],
        cwd=__file__.rsplit("/", 1)[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert fresh.stdout.strip() == str([x.hex() for x in run(seed=5).flatten().tolist()])


@pytest.mark.parametrize(
    "call",
    [
        lambda acqf: optimize_acqf_pso(acqf, box(2), 1, 2, 200),
        lambda acqf: optimize_acqf_pso(acqf, box(2), 2, 2, 200, sequential=True),
        lambda acqf: optimize_acqf_pso(
            acqf, box(2), 1, 2, 200, inequality_constraints=CORNER, options={"n_burnin": 50}
        ),
        lambda acqf: optimize_acqf_pso(
            acqf, box(2), 1, 2, 32, ic_generator=gen_batch_initial_conditions
        ),
        lambda acqf: gen_candidates_pso(torch.full((2, 1, 2), 0.5).double(), acqf, 0.0, 1.0),
    ],
    ids=["joint", "sequential", "constrained", "ic_generator", "gen_candidates"],
)
def test_global_random_state_is_neither_read_nor_changed(fitted, call):
    model, Y = fitted["branin"]
    sampler = SobolQMCNormalSampler(torch.Size([16]), seed=0)
    acqf = qLogExpectedImprovement(model, Y.max(), sampler)
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the very state that must not change
        before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
        results.append(call(acqf))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_global_random_state_survives_an_error():
    def function(X):
        torch.rand(3)
        raise KeyError("in the acquisition function")

    before = torch.get_rng_state()
    with pytest.raises(KeyError, match="in the acquisition function"):
        optimize_acqf_pso(Surface(function), box(2), 1, 2, 32)
    assert torch.equal(torch.get_rng_state(), before)


# ------------------------------------------------------------------------------- time and precision


def test_timeout_returns_the_best_so_far():
    def slow(X):
        time.sleep(0.02)
        return waves(X)

    acqf = Surface(slow)
    started = time.monotonic()
    options = {"maxiter": 100_000, "patience": 100_000}
    candidate, value = optimize_acqf_pso(acqf, box(2), 1, 2, 32, options=options, timeout_sec=0.3)
    assert time.monotonic() - started < 3.0
    assert waves(candidate).item() == pytest.approx(value.item())
    assert value.item() >= max(waves(X).max().item() for X in acqf.X[2:3])
    candidate, _ = optimize_acqf_pso(acqf, box(2), 1, 2, 32, timeout_sec=0.0)
    assert candidate.shape == (1, 2)


def test_single_precision():
    acqf = Surface(hill(0.3))
    bounds = box(2, dtype=torch.float)
    linear = [(torch.tensor([0]), torch.tensor([-1.0]), -0.2)]
    for constraints in (None, linear):
        candidate, value = optimize_acqf_pso(
            acqf, bounds, 1, 4, 64, inequality_constraints=constraints
        )
        assert candidate.dtype == value.dtype == torch.float
        assert candidate[0, 1].item() == pytest.approx(0.3, abs=1e-3)
    assert candidate[0, 0].item() == pytest.approx(0.2, abs=1e-3)
    assert {X.dtype for X in acqf.X} == {torch.float}


# ------------------------------------------------------------------------------------------ errors


def test_nan_counts_as_minus_infinity():
    def function(X):
        return waves(X).where(X[..., 0, 0] > 0.5, torch.nan)

    candidate, value = optimize_acqf_pso(Surface(function), box(2), 1, 4, 64)
    assert candidate[0, 0] > 0.5
    assert value.item() == pytest.approx(2.0, abs=1e-3)


def test_nothing_but_nan_is_an_error():
    acqf = Surface(lambda X: X.sum(dim=(-2, -1)) * torch.nan)
    with pytest.raises(CandidateGenerationError, match="NaN or minus infinity at every feasible"):
        optimize_acqf_pso(acqf, box(2), 1, 2, 16, options={"maxiter": 3})
    with (
        pytest.warns(BadInitialCandidatesWarning, match="selected randomly"),
        pytest.raises(CandidateGenerationError, match="NaN or minus infinity at every feasible"),
    ):
        optimize_acqf_pso(acqf, box(2), 1, 2, 256, options={"maxiter": 3})


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"bounds": torch.zeros(3, 2)}, BotorchTensorDimensionError, r"`2 x d`, got \(3, 2\)"),
        ({"bounds": torch.tensor([[1.0], [0.0]])}, InputDataError, r"got \[\[1.0\], \[0.0\]\]"),
        ({"bounds": box(1, high=torch.inf)}, InputDataError, "Expected finite `bounds`"),
        ({"q": 0}, InputDataError, "`q` to be at least 1, got 0"),
        ({"num_restarts": 0}, InputDataError, "`num_restarts` to be at least 1, got 0"),
        ({"options": {"particles": 3}}, UnsupportedError, r"\['particles'\].*'num_particles'"),
        ({"options": {"num_particles": 0}}, InputDataError, "'num_particles'.*got 0"),
        ({"options": {"inertia": -1.0}}, InputDataError, "'inertia'.*got -1.0"),
        ({"options": {"spread": -1.0}}, InputDataError, "'spread'.*got -1.0"),
        ({"gen_candidates": gen_candidates_pso}, UnsupportedError, "`gen_candidates`"),
        ({"equality_constraints": LINEAR}, UnsupportedError, "`equality_constraints`"),
        ({"generator": print}, UnsupportedError, r"\['generator'\]"),
        ({"acq_function": None}, InputDataError, "got neither"),
        ({"acq_function_sequence": []}, UnsupportedError, "requires `sequential=True`"),
        (
            {"acq_function_sequence": [Surface(waves)], "sequential": True, "q": 2},
            InputDataError,
            "got 1 for q=2",
        ),
        ({"sequential": True, "q": 2}, UnsupportedError, "pending points, got Surface"),
        (
            {"sequential": True, "q": 2, "return_best_only": False},
            UnsupportedError,
            "`return_best_only=False`",
        ),
        (
            {"sequential": True, "q": 2, "batch_initial_conditions": torch.zeros(2, 2)},
            UnsupportedError,
            "`batch_initial_conditions`",
        ),
        (
            {"batch_initial_conditions": torch.zeros(4, 2, 2)},
            BotorchTensorDimensionError,
            r"`\(b\) x 1 x 2`, got \(4, 2, 2\)",
        ),
        (
            {"batch_initial_conditions": torch.full((1, 1, 2), 2.0)},
            InputDataError,
            r"within the bounds .* got \[2.0, 2.0\] in features \[0, 1\]",
        ),
        (
            {"ic_generator": lambda **kwargs: torch.zeros(1, 2)},
            BotorchTensorDimensionError,
            r"shape \(2, 1, 2\) from `ic_generator`, got \(1, 2\)",
        ),
        ({"fixed_features": {2: 0.0}}, InputDataError, r"\[-2, 1\], got 2"),
        (
            {"post_processing_func": lambda X: X[:1]},
            BotorchTensorDimensionError,
            "`post_processing_func` to preserve the shape",
        ),
        (
            {"post_processing_func": torch.round, "options": {"polish": True}},
            UnsupportedError,
            "'polish' is True, but `post_processing_func` is given",
        ),
        (
            {"acq_function": Surface(waves, differentiable=False), "options": {"polish": True}},
            UnsupportedError,
            "'polish' is True, but the acquisition function is not differentiable",
        ),
        (
            {"acq_function": Surface(lambda X: X.sum(-1)), "ic_generator": lambda **kwargs: IC},
            BotorchTensorDimensionError,
            r"one value for each of 64 candidates, got shape \(64, 1\)",
        ),
    ],
)
def test_refuses_by_name(kwargs, error, match):
    arguments = {"acq_function": Surface(waves), "bounds": box(2), "q": 1, "num_restarts": 2}
    with pytest.raises(error, match=match):
        optimize_acqf_pso(**{**arguments, "raw_samples": 16, **kwargs})


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"lower_bounds": None}, UnsupportedError, "`lower_bounds`"),
        ({"lower_bounds": 2.0}, InputDataError, "not to exceed the upper"),
        ({"equality_constraints": LINEAR}, UnsupportedError, "`equality_constraints`"),
        ({"options": {"method": "SLSQP"}}, UnsupportedError, r"\['method'\]"),
        (
            {"initial_conditions": torch.zeros(2)},
            BotorchTensorDimensionError,
            r"`\(b\) x q x d`, got \(2,\)",
        ),
        ({"initial_conditions": torch.full((1, 2), 3.0)}, InputDataError, "initial_conditions"),
    ],
    ids=["no bounds", "upside down", "equality", "option", "shape", "outside"],
)
def test_gen_candidates_refuses_by_name(kwargs, error, match):
    arguments = {"initial_conditions": torch.zeros(1, 2), "lower_bounds": 0.0, "upper_bounds": 1.0}
    with pytest.raises(error, match=match):
        gen_candidates_pso(**{**arguments, "acquisition_function": Surface(waves), **kwargs})

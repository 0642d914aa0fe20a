"""`optimize_acqf_pso` and `gen_candidates_pso` in place of BoTorch's gradients."""

import inspect
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    PosteriorMean,
    qKnowledgeGradient,
    qLogExpectedImprovement,
)
from botorch.models.deterministic import GenericDeterministicModel
from botorch.optim import optimize_acqf
from botorch.optim.initializers import gen_batch_initial_conditions
from botorch.sampling import SobolQMCNormalSampler
from botorch.test_functions import Ackley, Hartmann, Rastrigin

from botorch_cll.optim import gen_candidates_pso, optimize_acqf_pso

from support.surfaces import CORNER, LINEAR, Surface, box, hill, waves

# Nearly equal points in one candidate, and nothing the user could do about it.
pytestmark = pytest.mark.filterwarnings("ignore:A not p.d., added jitter")


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
    ours = dict(inspect.signature(optimize_acqf_pso).parameters)
    assert ours.pop("X_avoid").default is None
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


def test_raw_samples_are_raised_to_the_number_of_particles():
    acqf = Surface(waves)
    options = {"num_particles": 20, "maxiter": 0, "polish": False}
    for raw_samples in (None, 10):
        optimize_acqf_pso(acqf, box(2), 1, num_restarts=2, raw_samples=raw_samples, options=options)
    assert acqf.shapes == [(40, 1, 2)] * 4


def test_initialization_options_are_honored():
    acqf = Surface(lambda X: X.mean(dim=(-2, -1)))
    options = {"maxiter": 0, "polish": False, "num_particles": 4}
    options |= {"init_batch_limit": 8, "nonnegative": True}
    optimize_acqf_pso(acqf, box(2), 1, num_restarts=2, raw_samples=64, options=options)
    *raw, initial = acqf.X
    assert acqf.shapes[:-1] == [(8, 1, 2)] * 8
    assert torch.cat(raw).mean() < initial.mean() < torch.cat(raw).mean(-1).topk(8, 0).values.mean()


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


def test_the_seed_decides_where_swarms_go_from_given_conditions():
    X, options = torch.full((1, 1, 2), 0.5, dtype=torch.double), {"maxiter": 2, "polish": False}
    first, same, other = (
        gen_candidates_pso(X, Surface(waves), 0.0, 1.0, options={**options, "seed": seed})[0]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


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
        [
            f"import sys; sys.path[:0] = {sys.path!r}",
            "from test_pso import run",
            "print([x.hex() for x in run(seed=5).flatten().tolist()])",
        ]
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


def test_no_climb_begins_once_time_is_up(clock):
    def slow(X):
        clock.seconds += 1.0
        return hill(0.3)(X)

    optimize_acqf_pso(Surface(slow), box(2), 1, 2, 32, timeout_sec=0.5)
    # What is always evaluated: raw samples, particles, and whether there is a gradient.
    assert clock.seconds <= 3.0


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

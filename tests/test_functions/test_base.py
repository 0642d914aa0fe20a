"""What every multi-task problem promises: checks, noise, seeds, dtypes."""

import copy
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import BotorchTensorDimensionError, InputDataError
from botorch.utils.testing import BaseTestProblemTestCaseMixIn, BotorchTestCase

from botorch_cll.test_functions import (
    AlpineTasks,
    BraninTasks,
    CEC17Tasks,
    CompositeTasks,
    CorrelatedTasks,
    ForresterTasks,
    HartmannTasks,
    MultiTaskTestProblem,
    SklearnTuningTasks,
)

PROBLEMS = {
    "correlated": lambda **kwargs: CorrelatedTasks(dim=4, num_tasks=3, correlation=0.3, **kwargs),
    "composite": lambda **kwargs: CompositeTasks("Ackley+Schwefel", **kwargs),
    "cec17": lambda **kwargs: CEC17Tasks("PI+LS", dim=5, **kwargs),
    "forrester": ForresterTasks,
    "alpine": AlpineTasks,
    "branin": BraninTasks,
    "hartmann": lambda **kwargs: HartmannTasks(dim=3, **kwargs),
}
BY_NAME = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


def random_points(problem: MultiTaskTestProblem, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(17)
    unit = torch.rand(*shape, problem.dim, generator=generator, dtype=torch.double)
    return problem.bounds[0] + unit * (problem.bounds[1] - problem.bounds[0])


class TestBoTorchConventions(BotorchTestCase, BaseTestProblemTestCaseMixIn):
    functions = (
        CorrelatedTasks(dim=3),
        CorrelatedTasks(dim=5, num_tasks=4, noise_std=None, negate=True),
        CompositeTasks("Rastrigin+Griewank", scale="normalized"),
        CompositeTasks("Ackley+Schwefel", block_dim=1, negate=True),
        CEC17Tasks("CI+HS", dim=3),
        CEC17Tasks("PI+LS", dim=4, noise_std=[0.1, 0.2]),
        ForresterTasks(),
        AlpineTasks(num_tasks=2, noise_std=0.1),
        BraninTasks(num_tasks=3, negate=True),
        HartmannTasks(dim=6, num_tasks=2),
        SklearnTuningTasks("svc", data_sets=("iris", "wine"), max_rows=60, n_splits=2),
    )


@BY_NAME
def test_problem_describes_itself(make):
    problem = make()
    assert problem.bounds.shape == (2, problem.dim)
    assert problem.num_objectives == problem.num_tasks == problem.optimal_value.shape[0]
    assert problem.optimizers.shape == (problem.num_tasks, problem.dim)
    assert (problem.optimality_gap >= 0).all()
    assert problem.is_minimization_problem
    assert not make(negate=True).is_minimization_problem


@BY_NAME
def test_negate_turns_minima_into_maxima(make):
    problem, negated = make(), make(negate=True)
    X = random_points(problem, 20)
    assert torch.equal(negated(X, noise=False), -problem(X, noise=False))
    assert torch.equal(negated.optimal_value, -problem.optimal_value)
    assert (negated(X, noise=False) <= negated.optimal_value + 1e-9).all()


@BY_NAME
def test_equal_seeds_give_equal_problems_and_noise(make):
    first, second, other = (make(noise_std=0.5, seed=seed) for seed in (4, 4, 5))
    X = random_points(first, 8)
    for _ in range(2):
        assert torch.equal(first(X), second(X))
    assert not torch.equal(first.evaluate_true(X), other.evaluate_true(X))
    assert torch.equal(first.optimal_value, second.optimal_value)


def fingerprint() -> str:
    X = torch.linspace(0, 1, 12, dtype=torch.double).reshape(3, 4)
    problems = [
        CorrelatedTasks(dim=4, seed=3),
        CompositeTasks("Rastrigin+Griewank", seed=3),
        CEC17Tasks("CI+MS", dim=4, noise_std=1.0, seed=3),
    ]
    values = [problem(X).flatten() for problem in problems]
    values += [problem.optimal_value for problem in problems]
    svc = SklearnTuningTasks("svc", data_sets=("wine",), max_rows=60, n_splits=2, seed=3)
    values.append(svc(X[:2, :2]).flatten())
    return ",".join(value.hex() for value in torch.cat(values).tolist())


def test_bits_survive_a_fresh_process():
    lines = [
        "import torch",
        "from botorch_cll.test_functions import *",
        inspect.getsource(fingerprint),
        "print(fingerprint())",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    fresh = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert fresh.strip() == fingerprint()


def test_global_random_state_is_neither_read_nor_changed():
    def run() -> torch.Tensor:
        outputs = []
        for make in PROBLEMS.values():
            problem = make(noise_std=0.3)
            outputs.append(problem(random_points(problem, 3)).flatten())
        X, Y = CorrelatedTasks(dim=3).sample(4, seed=1)
        svc = SklearnTuningTasks("svc", data_sets=("iris",), max_rows=60, noise_std=0.1)
        boosting = SklearnTuningTasks(data_sets=("iris",), max_rows=60, n_splits=2)
        outputs += [X.flatten(), Y.flatten()]
        outputs += [p(torch.full((p.dim,), 0.3, dtype=torch.double)) for p in (svc, boosting)]
        return torch.cat(outputs)

    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    first = run()
    assert torch.equal(torch.get_rng_state(), torch_state)
    for before, after in zip(numpy_state, np.random.get_state(), strict=True):  # noqa: NPY002
        assert np.array_equal(before, after)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        assert torch.equal(run(), first)


@pytest.mark.parametrize("noise_std", [0.5, [0.2, 2.0]], ids=["common", "per_task"])
def test_noise_has_the_stated_standard_deviation(noise_std):
    problem = CEC17Tasks("CI+HS", dim=2, noise_std=noise_std)
    X = random_points(problem, 1).expand(20_000, -1)
    residuals = problem(X) - problem.evaluate_true(X)
    expected = torch.tensor(noise_std, dtype=torch.double).expand(2)
    # The standard error of a standard deviation is σ / √(2n), half a percent here.
    assert torch.allclose(residuals.std(dim=0), expected, rtol=0.025)
    assert (residuals.mean(dim=0).abs() < 5 * expected / 20_000**0.5).all()
    assert abs(torch.corrcoef(residuals.T)[0, 1]) < 0.04


def test_noise_can_be_left_out():
    problem = CorrelatedTasks(dim=3, noise_std=1.0)
    X = random_points(problem, 5)
    assert torch.equal(problem(X, noise=False), problem.evaluate_true(X))
    assert not torch.equal(problem(X), problem.evaluate_true(X))


@BY_NAME
def test_dtypes_are_honored(make):
    X = random_points(make(), 6)
    expected = make().evaluate_true(X)
    for problem in (make(dtype=torch.float), make().to(torch.float)):
        for name, buffer in problem.named_buffers():
            assert buffer.dtype == torch.float, name
        Y = problem(X.float(), noise=False)
        assert Y.dtype == torch.float
        assert torch.allclose(Y.double(), expected, rtol=1e-3, atol=1e-2)
        assert problem.optimal_value.dtype == torch.float
    # The input's dtype decides, whatever the dtype of the buffers.
    assert make()(X.float()).dtype == torch.float


@BY_NAME
def test_copies_continue_the_same_noise(make):
    problem = make(noise_std=1.0)
    X = random_points(problem, 3)
    problem(X)
    copies = [copy.deepcopy(problem), pickle.loads(pickle.dumps(problem))]
    expected = problem(X)
    for other in copies:
        assert torch.equal(other(X), expected)


@BY_NAME
def test_gradients_reach_the_input(make):
    problem = make()
    X = random_points(problem, 3).requires_grad_(True)
    problem(X).sum().backward()
    assert X.grad.isfinite().all()
    assert (X.grad != 0).any()


@BY_NAME
def test_bad_points_are_refused(make):
    problem = make()
    X = random_points(problem, 2)
    with pytest.raises(BotorchTensorDimensionError, match=r"Expected `X` of shape .*, got \(2, "):
        problem(X[:, 1:])
    with pytest.raises(BotorchTensorDimensionError, match=r"got \(\)"):
        problem(X[0, 0])
    with pytest.raises(InputDataError, match="without NaNs"):
        problem(X.index_fill(0, torch.tensor([1]), float("nan")))
    with pytest.raises(InputDataError, match=r"within the bounds .* Got values from .* to"):
        problem(X + problem.bounds[1] - problem.bounds[0] + 0.1)
    with pytest.raises(ValueError, match="within the bounds"):
        problem(X.fill_(float("inf")))
    with pytest.raises(InputDataError, match=r"floating point `X`, got dtype torch\.int64"):
        problem(torch.zeros(1, problem.dim, dtype=torch.long))


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"noise_std": [0.1]}, "one `noise_std` for each of the 2 tasks, got 1"),
        ({"noise_std": -0.1}, "non-negative `noise_std`, got -0.1"),
        ({"noise_std": [0.1, float("nan")]}, "finite, non-negative `noise_std`"),
        ({"dim": 0}, "`dim` to be at least 1, got 0"),
        ({"num_tasks": 0}, "`num_tasks` to be at least 1, got 0"),
        ({"bounds": [(0.0, 1.0)]}, "10 pairs of bounds, got 1"),
        ({"bounds": [(1.0, 0.0)] * 10}, r"lower < upper, got \(1.0, 0.0\)"),
        ({"bounds": [(0.0, float("inf"))] * 10}, "finite bounds"),
    ],
)
def test_bad_settings_are_refused(kwargs, match):
    with pytest.raises(InputDataError, match=match):
        CorrelatedTasks(**kwargs)


def test_unknown_optima_name_the_problem():
    problem = SklearnTuningTasks("svc", data_sets=("iris",), max_rows=60)
    with pytest.raises(NotImplementedError, match="SklearnTuningTasks does not specify an optimal"):
        _ = problem.optimal_value
    with pytest.raises(NotImplementedError, match=r"SklearnTuningTasks .* optimizers"):
        _ = problem.optimizers

import pytest
import torch

from benchmarks.problems import (
    CEC17_PAIRS,
    FAMILIES,
    PROBLEMS,
    Problem,
    log_losses,
    problem_labels,
    star_correlation,
)
from benchmarks.studies import STUDIES
from botorch_cll.test_functions import (
    CEC17Tasks,
    CompositeTasks,
    CorrelatedTasks,
    ShiftedTasks,
    SklearnTuningTasks,
)


def test_families_have_the_problems_they_announce() -> None:
    labels = problem_labels(FAMILIES, (1.0, 0.9, 0.5, -0.5))
    counts = {family: sum(PROBLEMS[x].family == family for x in labels) for family in FAMILIES}
    assert counts == {"pairs": 5 * 4, "cec17": 9, "shifted": 6}
    assert len(set(labels)) == len(labels)
    assert len(set(CEC17_PAIRS)) == 9


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_every_problem_has_two_tasks_without_noise_on_the_unit_cube(problem: Problem) -> None:
    built = problem.build(seed=3)
    assert built.num_tasks == 2
    assert built.noise_std is None
    unit = torch.tensor([[0.0], [1.0]]).expand(2, built.dim).to(built.bounds)
    assert torch.equal(built.bounds, unit)
    X = torch.rand(4, built.dim, generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(built(X), problem.build(seed=3)(X))


def test_problems_are_of_their_family_and_correlation() -> None:
    pair = PROBLEMS["Ackley+Griewank p=-0.5"].build(seed=0)
    assert isinstance(pair, CompositeTasks)
    cosine = torch.nn.functional.cosine_similarity(*pair.weights, dim=0)
    assert cosine.item() == pytest.approx(-0.5)
    assert isinstance(PROBLEMS["NI+LS"].build(seed=0), CEC17Tasks)
    assert isinstance(PROBLEMS["Levy"].build(seed=0), ShiftedTasks)


@pytest.mark.parametrize("p", STUDIES["transfer"].factors["correlation"])
@pytest.mark.parametrize("num_tasks", [2, 4, 8])
def test_every_task_has_the_same_correlation_with_the_first(p, num_tasks):
    matrix = star_correlation(p, num_tasks, 4, torch.Generator().manual_seed(0))
    assert matrix[0, 1:].tolist() == pytest.approx([p] * (num_tasks - 1))
    assert torch.allclose(matrix.diagonal(), torch.ones(num_tasks).double())
    assert torch.linalg.eigvalsh(matrix).min() > -1e-9
    weights = CorrelatedTasks(4, num_tasks, matrix, c=1.0).weights
    torch.testing.assert_close(weights @ weights.T, matrix)


def test_one_data_set_alone_gives_its_column():
    X = torch.rand(2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    sets = ("iris", "wine")
    together = log_losses("svc", sets, None, 3)(X)
    assert together.shape == (2, 2)
    for task in (0, 1):
        assert torch.equal(log_losses("svc", sets, task, 3)(X), together[:, [task]])
    problem = SklearnTuningTasks("svc", data_sets=sets, seed=3)
    torch.testing.assert_close(together.exp(), problem(X))

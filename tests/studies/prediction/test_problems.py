import pytest
import torch

from botorch_cll.studies.prediction.problems import (
    CEC17_PAIRS,
    FAMILIES,
    PROBLEMS,
    Problem,
    problem_labels,
)
from botorch_cll.test_functions import CEC17Tasks, CompositeTasks, ShiftedTasks


def test_families_have_the_problems_they_announce() -> None:
    labels = problem_labels(FAMILIES, (1.0, 0.9, 0.5, -0.5))
    counts = {family: sum(PROBLEMS[x].family == family for x in labels) for family in FAMILIES}
    assert counts == {"pairs": 5 * 4, "cec17": 9, "shifted": 6}
    assert len(set(labels)) == len(labels)
    assert len(set(CEC17_PAIRS)) == 9


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_every_problem_has_two_tasks_without_noise_on_the_unit_cube(problem: Problem) -> None:
    built = problem.build(3)
    assert built.num_tasks == 2
    assert built.noise_std is None
    unit = torch.tensor([[0.0], [1.0]]).expand(2, built.dim).to(built.bounds)
    assert torch.equal(built.bounds, unit)
    X = torch.rand(4, built.dim, generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(built(X), problem.build(3)(X))


def test_problems_are_of_their_family_and_correlation() -> None:
    pair = Problem("pairs", "Ackley+Griewank", -0.5).build(0)
    assert isinstance(pair, CompositeTasks)
    cosine = torch.nn.functional.cosine_similarity(*pair.weights, dim=0)
    assert cosine.item() == pytest.approx(-0.5)
    assert isinstance(Problem("cec17", "NI+LS").build(0), CEC17Tasks)
    assert isinstance(Problem("shifted", "Levy").build(0), ShiftedTasks)
    assert Problem("pairs", "Ackley+Griewank", -0.5).label == "Ackley+Griewank p=-0.5"

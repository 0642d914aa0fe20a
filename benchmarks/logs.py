"""Targets beside the logs of related tasks: real tables, and families of random functions.

Choosing defaults and reporting what they are worth need different data: `split_of`.
"""

from collections.abc import Callable
from functools import cache, partial

import torch
from botorch.utils.sampling import draw_sobol_samples
from botorch.utils.transforms import normalize

from benchmarks.methods.target import Log
from botorch_cll.datasets import load_table
from botorch_cll.test_functions import (
    AlpineTasks,
    BraninTasks,
    ForresterTasks,
    HartmannTasks,
    MultiTaskTestProblem,
)

DEVELOPMENT = "development"  # for choosing defaults
REPORTING = "reporting"  # for saying what they are worth

_NUM_POINTS = 2000  # of a pool, at most
_FAMILIES: dict[str, Callable[..., MultiTaskTestProblem]] = {
    "Forrester": ForresterTasks,
    "Branin": BraninTasks,
    "Hartmann3": partial(HartmannTasks, dim=3),
    "Hartmann6": partial(HartmannTasks, dim=6),
    "Alpine": AlpineTasks,
}
_NUM_OF_FAMILY = 5  # a new task and four old ones

_TABLE_TASKS = {
    "LCBench": """
        APSFailure Amazon_employee_access Australian Fashion_MNIST KDDCup09_appetency MiniBooNE
        adult airlines albert bank_marketing blood_transfusion_service_center car christine cnae_9
        connect_4 covertype credit_g dionis fabert helena higgs jannis jasmine
        jungle_chess_2pcs_raw_endgame_complete kc1 kr_vs_kp mfeat_factors nomao numerai28_6 phoneme
        segment shuttle sylvine vehicle volkert
    """,
    "HPOBench": "australian blood_transfusion car credit_g kc1 phoneme segment vehicle",
    "HPOLib": "naval_propulsion parkinsons_telemonitoring protein_structure slice_localization",
    "Suzuki": "case_1 case_2 case_3 case_4",
}

TARGET_GROUPS: dict[str, tuple[str, ...]] = {
    **{x: tuple(f"{x} {task}" for task in tasks.split()) for x, tasks in _TABLE_TASKS.items()},
    **{family: (family,) for family in _FAMILIES},
}
"""The targets by the table or family that they are of; of a family the first task is the target."""

TARGETS = tuple(target for targets in TARGET_GROUPS.values() for target in targets)

TOGETHER_GROUPS = tuple(group for group in TARGET_GROUPS if group != "LCBench")
"""The tables and families of which all tasks are for one purpose, and few."""


def group_of(target: str) -> str:
    """The table or family of a target."""
    return target.partition(" ")[0]


def split_of(target: str) -> str:
    """Whether a target, or a table or family, is for `DEVELOPMENT` or for `REPORTING`.

    For development are HPOLib, the Forrester and the Branin family, and every other task of LCBench
    by name, beginning with the first; all others are for reporting.
    """
    group = group_of(target)
    if group == "LCBench":
        return (DEVELOPMENT, REPORTING)[TARGET_GROUPS[group].index(target) % 2]
    return DEVELOPMENT if group in ("HPOLib", "Forrester", "Branin") else REPORTING


def pools(group: str, seed: int) -> list[Log]:
    """All there is to evaluate of the tasks of a table or family.

    Tables are the same for every seed; of those with more, 2 000 points are drawn once and for all.
    Of a family a seed draws the functions and the points: a Sobol sequence and the task's optimum.
    """
    return _family_pools(group, seed) if group in _FAMILIES else _table_pools(group)


def target_and_sources(target: str, seed: int) -> tuple[Log, list[Log]]:
    """All there is to evaluate of a target, and of the other tasks of its table or family."""
    group = group_of(target)
    logs = pools(group, seed)
    index = TARGET_GROUPS[group].index(target)
    return logs[index], [*logs[:index], *logs[index + 1 :]]


@cache
def _table_pools(name: str) -> list[Log]:
    table = load_table(name)
    X = normalize(table.X, torch.stack([table.X.amin(0), table.X.amax(0)]))
    chosen = torch.arange(len(X))
    if len(X) > _NUM_POINTS:
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(X), generator=generator)[:_NUM_POINTS]
    X, Y = X[chosen], table.Y[chosen]
    return [Log(X[seen], y[seen].unsqueeze(-1)) for y in Y.T for seen in [~y.isnan()]]


def _family_pools(name: str, seed: int) -> list[Log]:
    problem = _FAMILIES[name](num_tasks=_NUM_OF_FAMILY, seed=seed)
    points = draw_sobol_samples(problem.bounds, n=_NUM_POINTS, q=1, seed=seed).squeeze(-2)
    logs = []
    for task, best in enumerate(problem.optimizers):
        X = torch.cat([points, best.unsqueeze(0)])
        Y = -problem.evaluate_true(X)[:, [task]]
        logs.append(Log(normalize(X, problem.bounds), Y))
    return logs

"""Methods compared after as many candidates chosen per task, in place of evaluations of it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from benchmarks.methods import METHODS
from benchmarks.report import ReportTable
from benchmarks.report.comparison import capitalized, summary_table
from benchmarks.runner.results import Results


def iteration_tables(courses: pd.DataFrame, results: Results, quantity: str) -> list[ReportTable]:
    """Compare joint methods with those that optimise one task at a time at equal iterations.

    A joint method of `T` tasks chooses `T` candidates at a time and evaluates all tasks at all of
    them, so that on average one in `T` of a task's evaluations was chosen for it.

    Args:
        courses: The values so far, a row per cell, seed and number of evaluations `x`, a column per
            method.
        results: The results that they come from.
        quantity: What the values are, in words.

    Returns:
        A summary of the methods; nothing where all of them are of one kind or there is one task.
    """
    num_tasks = results.rows["task"].nunique()
    alone = [name for name in courses if name in METHODS and METHODS[name].one_task_at_a_time]
    if courses.empty or num_tasks == 1 or not 0 < len(alone) < courses.shape[1]:
        return []
    budget, num_initial = results.config["budget"], results.config["num_initial"]
    iterations = (budget - num_initial) // num_tasks
    x = courses.index.get_level_values("x")
    kept = x[x <= num_initial + iterations].max()
    blocks = courses.xs(x.max(), level="x").copy()
    blocks[alone] = courses.xs(kept, level="x")[alone]
    title = f"{capitalized(quantity)} after {iterations} candidates per task"
    table = summary_table(blocks, "iterations", title, quantity)
    caption = (
        f"{' and '.join(alone)} after {kept:g} evaluations of each task, the others after "
        f"{budget}. A joint method has then chosen {iterations} candidates per task on average, "
        f"and has evaluated each task at those of the others too. {table.caption}"
    )
    return [replace(table, caption=caption)]

"""The tables of the study of unequal data."""

from __future__ import annotations

import math

import pandas as pd
from rich import box
from rich.table import Table

from botorch_cll.studies.prediction.comparison import decimals, paired_means, paired_scores
from botorch_cll.studies.report.statistics import Interval, mean_interval
from botorch_cll.studies.surrogates import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    MULTI_TASK_GP,
    NO_LAYER,
    OURS,
    SINGLE_RBF,
)

# So that a row of the table fits into 80 columns.
_HEADERS = {
    OURS: "with\nlayer",
    NO_LAYER: "no\nlayer",
    SINGLE_RBF: "Single-\nRBF",
    INDEPENDENT_GPS: "indep.\nGPs",
    MULTI_TASK_GP: "Multi-\nTaskGP",
    INDEX_KERNEL_GP: "Index-\nKernel",
}


def interval_text(interval: Interval) -> str:
    """A mean with its interval in brackets, if there is one."""
    ends = "" if math.isnan(interval.low) else f" [{interval.low:+.3f}, {interval.high:+.3f}]"
    return f"{interval.mean:+.3f}{ends}"


def layer_differences(results: pd.DataFrame, metric: str) -> pd.Series:
    """Ours minus the same without correlation layer, problem by problem and seed by seed."""
    paired = paired_scores(results, metric, [OURS, NO_LAYER])
    return paired[OURS] - paired[NO_LAYER]


def layer_intervals(results: pd.DataFrame, metric: str) -> dict[tuple[str, str], Interval]:
    """The interval of `layer_differences` over the seeds, by family and problem."""
    differences = layer_differences(results, metric)
    return {
        key: mean_interval(values)
        for key, values in differences.groupby(level=["family", "problem"], sort=False)
    }


def means_table(results: pd.DataFrame, metric: str, title: str) -> Table:
    """Means over the seeds, a row per problem, a column per surrogate with any result."""
    n, rich = results.n.iloc[0], results.rich.iloc[0]
    table = Table(
        title=f"{title}, {n} points beside {rich} of the other task, "
        f"means over {results.seed.nunique()} seeds",
        box=box.SIMPLE,
        pad_edge=False,
    )
    means = results.groupby(["family", "problem", "surrogate"], sort=False)[metric].mean()
    wide = means.unstack("surrogate").dropna(axis="columns", how="all")
    table.add_column("problem", no_wrap=True)
    for surrogate in wide.columns:
        table.add_column(_HEADERS.get(surrogate, surrogate), justify="right")
    for (_, problem), row in wide.iterrows():
        table.add_row(problem, *[decimals(value) for value in row])
    return table


def layer_table(results: pd.DataFrame) -> Table:
    """What the correlation layer changes, problem by problem, with `layer_intervals`."""
    table = Table(
        title="With - without correlation layer, paired [95 %, Student's t over the seeds]",
        box=box.SIMPLE,
        pad_edge=False,
    )
    table.add_column("problem", no_wrap=True)
    columns = [layer_intervals(results, metric) for metric in ("rmse", "nlpd")]
    for title in ("RMSE", "NLPD"):
        table.add_column(title, justify="right")
    for key in columns[0]:
        table.add_row(key[1], *[interval_text(intervals[key]) for intervals in columns])
    return table


def comparison_lines(results: pd.DataFrame) -> list[str]:
    """How often our RMSE, its mean over the seeds, is at or below each other surrogate's."""
    lines = []
    for opponent in results.surrogate.unique():
        if opponent == OURS:
            continue
        means = paired_means(results, "rmse", [OURS, opponent])
        if len(means):
            won = int((means[OURS] <= means[opponent]).sum())
            lines.append(
                f"RMSE at or below that of {opponent} on {won} of {len(means)} problems "
                f"({100 * won / len(means):.0f} %), above on {len(means) - won}"
            )
    return lines


def layer_lines(results: pd.DataFrame) -> list[str]:
    """What the correlation layer changes: beyond noise, and for unrelated tasks.

    Problems of one seed share their points, so that the interval for unrelated tasks is over the
    seeds, of the means over the problems.
    """
    intervals = layer_intervals(results, "rmse").values()
    if not intervals:
        return []
    better = sum(interval.high < 0 for interval in intervals)
    worse = sum(interval.low > 0 for interval in intervals)
    lines = [
        f"With layer - without, RMSE: below zero beyond noise on {better} problems, above on "
        f"{worse}, neither on {len(intervals) - better - worse}"
    ]
    unrelated = results[results.correlation == 0]
    if len(unrelated):
        by_seed = layer_differences(unrelated, "rmse").groupby(level="seed").mean()
        interval = mean_interval(by_seed)
        verdict = "hurt beyond noise" if interval.low > 0 else "not hurt beyond noise"
        lines.append(f"p = 0, with layer - without, RMSE: {interval_text(interval)}: {verdict}")
    return lines

"""The tables of the calibration report."""

from __future__ import annotations

import pandas as pd
from rich import box
from rich.table import Table

from botorch_cll.studies.prediction.comparison import decimals, paired_means
from botorch_cll.studies.surrogates import GPS, MULTI_TASK_GPS, OURS

_METRICS = {
    "rmse": "RMSE",
    "nlpd": "NLPD",
    "coverage_50": "in\n50 %",
    "coverage_80": "in\n80 %",
    "coverage_95": "in\n95 %",
    "sharpness": "sharp-\nness",
    "seconds": "s",
}


def summary_table(results: pd.DataFrame) -> Table:
    """Means over problems and seeds, a section per number of points, a row per surrogate.

    Args:
        results: Rows of one family.

    Returns:
        The table. A mean is over the fits that have a result; there is a dash if none has.
    """
    family = results.family.iloc[0]
    table = Table(title=f"{family}: means over problems and seeds", box=box.SIMPLE, pad_edge=False)
    table.add_column("surrogate", no_wrap=True)
    for title in _METRICS.values():
        table.add_column(title, justify="right")
    means = results.groupby(["n", "surrogate"], sort=False)[list(_METRICS)].mean()
    for n in sorted(results.n.unique()):
        table.add_row(f"[bold]n = {n}[/bold]")
        for surrogate, row in means.loc[n].iterrows():
            table.add_row(surrogate, *[decimals(value) for value in row])
        table.add_section()
    return table


def head_to_head(results: pd.DataFrame) -> pd.DataFrame:
    """Ours against the GPs, cell by cell: one problem and number of points, mean over the seeds.

    Args:
        results: Rows of the report.

    Returns:
        One row per cell and the columns `nlpd_below`: 1 if our NLPD is below that of every GP in
        the results, else 0; `rmse_ratio`: our RMSE over that of the multi-task GP that is best in
        this cell, in hindsight; `coverage_95`: our share of test values within the 95 % interval.
        NaN where there is nothing to compare with.
    """
    gps = [name for name in GPS if name in results.surrogate.values]
    multi_task = [name for name in MULTI_TASK_GPS if name in gps]
    nlpd = paired_means(results, "nlpd", [OURS, *gps])
    best = nlpd[gps].min(axis=1)
    rmse = paired_means(results, "rmse", [OURS, *multi_task])
    return pd.DataFrame(
        {
            "nlpd_below": (nlpd[OURS] < best).astype(float).where(best.notna()),
            "rmse_ratio": rmse[OURS] / rmse[multi_task].min(axis=1),
            "coverage_95": paired_means(results, "coverage_95", [OURS])[OURS],
        }
    )


def head_to_head_table(cells: pd.DataFrame) -> Table:
    """What `head_to_head` has found, by family and number of points."""
    table = Table(title=f"{OURS} against the GPs, cells = problems x n", box=box.SIMPLE)
    table.add_column("cells")
    for title in (
        "NLPD below\nevery GP's",
        "\nnot",
        "RMSE / best\nmulti-task GP's",
        "\nbelow 1",
        "\nnot",
        "within\n95 %",
    ):
        table.add_column(title, justify="right")
    groups = {f"{key[0]} n={key[1]}": part for key, part in cells.groupby(level=["family", "n"])}
    for name, part in {**groups, "all": cells}.items():
        below, ratio = part.nlpd_below.dropna(), part.rmse_ratio.dropna()
        table.add_row(
            name,
            f"{below.sum():.0f}",
            f"{len(below) - below.sum():.0f}",
            decimals(ratio.mean()),
            f"{(ratio < 1).sum()}",
            f"{(ratio >= 1).sum()}",
            decimals(part.coverage_95.mean()),
        )
    return table


def head_to_head_lines(cells: pd.DataFrame) -> list[str]:
    """What `head_to_head` has found over all cells, in sentences."""
    below, ratio = cells.nlpd_below.dropna(), cells.rmse_ratio.dropna()
    lines = [f"{OURS}, {len(cells)} cells:"]
    if len(below):
        lines.append(
            f"NLPD below every GP's in {below.sum():.0f} cells ({100 * below.mean():.0f} %), "
            f"not in {len(below) - below.sum():.0f}"
        )
    if len(ratio):
        lines.append(
            f"RMSE over the best multi-task GP's: mean {ratio.mean():.3f}, below 1 in "
            f"{(ratio < 1).sum()} cells, not in {(ratio >= 1).sum()}"
        )
    lines.append(f"mean share within the 95 % interval: {cells.coverage_95.mean():.3f}")
    return lines


def opponents_table(results: pd.DataFrame) -> Table:
    """Ours against each other surrogate, cell by cell: wins and losses."""
    table = Table(title=f"{OURS} against each other surrogate", box=box.SIMPLE)
    table.add_column("opponent")
    for title in (
        "\ncells",
        "NLPD\nbelow",
        "\nabove",
        "RMSE\nbelow",
        "\nabove",
        "mean ratio\nof RMSEs",
    ):
        table.add_column(title, justify="right")
    for opponent in results.surrogate.unique():
        if opponent == OURS:
            continue
        nlpd = paired_means(results, "nlpd", [OURS, opponent])
        rmse = paired_means(results, "rmse", [OURS, opponent])
        lower_nlpd, lower_rmse = (m[OURS] < m[opponent] for m in (nlpd, rmse))
        table.add_row(
            opponent,
            f"{len(rmse)}",
            f"{lower_nlpd.sum()}",
            f"{(~lower_nlpd).sum()}",
            f"{lower_rmse.sum()}",
            f"{(~lower_rmse).sum()}",
            decimals((rmse[OURS] / rmse[opponent]).mean()),
        )
    return table

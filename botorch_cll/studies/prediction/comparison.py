"""Comparisons of surrogates that have seen the same data."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

CELL = ["family", "problem", "n"]
DASH = "\N{EN DASH}"


def paired_scores(results: pd.DataFrame, metric: str, surrogates: Sequence[str]) -> pd.DataFrame:
    """A metric of several surrogates on the same problems and seeds.

    Args:
        results: Rows as of `run_fits`, of one study.
        metric: A column.
        surrogates: The surrogates.

    Returns:
        One column per surrogate, one row per problem, number of points and seed for which all of
        them have a result.
    """
    chosen = results[results.surrogate.isin(surrogates)]
    wide = chosen.pivot(index=[*CELL, "seed"], columns="surrogate", values=metric)
    return wide.reindex(columns=list(surrogates)).dropna()


def paired_means(results: pd.DataFrame, metric: str, surrogates: Sequence[str]) -> pd.DataFrame:
    """The means over the seeds of `paired_scores`, one row per problem and number of points."""
    return paired_scores(results, metric, surrogates).groupby(level=CELL).mean()


def failure_lines(results: pd.DataFrame) -> list[str]:
    """One line for each surrogate with fits that have no result: how many, and why the first."""
    lines = []
    for surrogate, rows in results.groupby("surrogate", sort=False):
        failed = rows[rows.rmse.isna()]
        if len(failed):
            count = f"{len(failed)} of {len(rows)} fits"
            lines.append(f"{surrogate}: {DASH} in {count}. {failed.failure.iloc[0]}")
    return lines


def decimals(value: float, digits: int = 2) -> str:
    """A number for a table, or a dash where there is none."""
    return DASH if pd.isna(value) else f"{value:.{digits}f}"

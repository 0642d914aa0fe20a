"""The paper's Table 2 beside ours."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from botorch_cll.studies.report import ReportTable
from botorch_cll.studies.report.comparison import SIGNIFICANCE, cell_columns, in_order
from botorch_cll.studies.report.optimization import with_known_optima
from botorch_cll.studies.report.statistics import paired_test
from botorch_cll.studies.results import Results


def compare_with_paper(
    results: Results, paper: pd.DataFrame, names: Mapping[str, str]
) -> list[ReportTable]:
    """Put the paper's table and the same of ours side by side.

    Args:
        results: The results of the study.
        paper: The paper's table: `problem`, `p`, `task`, and a column `<method>_mean` and
            `<method>_std` per method.
        names: The paper's methods, and which of ours stand for them.

    Returns:
        The table of cells and one of the paper's claims; nothing as long as no cell has results of
        all these methods.
    """
    if results.rows.empty or not set(names.values()) <= set(results.rows["method"]):
        return []
    rows = with_known_optima(results)
    rows = rows[rows["method"].isin(list(names.values()))]
    index = [*cell_columns(results), "seed"]
    regret = rows.pivot(index=index, columns="method", values="normalized_regret").dropna()
    if regret.empty:
        return []
    regret = in_order(regret, results)
    cells = cell_columns(results)
    theirs = paper.rename(columns={"p": "correlation"}).set_index(cells)
    records = []
    for cell, group in regret.groupby(level=cells, sort=False):
        means = group.mean()
        row = theirs.loc[cell]
        record = dict(zip(cells, cell, strict=True))
        for name, ours in names.items():
            record[f"{name}\npaper"] = f"{row[f'{name}_mean']:.1f} ({row[f'{name}_std']:.1f})"
            record[f"{name}\nregret"] = means[ours]
        record["best\npaper"] = min(names, key=lambda name: row[f"{name}_mean"])
        record["best\nours"] = min(names, key=lambda name: means[names[name]])
        records.append(record)
    caption = (
        "The paper's three methods: mean (std) of the best value in the paper, mean normalized "
        "regret here. The paper gives neither directions nor shape parameters, so its values "
        "cannot be compared with ours, for which they are drawn anew with every seed; what can be "
        "compared is which method is best, and in how many cells."
    )
    frame = pd.DataFrame(records)
    formats = {f"{name}\nregret": ".3f" for name in names}
    return [
        ReportTable("paper", "Beside the paper's table", caption, frame, formats),
        _claims(regret, theirs, cells, names),
    ]


def _claims(
    regret: pd.DataFrame, theirs: pd.DataFrame, cells: list[str], names: Mapping[str, str]
) -> ReportTable:
    """In how many cells a method is ahead of another, in the paper and here."""
    groups = [(theirs.loc[cell], group) for cell, group in regret.groupby(level=cells)]
    records = []
    for first, second in (
        ("Bay_MRBFCor", "SingleRBF"),
        ("Bay_MRBFCor", "RMLA"),
        ("RMLA", "SingleRBF"),
    ):
        ours, other = names[first], names[second]
        significant = [
            (group[ours].mean() < group[other].mean())
            for _, group in groups
            if paired_test(group[ours], group[other]) < SIGNIFICANCE
        ]
        by_seed = regret.groupby(level="seed").mean()
        records.append(
            {
                "claim": f"{first} below {second}",
                "cells": len(groups),
                "paper": sum(row[f"{first}_mean"] < row[f"{second}_mean"] for row, _ in groups),
                "ours": sum(group[ours].mean() < group[other].mean() for _, group in groups),
                "of these\nsignificant": sum(significant),
                "significantly\nthe reverse": len(significant) - sum(significant),
                "p over seeds": paired_test(by_seed[ours], by_seed[other]),
            }
        )
    caption = (
        "In how many cells the first method's mean is below the second's. Significant: Wilcoxon's "
        "signed-rank test of the normalized regret over seeds, 5 % level, not adjusted; 'p over "
        "seeds': the same test of the means over all cells."
    )
    integers = ("cells", "paper", "ours", "of these\nsignificant", "significantly\nthe reverse")
    formats = {**dict.fromkeys(integers, "d"), "p over seeds": ".3f"}
    return ReportTable(
        "paper_claims", "The paper's claims", caption, pd.DataFrame(records), formats
    )

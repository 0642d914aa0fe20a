"""The paper's Table 2 beside ours."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from benchmarks.methods import REFERENCE_METHOD
from botorch_cll.studies.report import ReportTable
from botorch_cll.studies.report.comparison import cell_columns, in_order
from botorch_cll.studies.report.optimization import with_known_optima
from botorch_cll.studies.report.statistics import SIGNIFICANCE, paired_test
from botorch_cll.studies.results import Results

_DEFAULTS = "our defaults"
_DEFAULTS_REGRET = f"{_DEFAULTS}\nregret"

_CLAIMS = (
    ("Bay_MRBFCor", "SingleRBF"),
    ("Bay_MRBFCor", "RMLA"),
    ("RMLA", "SingleRBF"),
    ("Bay_MRBFCor", "SingleRBF", "RMLA"),
    (_DEFAULTS, "SingleRBF", "RMLA"),
)
"""Methods of which the first is said to have the lower values than the others."""


def compare_with_paper(
    results: Results, paper: pd.DataFrame, names: Mapping[str, str]
) -> list[ReportTable]:
    """Put the paper's table and the same of ours side by side.

    Our own defaults stand beside them where they were run.

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
    rows = rows[rows["method"].isin([*names.values(), REFERENCE_METHOD])]
    index = [*cell_columns(results), "seed"]
    regret = rows.pivot(index=index, columns="method", values="normalized_regret")
    regret = regret.dropna(subset=list(names.values()))
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
        if REFERENCE_METHOD in means:
            record[_DEFAULTS_REGRET] = group[REFERENCE_METHOD].mean(skipna=False)
        record["best\npaper"] = min(names, key=lambda name: row[f"{name}_mean"])
        record["best\nours"] = min(names, key=lambda name: means[names[name]])
        records.append(record)
    caption = (
        "The paper's three methods: mean (std) of the best value in the paper, mean normalized "
        "regret here. The paper gives neither directions nor shape parameters, so its values "
        "cannot be compared with ours, for which they are drawn anew with every seed; what can be "
        "compared is which method is best, and in how many cells. At correlation 1 both tasks are "
        "one function, and a method that treats task 1 by itself has the same run of it at every "
        "correlation, so cells are not independent. Bay_MRBFCor has two correlation layers with an "
        "activation between them here; 'our defaults' is what the package does by itself."
    )
    frame = pd.DataFrame(records)
    formats = dict.fromkeys((*(f"{name}\nregret" for name in names), _DEFAULTS_REGRET), ".3f")
    labels = {ours: name for name, ours in names.items()} | {REFERENCE_METHOD: _DEFAULTS}
    means = theirs[[f"{name}_mean" for name in names]].set_axis(list(names), axis=1)
    return [
        ReportTable("paper", "Beside the paper's table", caption, frame, formats),
        _claims(regret.rename(columns=labels), means),
    ]


def _claims(regret: pd.DataFrame, paper: pd.DataFrame) -> ReportTable:
    """In how many cells a method is ahead of another, in the paper and here."""
    cells = list(paper.index.names)
    by_seed = regret.groupby(level="seed").mean()
    records = []
    for first, *others in _CLAIMS:
        if first not in regret:
            continue
        means = regret[[first, *others]].dropna().groupby(level=cells).mean()
        at = paper.loc[means.index]
        record = {
            "claim": f"{first} below {' and '.join(others)}",
            "cells": len(means),
            "paper": (at[first] < at[others].min(axis=1)).sum() if first in at else None,
            "ours": (means[first] < means[others].min(axis=1)).sum(),
        }
        if len(others) == 1:
            (other,) = others
            tests = [
                paired_test(group[first], group[other]) for _, group in regret.groupby(level=cells)
            ]
            signs = [test.sign for test in tests if test.p_value < SIGNIFICANCE]
            record |= {
                "of these\nsignificant": signs.count(-1),
                "significantly\nthe reverse": signs.count(1),
                "p over seeds": paired_test(by_seed[first], by_seed[other]).p_value,
            }
        records.append(record)
    caption = (
        "In how many cells the first method's mean is below the others'. Significant: Wilcoxon's "
        "signed-rank test of the normalized regret over seeds, 5 % level, not adjusted; 'p over "
        "seeds': the same test of the means over all cells."
    )
    integers = ("cells", "paper", "ours", "of these\nsignificant", "significantly\nthe reverse")
    formats = {**dict.fromkeys(integers, ".0f"), "p over seeds": ".3f"}
    return ReportTable(
        "paper_claims", "The paper's claims", caption, pd.DataFrame(records), formats
    )

"""The paper's Table 2 beside ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.methods import REFERENCE_METHOD
from benchmarks.report import Report, ReportTable
from benchmarks.report.comparison import cell_columns, in_order
from benchmarks.report.optimization import report_optimization, with_known_optima
from benchmarks.report.statistics import paired_test
from benchmarks.runner.results import Results

REFERENCE = Path(__file__).parents[1] / "reference"

PAPER_NAMES = {"SingleRBF": "Single-RBF", "RMLA": "RMLA", "Bay_MRBFCor": "Bay_MRBFCor (paper)"}
"""The methods of the paper's table by their names there, and which of ours stand for them."""

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


def report_table2(results: Results, report: Report) -> None:
    """The report of an optimisation study, with the paper's columns beside ours."""
    report_optimization(results, report)
    report.tables += compare_with_paper(results)


def paper_table() -> pd.DataFrame:
    """The paper's Table 2: 30 rows, mean and standard deviation of each method's best values."""
    return pd.read_csv(REFERENCE / "table2.csv")


def compare_with_paper(results: Results) -> list[ReportTable]:
    """Put the paper's table and the same of ours side by side.

    Our own defaults stand beside them where they were run.

    Returns:
        The table of cells and one of the paper's claims; nothing as long as no cell has results of
        all the methods in `PAPER_NAMES`.
    """
    ours = list(PAPER_NAMES.values())
    if not set(ours) <= set(results.rows["method"]):
        return []
    cells = cell_columns(results)
    rows = with_known_optima(results).rows
    rows = rows[rows["method"].isin([*ours, REFERENCE_METHOD])]
    regret = rows.pivot(index=[*cells, "seed"], columns="method", values="normalized_regret")
    regret = in_order(regret.dropna(subset=ours), results)
    if regret.empty:
        return []
    paper = paper_table().rename(columns={"p": "correlation"}).set_index(cells)
    records = []
    for cell, group in regret.groupby(level=cells, sort=False):
        means, theirs = group.mean(), paper.loc[cell]
        record = dict(zip(cells, cell, strict=True))
        for name, method in PAPER_NAMES.items():
            record[f"{name}\npaper"] = f"{theirs[f'{name}_mean']:.1f} ({theirs[f'{name}_std']:.1f})"
            record[f"{name}\nregret"] = means[method]
        if REFERENCE_METHOD in means:
            record[_DEFAULTS_REGRET] = group[REFERENCE_METHOD].mean(skipna=False)
        record["best\npaper"] = min(PAPER_NAMES, key=lambda name: theirs[f"{name}_mean"])
        record["best\nours"] = min(PAPER_NAMES, key=lambda name: means[PAPER_NAMES[name]])
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
    formats = dict.fromkeys((*(f"{name}\nregret" for name in PAPER_NAMES), _DEFAULTS_REGRET), ".3f")
    labels = {method: name for name, method in PAPER_NAMES.items()} | {REFERENCE_METHOD: _DEFAULTS}
    means = paper[[f"{name}_mean" for name in PAPER_NAMES]].set_axis(list(PAPER_NAMES), axis=1)
    return [
        ReportTable("paper", "Beside the paper's table", caption, pd.DataFrame(records), formats),
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
            groups = [group for _, group in regret.groupby(level=cells)]
            signs = [paired_test(x[first], x[other]).significant_sign for x in groups]
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
    frame = pd.DataFrame(records)
    return ReportTable("paper_claims", "The paper's claims", caption, frame, formats)

"""The picture of the study of unequal data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from botorch_cll.plots import make_figure
from botorch_cll.studies.unequal.tables import layer_intervals


def plot_unequal(results: pd.DataFrame, out: Path) -> None:
    """Draw, problem by problem, each surrogate's RMSE and what the correlation layer changes.

    Args:
        results: Rows of the study.
        out: Where to write the picture.
    """
    means = results.groupby(["family", "problem", "surrogate"], sort=False).rmse.mean()
    problems = list(results.groupby(["family", "problem"], sort=False).groups)
    figure, panels = make_figure(1, 2, (5.0, 1.8 + 0.24 * len(problems)), share_x=False)
    left, right = panels[0]
    right.sharey(left)
    right.tick_params(labelleft=False)
    for surrogate in results.dropna(subset=["rmse"]).surrogate.unique():
        values = means.xs(surrogate, level="surrogate").reindex(problems)
        left.plot(values, range(len(problems)), "o", ms=4, alpha=0.8, label=surrogate)
    left.set(xlabel="RMSE [standard deviations]", yticks=range(len(problems)))
    left.set_yticklabels([problem for _, problem in problems])
    left.invert_yaxis()
    for key, interval in layer_intervals(results, "rmse").items():
        row = problems.index(key)
        right.plot([interval.low, interval.high], [row, row], color="C0")
        right.plot(interval.mean, row, "o", ms=4, color="C0")
    right.axvline(0.0, color="0.8", zorder=0)
    right.set_xlabel("RMSE with - without correlation layer, 95 % interval")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(out, dpi=120)

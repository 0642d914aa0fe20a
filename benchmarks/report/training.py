"""The report of the training study: the error curves of the paper's Fig. 8, and its claims."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.report import Report, ReportTable
from benchmarks.report.plots import BANDS, draw_panels
from benchmarks.report.statistics import claim_records
from benchmarks.runner.results import Results

QUANTITIES = {"train_error": "training error", "test_error": "test error"}

_CLAIMS = (("MultiRBF+", "MultiRBF"), ("MultiRBF+ReLU", "MultiRBF"), ("MultiRBF+ReLU", "MultiRBF+"))
_BEYOND = (("MultiRBF+", "SingleRBF"), ("MultiRBF+ReLU", "SingleRBF"))
_WEAK = 0.5  # the correlation at which the paper claims the activated layer to be the better one


def report_fig8(results: Results, report: Report) -> None:
    """Draw the error curves and test the paper's claims."""
    report.notes += [
        f"{results.config['num_train']} training points in {results.config['dim']} dimensions (the "
        "paper gives neither), new tasks and data with every seed. Errors are mean squared errors "
        "in units of the variance of the training targets, means over both tasks.",
        BANDS,
    ]
    errors = results.rows.groupby(["correlation", "method", "seed"])[list(QUANTITIES)].mean()
    means = errors.groupby(level=["correlation", "method"], sort=False).mean()
    frame = means.rename(columns=QUANTITIES).reset_index()
    frame = frame.sort_values("correlation", ascending=False, kind="stable")
    formats = {"correlation": "g", **dict.fromkeys(QUANTITIES.values(), ".4f")}
    table = ReportTable("errors", "Final errors", "Means over the seeds.", frame, formats)
    report.tables += [_claims_table(errors), table]
    report.figures["curves"] = _curves(results)


def _claims_table(errors: pd.DataFrame) -> ReportTable:
    """Test which network has the lower error, by Student's interval of the logarithmic ratio."""
    gains = []
    for quantity, title in QUANTITIES.items():
        table = errors[quantity].unstack("method").sort_index(ascending=False)
        for first, second in (*_CLAIMS, *_BEYOND):
            if not {first, second} <= set(table):
                continue
            for p, group in table.groupby(level="correlation", sort=False):
                if (first, second) == _CLAIMS[-1] and p != _WEAK:
                    continue
                gain = np.log(group[second] / group[first]).dropna()
                source = "paper" if (first, second) in _CLAIMS else "here only"
                claim = {"claim": f"{first} below {second}", "in": source, "p": p, "error": title}
                gains.append((claim | {"seeds": len(gain)}, gain))
    caption = (
        "Ratio of the first network's final error to the second's: geometric mean over seeds with "
        "its 95 % confidence interval, each claim by itself. Confirmed: below 1 by Student's test "
        "of the logarithm at the 5 % level, adjusted for all rows (Holm); refuted: above; else "
        "undecided. Networks before a correlation layer have hidden layers of their own, like "
        "SingleRBF, whereas that of MultiRBF is shared: the comparison with SingleRBF shows the "
        "layer alone."
    )
    interval = ("ratio", "from", "to")
    frame = pd.DataFrame(claim_records(gains, interval, lambda gain: float(np.exp(-gain))))
    formats = dict.fromkeys(interval, ".3f") | {"p": "g", "seeds": "d"}
    return ReportTable("claims", "The paper's claims", caption, frame, formats)


def _curves(results: Results) -> Figure:
    """Errors over the training steps: a row per quantity, a column per correlation."""
    index = ["curve", "correlation", "x", "seed", "method"]
    curves = np.log(results.curves.groupby(index)["y"].mean()).unstack("method")
    correlations = sorted(results.curves["correlation"].unique(), reverse=True)
    methods = [method for method in results.levels["method"] if method in curves.columns]
    grid = [
        [(f"{title}, p = {p:g}", curves.loc[(quantity, p), methods]) for p in correlations]
        for quantity, title in QUANTITIES.items()
    ]
    labels = ("training steps", "geometric mean of the runs")
    return draw_panels(grid, methods, (3.4, 2.8), True, 9, *labels)[0]

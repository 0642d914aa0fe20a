"""The tables of the benchmark."""

from __future__ import annotations

import pandas as pd

from benchmarks.bench.swarms import GRADIENTS, SWARM, TOLERANCE
from benchmarks.methods import OURS
from botorch_cll.studies.report import Report, ReportTable

_SECONDS = ".3g"
_RATIO = ".3g"


def report_bench(rows: pd.DataFrame) -> Report:
    """The tables of those parts of the benchmark that were run.

    Args:
        rows: The rows of `run_bench`, all measured with the same number of threads.

    Returns:
        The report.
    """
    threads = int(rows.threads.iloc[0])
    time = "processor time" if threads == 1 else "time on the wall"
    report = Report(
        title="Speed",
        notes=[
            f"Seconds are {time} with {threads} thread{'s' * (threads > 1)}; medians of repeats "
            "that alternate between the methods in one process. A ratio is ours over theirs, the "
            "median over the repeats.",
            f"Versions: {rows.versions.iloc[0]}.",
        ],
    )
    tables = {
        "fit": _side_by_side_table,
        "propose": _side_by_side_table,
        "floor": _floor_table,
        "swarm": _swarm_table,
        "scale": _scale_tables,
    }
    for part, table in tables.items():
        chosen = rows[rows.part == part].dropna(axis="columns", how="all")
        if len(chosen):
            report.tables.extend(table(chosen))
    return report


_TITLES = {
    "fit": "Fit and posterior at 1 000 points, n points per task, two tasks, d = 4",
    "propose": "One iteration: fit and two candidates, two tasks, d = 4",
}


def _side_by_side_table(rows: pd.DataFrame) -> list[ReportTable]:
    part = rows.part.iloc[0]
    table = []
    for (n, method), group in rows.groupby(["n", "method"], sort=False):
        ours = rows[(rows.n == n) & (rows.method == OURS)].set_index("repeat").seconds
        ratio = (ours / group.set_index("repeat").seconds).median()
        table.append([n, method, len(group), group.seconds.median(), ratio])
    frame = pd.DataFrame(table, columns=["n", "method", "repeats", "seconds", "ratio"])
    formats = {"n": ".0f", "repeats": "d", "seconds": _SECONDS, "ratio": _RATIO}
    return [ReportTable(part, _TITLES[part], "", frame, formats)]


def _floor_table(rows: pd.DataFrame) -> list[ReportTable]:
    frame = rows.groupby(["n", "method"], sort=False)[["seconds", "floor"]].median().reset_index()
    frame["share"] = frame.seconds / frame.groupby("n").seconds.transform("sum")
    frame["measured / floor"] = frame.seconds / frame.floor
    frame = frame.rename(columns={"method": "part"})
    formats = {"n": ".0f", "seconds": _SECONDS, "floor": _SECONDS, "share": ".0%"}
    caption = (
        "The floor is the time of the additions, multiplications and exponentials that the part "
        "cannot do without, at this machine's rates for a product of 512 x 512 matrices and for "
        "exponentials in the cache. Parts are profiled, which makes them somewhat slower."
    )
    return [
        ReportTable(
            "floor",
            "Where our time goes, and the least it could be",
            caption,
            frame,
            formats | {"measured / floor": ".1f"},
        )
    ]


def _swarm_table(rows: pd.DataFrame) -> list[ReportTable]:
    table = []
    for kind, of_kind in rows.groupby("kind", sort=False):
        values = of_kind.pivot(index="repeat", columns="method", values="value")
        seconds = of_kind.pivot(index="repeat", columns="method", values="seconds")
        best = values.max(axis=1)
        for method in of_kind.method.unique():
            theirs = of_kind[of_kind.method == method]
            has_values = theirs.value.notna().all()
            table.append(
                [
                    kind,
                    method,
                    len(theirs),
                    theirs.evaluations.median(),
                    theirs.seconds.median(),
                    (seconds[SWARM] / seconds[method]).median(),
                    (values[method] >= best - TOLERANCE).mean() if has_values else None,
                    (values[SWARM] >= values[method] - TOLERANCE).mean() if has_values else None,
                ]
            )
    columns = ["surface", "optimizer", "seeds", "evaluations", "seconds", "ratio"]
    frame = pd.DataFrame(table, columns=[*columns, "near the best", "ours at least as good"])
    formats = {"seeds": "d", "evaluations": ".0f", "seconds": _SECONDS, "ratio": _RATIO}
    caption = (
        "Log-EI of one task of the paper's pairs after 60 points, of our ensemble and of a GP. "
        f"{SWARM} and {GRADIENTS} have 20 restarts and 512 raw samples; the others have as many "
        "evaluations as ours took, a gradient counting as two more. Near the best: within "
        f"{TOLERANCE:g} of the best of all four. Ours at least as good: down to {TOLERANCE:g}."
    )
    return [
        ReportTable(
            "swarm",
            "Optimizers of acquisition functions on the same surfaces",
            caption,
            frame,
            formats | {"near the best": ".0%", "ours at least as good": ".0%"},
        )
    ]


def _scale_tables(rows: pd.DataFrame) -> list[ReportTable]:
    tables = []
    for sweep, of_sweep in rows.groupby("kind", sort=False):
        table = of_sweep.assign(cell=[_cell(row) for _, row in of_sweep.iterrows()]).pivot(
            index=["n", "tasks", "d"], columns="method", values="cell"
        )
        frame = table[list(of_sweep.method.unique())].fillna("").reset_index()
        caption = (
            "Seconds and MiB of memory above what the process held with its data. Every fit has a "
            "process of its own. A method that fails is not tried at larger sizes."
        )
        title = f"Fits of more and more {sweep}"
        formats = {"n": ".0f", "tasks": ".0f", "d": ".0f"}
        tables.append(ReportTable(f"scale-{sweep}", title, caption, frame, formats))
    return tables


def _cell(row: pd.Series) -> str:
    if isinstance(row.get("failure"), str):
        return str(row.failure)
    return f"{row.seconds:.3g} s, {row.peak_mib:.0f} MiB"

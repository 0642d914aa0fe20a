"""The tables of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from benchmarks.bench.swarms import GRADIENTS, SWARM, TOLERANCE
from benchmarks.methods import OURS
from benchmarks.report import Report, ReportTable

_FORMATS = {"n": ".0f", "tasks": ".0f", "d": ".0f", "repeats": "d", "seeds": "d"}
_FORMATS |= {"evaluations": ".0f", "seconds": ".3g", "floor": ".3g", "ratio": ".3g", "share": ".0%"}
_FORMATS |= {"measured / floor": ".1f", "near the best": ".0%", "ours at least as good": ".0%"}


def report_bench(rows: pd.DataFrame) -> Report:
    """The tables of those parts of the benchmark that were run, all with as many threads."""
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
    for part, tables in _TABLES.items():
        chosen = rows[rows.part == part].dropna(axis="columns", how="all")
        if len(chosen):
            report.tables.extend(tables(chosen))
    return report


def _table(name: str, title: str, caption: str, frame: pd.DataFrame) -> ReportTable:
    formats = {column: _FORMATS[column] for column in frame.columns if column in _FORMATS}
    return ReportTable(name, title, caption, frame, formats)


def _beside(rows: pd.DataFrame, ours: str, keys: list[str]) -> pd.DataFrame:
    """The rows with the `ratio` of our seconds to theirs, and our other columns as `our_...`."""
    own = rows[rows.method == ours].set_index(keys).add_prefix("our_")
    rows = rows.join(own, on=keys)
    return rows.assign(ratio=rows.our_seconds / rows.seconds)


def _side_by_side(rows: pd.DataFrame) -> Iterator[ReportTable]:
    titles = {
        "fit": "Fit and posterior at 1 000 points, n points per task, two tasks, d = 4",
        "propose": "One iteration: fit and two candidates, two tasks, d = 4",
    }
    part = rows.part.iloc[0]
    grouped = _beside(rows, OURS, ["n", "repeat"]).groupby(["n", "method"], sort=False)
    frame = grouped[["seconds", "ratio"]].median()
    frame.insert(0, "repeats", grouped.size())
    yield _table(part, titles[part], "", frame.reset_index())


def _floor(rows: pd.DataFrame) -> Iterator[ReportTable]:
    frame = rows.groupby(["n", "method"], sort=False)[["seconds", "floor"]].median().reset_index()
    frame["share"] = frame.seconds / frame.groupby("n").seconds.transform("sum")
    frame["measured / floor"] = frame.seconds / frame.floor
    caption = (
        "The floor is the time of the additions, multiplications and exponentials that the part "
        "cannot do without, at this machine's rates for a product of 512 x 512 matrices and for "
        "exponentials in the cache. Parts are profiled, which makes them somewhat slower."
    )
    title = "Where our time goes, and the least it could be"
    yield _table("floor", title, caption, frame.rename(columns={"method": "part"}))


def _swarm(rows: pd.DataFrame) -> Iterator[ReportTable]:
    surface = ["kind", "repeat"]
    rows = _beside(rows, SWARM, surface)
    best = rows.groupby(surface).value.transform("max")
    shares = {
        "near the best": rows.value >= best - TOLERANCE,
        "ours at least as good": rows.our_value >= rows.value - TOLERANCE,
    }
    known = rows.value.notna()
    rows = rows.assign(**{name: good.astype(float).where(known) for name, good in shares.items()})
    grouped = rows.groupby(["kind", "method"], sort=False)
    frame = grouped[["evaluations", "seconds", "ratio"]].median().join(grouped[[*shares]].mean())
    frame.insert(0, "seeds", grouped.size())
    caption = (
        "Log-EI of one task of the paper's pairs after 60 points, of our ensemble and of a GP. "
        f"{SWARM} and {GRADIENTS} have 20 restarts and 512 raw samples; the others have as many "
        "evaluations as ours took, a gradient counting as two more. Near the best: within "
        f"{TOLERANCE:g} of the best of all four. Ours at least as good: down to {TOLERANCE:g}."
    )
    title = "Optimizers of acquisition functions on the same surfaces"
    frame = frame.rename_axis(["surface", "optimizer"]).reset_index()
    yield _table("swarm", title, caption, frame)


def _scale(rows: pd.DataFrame) -> Iterator[ReportTable]:
    caption = (
        "Seconds and MiB of memory above what the process held with its data. Every fit has a "
        "process of its own. A method that fails is not tried at larger sizes."
    )
    rows = rows.assign(cell=[_cell(row) for _, row in rows.iterrows()])
    for sweep, of_sweep in rows.groupby("kind", sort=False):
        table = of_sweep.pivot(index=["n", "tasks", "d"], columns="method", values="cell")
        frame = table[list(of_sweep.method.unique())].fillna("").reset_index()
        yield _table(f"scale-{sweep}", f"Fits of more and more {sweep}", caption, frame)


def _cell(row: pd.Series) -> str:
    if isinstance(row.get("failure"), str):
        return str(row.failure)
    return f"{row.seconds:.3g} s, {row.peak_mib:.0f} MiB"


_TABLES = {
    "fit": _side_by_side,
    "propose": _side_by_side,
    "floor": _floor,
    "swarm": _swarm,
    "scale": _scale,
}

"""The tables of the benchmark."""

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
    notes = [
        f"Seconds are {time} with {threads} thread{'s' * (threads > 1)}; medians of repeats "
        "that alternate between the methods in one process. A ratio is ours over theirs, the "
        "median over the repeats.",
        f"Versions: {rows.versions.iloc[0]}.",
    ]
    report = Report("Speed", notes)
    for name, (summary, title, caption) in _TABLES.items():
        part, _, kind = name.partition("-")
        chosen = rows[(rows.part == part) & (not kind or rows.get("kind") == kind)]
        if len(chosen):
            frame = summary(chosen)
            formats = {column: _FORMATS[column] for column in frame if column in _FORMATS}
            report.tables.append(ReportTable(name, title, caption, frame, formats))
    return report


def _beside(rows: pd.DataFrame, ours: str, keys: list[str]) -> pd.DataFrame:
    """The rows with the `ratio` of our seconds to theirs, and our other columns as `our_...`."""
    own = rows[rows.method == ours].set_index(keys).add_prefix("our_")
    rows = rows.join(own, on=keys)
    return rows.assign(ratio=rows.our_seconds / rows.seconds)


def _ratios(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = _beside(rows, OURS, ["n", "repeat"]).groupby(["n", "method"], sort=False)
    frame = grouped.agg({"repeat": "size", "seconds": "median", "ratio": "median"})
    return frame.reset_index().rename(columns={"repeat": "repeats"})


def _floor(rows: pd.DataFrame) -> pd.DataFrame:
    frame = rows.groupby(["n", "method"], sort=False)[["seconds", "floor"]].median().reset_index()
    frame["share"] = frame.seconds / frame.groupby("n").seconds.transform("sum")
    frame["measured / floor"] = frame.seconds / frame.floor
    return frame.rename(columns={"method": "part"})


def _swarm(rows: pd.DataFrame) -> pd.DataFrame:
    surface = ["kind", "repeat"]
    rows = _beside(rows, SWARM, surface)
    best = rows.groupby(surface).value.transform("max")
    shares = {
        "near the best": rows.value >= best - TOLERANCE,
        "ours at least as good": rows.our_value >= rows.value - TOLERANCE,
    }
    for share, good in shares.items():
        rows[share] = good.astype(float).where(rows.value.notna())
    medians = dict.fromkeys(("evaluations", "seconds", "ratio"), "median")
    grouped = rows.groupby(["kind", "method"], sort=False)
    frame = grouped.agg({"repeat": "size"} | medians | dict.fromkeys(shares, "mean")).reset_index()
    return frame.rename(columns={"kind": "surface", "method": "optimizer", "repeat": "seeds"})


def _scale(rows: pd.DataFrame) -> pd.DataFrame:
    def cell(row: pd.Series) -> str:
        failed = isinstance(row.get("failure"), str)
        return str(row.failure) if failed else f"{row.seconds:.3g} s, {row.peak_mib:.0f} MiB"

    rows = rows.assign(cell=[cell(row) for _, row in rows.iterrows()])
    table = rows.pivot(index=["n", "tasks", "d"], columns="method", values="cell")
    return table[list(rows.method.unique())].fillna("").reset_index()


_FLOOR_CAPTION = (
    "The floor is the time of the additions, multiplications and exponentials that the part "
    "cannot do without, at this machine's rates for a product of 512 x 512 matrices and for "
    "exponentials in the cache. Parts are profiled, which makes them somewhat slower."
)
_SWARM_CAPTION = (
    "Log-EI of one task of the paper's pairs after 60 points, of our ensemble and of a GP. "
    f"{SWARM} and {GRADIENTS} have 20 restarts and 512 raw samples; the others have as many "
    "evaluations as ours took, a gradient counting as two more. Near the best: within "
    f"{TOLERANCE:g} of the best of all four. Ours at least as good: down to {TOLERANCE:g}."
)
_SCALE_CAPTION = (
    "Seconds and MiB of memory above what the process held with its data. Every fit has a "
    "process of its own. A method that fails is not tried at larger sizes."
)
_TABLES = {
    "fit": (_ratios, "Fit and posterior at 1 000 points, n points per task, two tasks, d = 4", ""),
    "propose": (_ratios, "One iteration: fit and two candidates, two tasks, d = 4", ""),
    "floor": (_floor, "Where our time goes, and the least it could be", _FLOOR_CAPTION),
    "swarm": (_swarm, "Optimizers of acquisition functions on the same surfaces", _SWARM_CAPTION),
    "scale-rows": (_scale, "Fits of more and more rows", _SCALE_CAPTION),
    "scale-tasks": (_scale, "Fits of more and more tasks", _SCALE_CAPTION),
}

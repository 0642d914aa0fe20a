"""The reports on targets beside logs: regret by evaluation, and scores of predictions."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.logs import DEVELOPMENT, REPORTING, TARGET_GROUPS, group_of, split_of
from benchmarks.methods import MULTI_TASK_GP, OURS
from benchmarks.methods.transfer import MOST_ROWS, MOST_SOURCES
from benchmarks.report import Report, ReportTable, comparison
from benchmarks.report.statistics import mean_interval
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure

_REGRET = (
    "Regret is normalized: 0 is the best row of the target's pool, 1 the pool's median. What "
    "defaults were chosen on (development) and what they are judged on (reporting) is kept apart."
)
_REGRETS = {f"after_{step}": f"after {step}" for step in (1, 5, 10, 25)} | {"mean": "mean"}
_SCORES = {  # by column the title, how several are summed up, and the digits
    "spearman": ("Rank correlation (Spearman's)", "median", ".2f"),
    "rmse": ("RMSE", "mean", ".2f"),
    "nlpd": ("NLPD", "mean", ".2f"),
    "coverage_95": ("Share in 95 % intervals", "mean", ".2f"),
    "seconds": ("Processor seconds of a fit", "median", ".1f"),
}


def report_logs(results: Results, report: Report) -> None:
    """Regret by evaluation: a summary, paired differences, each table or family by itself."""
    report.notes += [*comparison.failure_notes(results), _REGRET, *_sources_notes(results)]
    for purpose, part in _by_purpose(results):
        report.tables += [_summary(part, purpose), *_differences(part, purpose)]
        report.tables += [_group_table(part, group, purpose) for group in _groups(part)]
        report.figures[f"regret_{purpose}"] = _plot_courses(part)


def report_log_prediction(results: Results, report: Report) -> None:
    """Scores of the predictions by number of the target's rows."""
    report.notes += [
        *comparison.failure_notes(results),
        "RMSE and NLPD (negative log predictive density) are in units of the target's standard "
        "deviation; predictive distributions include the noise. What a method cannot predict from "
        "so few rows is left empty.",
        *_sources_notes(results),
    ]
    for purpose, part in _by_purpose(results):
        for num_source, rows in part.rows.groupby("num_source"):
            for score, (title, how, digits) in _SCORES.items():
                name = f"{score}_{num_source}_{purpose}"
                values = rows.groupby(["group", "method", "n"], sort=False)[score].agg(how)
                frame = comparison.in_order(values.unstack("n").sort_index(axis=1), part)
                caption = f"The {how} over targets and seeds, by rows of the target."
                title = f"{title}, {num_source} rows of each source, {purpose}"
                formats = dict.fromkeys(map(str, frame.columns), digits)
                frame = frame.rename(columns=str).rename_axis(columns=None).reset_index()
                report.tables.append(ReportTable(name, title, caption, frame, formats))


def _sources_notes(results: Results) -> list[str]:
    """What a method does not see of the sources, where there are sources."""
    if "num_source" not in {*results.config, *results.factors}:
        return []
    words = f"{MULTI_TASK_GP} sees at most {MOST_ROWS} rows of {MOST_SOURCES} sources together."
    return [words] * (MULTI_TASK_GP in results.found("method"))


def _by_purpose(results: Results) -> Iterator[tuple[str, Results]]:
    """The results for development and those for reporting, as far as there are any."""
    groups = results.rows["problem"].map(group_of)
    purposes = results.rows["problem"].map(split_of)
    for purpose in (DEVELOPMENT, REPORTING):
        rows = results.rows.assign(group=groups)[purposes == purpose]
        if not rows.empty:
            yield purpose, replace(results, rows=rows)


def _groups(part: Results) -> list[str]:
    return [group for group in TARGET_GROUPS if group in set(part.rows["group"])]


def _on_all_targets(part: Results) -> pd.DataFrame:
    """The rows of the methods that have been run on every target of a table or family."""
    num_targets = part.rows.groupby(["group", "method"])["task"].transform("nunique")
    return part.rows[num_targets == num_targets.groupby(part.rows["group"]).transform("max")]


def _summary(part: Results, purpose: str) -> ReportTable:
    """The mean regret over all evaluations, by method and table or family."""
    rows = _on_all_targets(part)
    means = rows.groupby(["method", "group"])["mean"].mean().unstack()
    means = comparison.in_order(means[_groups(part)], part)
    lowest = means.eq(means.min()).reset_index(drop=True)
    caption = (
        "Mean over the evaluations, all targets and the seeds that a method has, which are in the "
        "tables below; lower is better. Empty where it has not been run on all targets."
    )
    title = f"Mean regret while looking for the best, {purpose}"
    frame = means.rename_axis(columns=None).reset_index()
    formats = dict.fromkeys(means.columns, ".3f")
    return ReportTable(f"summary_{purpose}", title, caption, frame, formats, dict(lowest.items()))


def _differences(part: Results, purpose: str) -> list[ReportTable]:
    """How much higher the regret of each other method is than ours, paired by target and seed."""
    records = []
    for group in _groups(part):
        rows = part.rows[part.rows["group"] == group]
        values = rows.set_index(["problem", "task", "seed", "method"])[list(_REGRETS)]
        values = values.dropna(axis=1, how="all").unstack("method")
        if ("mean", OURS) not in values:
            continue
        for method in part.found("method"):
            if method == OURS or ("mean", method) not in values:
                continue
            record = {"group": group, "method": method}
            for name in values.columns.unique(0):
                paired = (values[name][method] - values[name][OURS]).dropna()
                mean, low, high = mean_interval(paired)
                record["pairs"] = len(paired)
                record[_REGRETS[name]] = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
            records.append(record)
    if not records:
        return []
    caption = (
        f"Regret less that of {OURS}, positive where the method is behind it: the mean over "
        "the pairs of target and seed that both have, and Student's 95 % interval over these, each "
        "by itself. It takes the pairs for independent. 'mean': over all evaluations."
    )
    title = f"Against {OURS}, {purpose}"
    frame = pd.DataFrame(records)
    return [ReportTable(f"differences_{purpose}", title, caption, frame, {"pairs": "d"})]


def _group_table(part: Results, group: str, purpose: str) -> ReportTable:
    """Regret by evaluation of one table or family."""
    rows = part.rows[part.rows["group"] == group]
    by_method = rows.groupby("method")
    frame = by_method[list(_REGRETS)].mean().rename(columns=_REGRETS).dropna(axis=1)
    frame["last"], frame["median"] = by_method["last"].mean(), by_method["last"].median()
    means = rows.pivot(index=["problem", "task", "seed"], columns="method", values="mean")
    complete = means.dropna()
    formats = dict.fromkeys(frame.columns, ".3f") | {"rank": ".1f", "runs": "d", "s": ".0f"}
    frame["rank"] = complete.rank(axis=1).mean()
    runs = rows.drop_duplicates(["problem", "seed", "method"]).groupby("method")["seconds"]
    frame["runs"], frame["s"] = runs.size(), runs.median()
    num_targets = rows["task"].nunique()
    caption = (
        f"{num_targets} target{'s' * (num_targets != 1)}: mean regret after so many evaluations, "
        "over all of them ('mean') and after the last one, where the median is too. 'rank': mean "
        f"rank of 'mean' over the {len(complete)} of {len(means)} pairs of target and seed that "
        "all methods have; 's': median processor seconds of a run."
    )
    frame = comparison.in_order(frame, part).rename_axis("method").reset_index()
    name, title = f"{group}_{purpose}", f"{group}, {purpose}"
    return ReportTable(name, title, caption, frame, formats)


def _plot_courses(part: Results) -> Figure:
    """Mean regret and mean rank by evaluation: a column per table or family, a line per method."""
    groups, methods = _groups(part), part.found("method")
    curves = part.curves.merge(_on_all_targets(part)[[*part.factors, "task"]])
    figure, panels = make_figure(2, len(groups), (2.8, 2.6), share_x=False)
    lines = {}
    for (regret, rank), group in zip(panels.T, groups, strict=True):
        of_group = curves[curves["problem"].map(group_of) == group]
        index = ["x", "problem", "task", "seed"]
        wide = of_group.pivot(index=index, columns="method", values="y")
        means, ranks = wide, wide.dropna().rank(axis=1)
        for axes, values in ((regret, means), (rank, ranks)):
            by_step = values.groupby(level="x").mean()
            for method in by_step:
                number = methods.index(method)
                (lines[method],) = axes.plot(
                    by_step[method],
                    "-" if number < 10 else "--",
                    color=f"C{number}",
                    lw=2.4 if method == OURS else 1.2,
                )
        regret.set(title=group, yscale="log")
        rank.set(xlabel="evaluations")
    panels[0, 0].set_ylabel("mean normalized regret")
    panels[1, 0].set_ylabel("mean rank")
    shown = [method for method in methods if method in lines]
    figure.legend([lines[x] for x in shown], shown, loc="outside lower center", ncols=5)
    return figure

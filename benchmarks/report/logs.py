"""The reports on targets beside logs: regret by evaluation, and scores of predictions."""

from collections.abc import Iterator
from dataclasses import replace

from matplotlib.figure import Figure

from benchmarks.logs import DEVELOPMENT, REPORTING, group_of, split_of
from benchmarks.report import Report, ReportTable, comparison
from benchmarks.report.statistics import mean_interval
from benchmarks.runner.results import Results
from botorch_cll.plots import make_figure

_REGRET = (
    "Regret is normalized: 0 is the best row of the target's pool, 1 the pool's median. What "
    "defaults were chosen on (development) and what they are judged on (reporting) is kept apart."
)
_AFTER = {f"after_{step}": f"after {step}" for step in (1, 5, 10, 25)}
_SCORES = {  # by column the title, how several are summed up, and the digits
    "spearman": ("Rank correlation (Spearman's)", "median", ".2f"),
    "rmse": ("RMSE", "mean", ".2f"),
    "nlpd": ("NLPD", "mean", ".2f"),
    "coverage_95": ("Share in 95 % intervals", "mean", ".2f"),
    "seconds": ("Processor seconds of a fit", "median", ".1f"),
}


def report_logs(results: Results, report: Report) -> None:
    """Regret by evaluation: table or family by table or family, and a summary of all."""
    report.notes += [*comparison.failure_notes(results), _REGRET]
    for purpose, part in _by_purpose(results):
        report.tables.append(_summary(part, purpose))
        report.tables += [_group_table(part, group, purpose) for group in _groups(part)]
        report.figures[f"regret_{purpose}"] = _plot_courses(part)


def report_log_prediction(results: Results, report: Report) -> None:
    """Scores of the predictions by number of the target's rows."""
    report.notes += [
        *comparison.failure_notes(results),
        "RMSE and NLPD (negative log predictive density) are in units of the target's standard "
        "deviation; predictive distributions include the noise. What a method cannot predict from "
        "so few rows is left empty.",
    ]
    for purpose, part in _by_purpose(results):
        for num_source, rows in part.rows.groupby("num_source"):
            for score, (title, how, digits) in _SCORES.items():
                name = f"{score}_{num_source}_{purpose}"
                values = rows.groupby(["group", "method", "n"], sort=False)[score].agg(how)
                frame = comparison.in_order(values.unstack("n"), part)
                caption = f"The {how} over targets and seeds, by rows of the target."
                title = f"{title}, {num_source} rows of each source, {purpose}"
                formats = dict.fromkeys(map(str, frame.columns), digits)
                frame = frame.rename(columns=str).rename_axis(columns=None).reset_index()
                report.tables.append(ReportTable(name, title, caption, frame, formats))


def _by_purpose(results: Results) -> Iterator[tuple[str, Results]]:
    """The results for development and those for reporting, as far as there are any."""
    groups = results.rows["problem"].map(group_of)
    purposes = results.rows["problem"].map(split_of)
    for purpose in (DEVELOPMENT, REPORTING):
        rows = results.rows.assign(group=groups)[purposes == purpose]
        if not rows.empty:
            yield purpose, replace(results, rows=rows)


def _groups(part: Results) -> list[str]:
    return list(dict.fromkeys(group_of(problem) for problem in part.found("problem")))


def _summary(part: Results, purpose: str) -> ReportTable:
    """The mean regret over all steps, by method and table or family."""
    means = part.rows.groupby(["method", "group"])["mean"].mean().unstack()
    means = comparison.in_order(means[_groups(part)], part)
    lowest = means.eq(means.min()).reset_index(drop=True)
    caption = (
        "Mean over the evaluations, targets and seeds that a method has; lower is better. Tables "
        "below have the same by evaluation, and differences paired by target and seed."
    )
    title = f"Mean regret while looking for the best, {purpose}"
    frame = means.rename_axis(columns=None).reset_index()
    formats = dict.fromkeys(means.columns, ".3f")
    return ReportTable(f"summary_{purpose}", title, caption, frame, formats, dict(lowest.items()))


def _group_table(part: Results, group: str, purpose: str) -> ReportTable:
    """Regret by evaluation of one table or family, and paired differences to our method."""
    rows = part.rows[part.rows["group"] == group]
    by_method = rows.groupby("method")
    frame = by_method[list(_AFTER)].mean().rename(columns=_AFTER).dropna(axis=1)
    frame["last"], frame["median"] = by_method["last"].mean(), by_method["last"].median()
    means = rows.pivot(index=["problem", "task", "seed"], columns="method", values="mean")
    frame["mean"] = means.mean()
    reference = next((x for x in comparison.REFERENCES if x in means), means.columns[0])
    for method in means.columns.drop(reference):
        shared = means[[method, reference]].dropna()
        mean, low, high = mean_interval(shared[method] - shared[reference])
        frame.loc[method, "difference"] = mean
        if len(shared) > 1:
            frame.loc[method, "interval"] = f"[{low:.3f}, {high:.3f}]"
    complete = means.dropna()
    frame["rank"] = complete.rank(axis=1).mean()
    frame["runs"] = by_method.size()
    frame["s"] = by_method["seconds"].median()
    formats = dict.fromkeys([*_AFTER.values(), "last", "median", "mean", "difference"], ".3f")
    formats |= {"rank": ".1f", "runs": "d", "s": ".0f"}
    num_targets = rows["task"].nunique()
    caption = (
        f"{num_targets} target{'s' * (num_targets != 1)}; mean regret after so many evaluations "
        "and at the last, its median there, and the 'mean' over all evaluations. 'difference': "
        f"that of 'mean' to {reference}'s over the targets and seeds that both have, with "
        "Student's 95 % interval; 'rank': mean rank of 'mean' over the "
        f"{len(complete)} of {len(means)} targets and seeds that all methods have; 's': median "
        "processor seconds of a run."
    )
    title = f"{group}, {purpose}"
    frame = comparison.in_order(frame, part).rename_axis("method").reset_index()
    return ReportTable(f"{group}_{purpose}", title, caption, frame, formats)


def _plot_courses(part: Results) -> Figure:
    """Mean regret by evaluation: a panel per table or family, a line per method."""
    groups, methods = _groups(part), part.found("method")
    curves = part.curves.assign(group=part.curves["problem"].map(group_of))
    curves = curves[curves["problem"].isin(part.rows["problem"])]
    figure, (panels, *_) = make_figure(1, len(groups), (2.8, 3.4), share_x=False)
    for axes, group in zip(panels, groups, strict=True):
        means = curves[curves["group"] == group].groupby(["x", "method"])["y"].mean().unstack()
        for method in means:
            color, wide = f"C{methods.index(method)}", method in comparison.REFERENCES
            style = "-" if methods.index(method) < 10 else "--"
            axes.plot(means[method], style, color=color, label=method, lw=2.4 if wide else 1.2)
        axes.set(title=group, xlabel="evaluations", yscale="log")
    panels[0].set_ylabel("mean normalized regret")
    handles = {x.get_label(): x for axes in panels for x in axes.get_lines()}
    kept = [method for method in methods if method in handles]
    figure.legend([handles[x] for x in kept], kept, loc="outside lower center", ncols=5)
    return figure

"""The conformance report: which of BoTorch's demands our models and its own meet."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from benchmarks.methods import FACTORIES
from botorch_cll.testing import CheckResult, Outcome, run_checks, surrogate_checks

LEGEND = "✓ passes, ○ passes with one model per task only, ✗ fails"
INTRODUCTION = """# Conformance

`python -m benchmarks conformance --markdown FILE` runs every check of `botorch_cll.testing` on our
models and on those of BoTorch, each fitted as its documentation recommends, and writes this page.
Run the checks on a model of your own with
`botorch_cll.testing.check_surrogate(factory, expected_failures={...})`.
"""


def run_conformance(
    out: Path | None = None,
    markdown: Path | None = None,
    models: list[str] | None = None,
    checks: list[str] | None = None,
    console: Console | None = None,
) -> None:
    """Run the checks on every model and print which passes what.

    Args:
        out: Where to write one row per check and model as CSV, or `None`.
        markdown: Where to write the tables as Markdown, or `None`.
        models: Names of `FACTORIES`; all if omitted.
        checks: Names of checks; all if omitted.
        console: Where to print.
    """
    console = console or Console()
    rows = []
    parts = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn())
    with Progress(*parts, TimeElapsedColumn(), console=console) as progress:
        for model in models or FACTORIES:
            bar = progress.add_task(model, total=len(checks or surrogate_checks()))
            advance = partial(_advance, progress, bar)
            for result in run_checks(FACTORIES[model], names=checks, callback=advance):
                rows.append({"model": model} | asdict(result))  # noqa: PERF401
    results = pd.DataFrame(rows).rename(columns={"name": "check"})
    if out is not None:
        results.to_csv(out, index=False)
    console.print(_table(results))
    for model in results.model.unique():
        table = Table(title=f"What {model} fails", box=box.SIMPLE, title_justify="left")
        table.add_column("reason", ratio=1)
        table.add_column("checks", ratio=1, overflow="fold")
        for reason, failed in _reasons(results, model).items():
            table.add_row(reason, ", ".join(failed))
        console.print(table)
    if markdown is not None:
        markdown.write_text(render_markdown(results), encoding="utf-8")


def _advance(progress: Progress, bar: TaskID, result: CheckResult) -> None:
    progress.advance(bar)


def _marks(results: pd.DataFrame) -> pd.DataFrame:
    """One row per check, one column per model, in the order in which they were run."""
    passed = results.outcome == Outcome.PASSED
    mark = results.reason.map(lambda reason: "○" if reason else "✓").where(passed, "✗")
    table = results.assign(mark=mark).pivot(index="check", columns="model", values="mark")
    return table.loc[results.check.unique(), list(results.model.unique())]


def _totals(results: pd.DataFrame) -> list[str]:
    passed = (results.outcome == Outcome.PASSED).groupby(results.model, sort=False)
    return [f"{of_model.sum()}/{len(of_model)}" for _, of_model in passed]


def _reasons(results: pd.DataFrame, model: str) -> dict[str, list[str]]:
    """The checks that a model fails, by the reason."""
    failed = results[(results.model == model) & (results.outcome != Outcome.PASSED)]
    return {
        str(reason): list(group.check) for reason, group in failed.groupby("reason", sort=False)
    }


def _table(results: pd.DataFrame) -> Table:
    table = Table(title="Checks of surrogates", caption=LEGEND, box=box.SIMPLE, show_footer=True)
    table.add_column("check", footer="passed")
    for name, total in zip(results.model.unique(), _totals(results), strict=True):
        table.add_column(name, footer=total, justify="center", overflow="fold")
    groups = results.drop_duplicates("check").set_index("check").group
    marks = _marks(results)
    last_of_group = groups != groups.shift(-1)
    for check, row in marks.iterrows():
        table.add_row(str(check), *row, end_section=bool(last_of_group[check]))
    return table


def render_markdown(results: pd.DataFrame) -> str:
    """The tables of the report as Markdown, of one row per check and model."""
    demands = {check.name: check.demand for check in surrogate_checks()}
    marks, names = _marks(results), list(results.model.unique())
    lines = [INTRODUCTION, f"{LEGEND}.", "", f"| check | {' | '.join(names)} | what it demands |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for check, row in marks.iterrows():
        lines.append(f"| `{check}` | {' | '.join(row)} | {demands[str(check)]} |")
    lines.append(f"| passed | {' | '.join(_totals(results))} | |")
    for model in names:
        lines += ["", f"## What `{model}` fails", ""]
        for reason, failed in _reasons(results, model).items():
            lines.append(f"- {reason} ({', '.join(f'`{name}`' for name in failed)})")
    return "\n".join(lines) + "\n"

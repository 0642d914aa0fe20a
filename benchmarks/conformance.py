"""The conformance report: which of BoTorch's demands our models and its own meet."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import Progress

from benchmarks.methods import FACTORIES
from benchmarks.report import ReportTable
from botorch_cll.testing import Outcome, run_checks, surrogate_checks

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
    """Run checks on models and print who passes what; all unless some are named."""
    console = console or Console()
    with Progress(console=console) as progress:
        rows = [row for model in models or FACTORIES for row in _check(model, checks, progress)]
    results = pd.DataFrame(rows).rename(columns={"name": "check"})
    if out is not None:
        results.to_csv(out, index=False)
    for table in tables_of(results):
        console.print(table.to_rich())
    if markdown is not None:
        markdown.write_text(render_markdown(results), encoding="utf-8")


def _check(model: str, checks: list[str] | None, progress: Progress) -> list[dict[str, Any]]:
    bar = progress.add_task(model, total=len(checks or surrogate_checks()))
    results = run_checks(FACTORIES[model], names=checks, callback=lambda _: progress.advance(bar))
    return [{"model": model} | asdict(result) for result in results]


def tables_of(results: pd.DataFrame) -> list[ReportTable]:
    """Who passes what, then what each model fails, by the reason."""
    passed = results.outcome == Outcome.PASSED
    mark = results.reason.map(lambda reason: "○" if reason else "✓").where(passed, "✗")
    marks = results.assign(mark=mark).pivot(index="check", columns="model", values="mark")
    marks = marks.loc[results.check.unique(), list(results.model.unique())]
    of_models = passed.groupby(results.model, sort=False)
    marks.loc["passed"] = [f"{passed.sum()}/{len(passed)}" for _, passed in of_models]
    tables = [ReportTable("checks", "Checks of surrogates", LEGEND, marks.reset_index())]
    for model, failed in results[~passed].groupby("model", sort=False):
        checks = failed.groupby("reason", sort=False).check.agg(", ".join).rename("checks")
        tables.append(ReportTable(model, f"What {model} fails", "", checks.reset_index()))
    return tables


def render_markdown(results: pd.DataFrame) -> str:
    """The tables as a page, which also says what each check demands."""
    demands = {check.name: check.demand for check in surrogate_checks()} | {"passed": ""}
    tables = tables_of(results)
    frame = tables[0].frame
    frame["what it demands"] = [demands[check] for check in frame.check]
    return "\n".join([INTRODUCTION, *(f"{x.to_markdown().rstrip()}\n" for x in tables)])

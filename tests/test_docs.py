"""Every block of Python in the README and the documentation runs as printed, page by page."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.commands import app
from benchmarks.methods import SURROGATES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(
        path
        for path in sorted(DOCS.rglob("*.md"))
        if path.relative_to(DOCS).parts[0] not in ("_build", "tutorials")
    ),
]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
# What BoTorch and GPyTorch warn of in fits of their own models.
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.BotorchWarning")
@pytest.mark.filterwarnings("ignore::linear_operator.utils.warnings.NumericalWarning")
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    # A page may enter a surrogate of its own.
    with mock.patch.dict(SURROGATES):
        for number, block in enumerate(blocks(page, "python"), start=1):
            exec(compile(block, f"{page}, block {number}", "exec"), namespace)


def test_the_loop_of_the_readme_is_short() -> None:
    assert len(blocks(ROOT / "README.md", "python")[0].strip().splitlines()) <= 20


COMMAND = re.compile(r"python -m benchmarks ([^`\n]+)")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=name)
def test_commands_can_be_parsed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fits.csv").touch()
    for block in blocks(page, "sh"):
        for command in COMMAND.findall(block):
            context = typer.main.get_command(app).make_context("benchmarks", shlex.split(command))
            # The group keeps what it has not parsed: the command and its own arguments.
            group, arguments = context.command, [*context._protected_args, *context.args]
            while hasattr(group, "commands"):
                group = group.commands[arguments.pop(0)]
            group.make_context(command, arguments)


def test_tables_of_the_benchmark_are_those_that_the_command_prints() -> None:
    rows = DOCS / "results" / "bench.csv"
    run = CliRunner().invoke(app, ["bench", "--from", str(rows)], env={"COLUMNS": "116"})
    assert run.exit_code == 0
    printed = (DOCS / "results" / "bench.txt").read_text()
    assert run.output == printed, "The rows have changed: run `make results`."


STUDIES = [path.parent for path in sorted((DOCS / "results").glob("*/study.json"))]


@pytest.mark.parametrize("study", STUDIES, ids=[study.name for study in STUDIES])
def test_reports_are_those_of_the_rows_kept(study: Path, tmp_path: Path) -> None:
    for path in study.glob("*.*"):
        shutil.copy(path, tmp_path)
    run = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert run.exit_code == 0
    for name in ("results.csv", "report/report.md"):
        found, kept = (_without_pictures(folder / name) for folder in (tmp_path, study))
        assert found == kept, f"{name} of {study.name} has changed: run `make results`."


def _without_pictures(path: Path) -> list[str]:
    """The lines of a report but for the sample pictures, for which the images have to be there."""
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not re.match(r"Sample pictures|!\[pictures", line)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    run = subprocess.run(
        [*build, "-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder / "html"


def test_links_within_the_site_lead_somewhere(site: Path) -> None:
    pages = {path: path.read_text() for path in site.rglob("*.html")}
    anchors = {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in pages.items()}
    assert len(pages) > 30
    for page, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path.split("?")[0]).resolve() if path else page
            assert target.exists(), f"{page.relative_to(site)}: {link}"
            if anchor and target in anchors:
                assert anchor in anchors[target], f"{page.relative_to(site)}: {link}"


def test_links_of_the_readme_lead_somewhere() -> None:
    for page in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (ROOT / target).exists(), f"{page.name}: {target}"

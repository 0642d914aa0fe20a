import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from botorch_cll.studies.commands import app


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in ("demo", "calibration", "unequal"):
        assert command in result.output


REFUSED = {
    "surrogate": (["--surrogate", "Oracle"], "expected one of MultiRBFCorrelation"),
    "family": (["--family", "mnist"], "expected one of pairs, cec17, shifted, got mnist"),
    "folder": (["--out", "nowhere/fits.csv"], "expected an existing folder for nowhere/fits.csv"),
}


@pytest.mark.parametrize("command", ["calibration", "unequal"])
@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_studies_refuse_what_they_do_not_know(
    command: str, options: list[str], message: str
) -> None:
    result = CliRunner().invoke(app, [command, *options], env={"COLUMNS": "500"})
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("command", "restriction"),
    [("calibration", ["--n", "5"]), ("unequal", [])],
    ids=["calibration", "unequal"],
)
def test_studies_run_restricted_and_show_files_again(
    tmp_path: Path, command: str, restriction: list[str]
) -> None:
    out, picture = tmp_path / "fits.csv", tmp_path / "picture.png"
    chosen = ["--family", "pairs", "--correlation", "0", "--seeds", "1", *restriction]
    run = CliRunner().invoke(
        app, [command, *chosen, "--surrogate", "Single-RBF", "--out", str(out)]
    )
    assert run.exit_code == 0, run.output
    source = ["--from", str(out)]
    again = CliRunner().invoke(app, [command, *source, "--plot", str(picture)])
    assert again.exit_code == 0, again.output
    table = run.output[run.output.index("means over") :]
    assert table.strip() in again.output
    assert picture.exists()
    beside = CliRunner().invoke(app, [command, *source, "--seeds", "3"], env={"COLUMNS": "500"})
    assert beside.exit_code == 2
    assert "--seeds has no effect beside it" in beside.output
    twice = CliRunner().invoke(app, [command, *source, *source], env={"COLUMNS": "500"})
    assert twice.exit_code == 2
    assert "each fit once" in twice.output


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None\nfrom botorch_cll.cli import main\nmain()"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install 'botorch_cll[studies]'" in result.stderr
    assert "Traceback" not in result.stderr

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from botorch_cll.studies.commands import app


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in ("demo", "calibration"):
        assert command in result.output


def test_unknown_surrogates_are_refused() -> None:
    result = CliRunner().invoke(app, ["calibration", "--surrogate", "Oracle"])
    assert result.exit_code == 2
    assert "expected one of MultiRBFCorrelation" in " ".join(result.output.split())


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None\nfrom botorch_cll.cli import main\nmain()"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install 'botorch_cll[studies]'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("module", ["botorch_cll", "botorch_cll.fit", "botorch_cll.optim"])
def test_importing_the_package_needs_no_extra_and_imports_no_ax(module: str) -> None:
    code = (
        "import sys\n"
        "for name in ('ax', 'typer', 'rich', 'pandas', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        f"import {module}\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)

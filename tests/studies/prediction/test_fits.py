from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch
from botorch.exceptions.errors import InputDataError, ModelFittingError
from rich.console import Console
from torch import Tensor

from botorch_cll.models import SingleRBFModel
from botorch_cll.studies.prediction import fits as module
from botorch_cll.studies.prediction.fits import COLUMNS, METRICS, Fit, read_fits, run_fits
from botorch_cll.studies.prediction.problems import Problem
from botorch_cll.studies.prediction.scores import draw_data, score
from botorch_cll.studies.surrogates import KRONECKER_GP, SURROGATES, rbf_fit

LEVY = Problem("shifted", "Levy")
PAIR = Problem("pairs", "Ackley+Griewank", 0.9)
single = rbf_fit(SingleRBFModel, num_restarts=2, num_centers=4)


def grid(surrogates: tuple[str, ...] = ("Single-RBF",), seeds: int = 2) -> list[Fit]:
    return [
        Fit(problem, 6, 0, seed, name)
        for problem in (LEVY, PAIR)
        for seed in range(seeds)
        for name in surrogates
    ]


def quiet() -> Console:
    return Console(record=True, width=100, file=StringIO())


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Small networks, and the seeds they were fitted with."""
    seeds: list[int] = []

    def fit(X: Tensor, Y: Tensor, seed: int) -> SingleRBFModel:
        seeds.append(seed)
        assert torch.get_num_threads() == 1
        return single(X, Y, seed)

    monkeypatch.setitem(SURROGATES, "Single-RBF", fit)
    return seeds


@pytest.mark.parametrize("rich", [0, 9], ids=["common", "unequal"])
def test_a_row_has_the_means_over_the_scored_tasks(calls: list[int], rich: int) -> None:
    row = Fit(PAIR, 6, rich, 3, "Single-RBF").run()
    X, Y, test_X, test_Y = draw_data(PAIR.build(3), 6, rich, 3)
    scores = score(single(X, Y, 3), test_X, test_Y)
    for name, values in scores.items():
        expected = values[0] if rich else (values[0] + values[1]) / 2
        assert row[name] == pytest.approx(expected.item())
    assert row["seconds"] > 0
    assert calls == [3]
    assert (row["problem"], row["correlation"]) == ("Ackley+Griewank p=0.9", 0.9)
    assert "botorch 0." in row["versions"]


def test_files_give_back_what_was_run_in_an_order_of_their_own(
    calls: list[int], tmp_path: Path
) -> None:
    out = tmp_path / "fits.csv"
    results = run_fits([*grid()[::-1], *grid()], out, console=quiet())
    assert list(results.columns) == COLUMNS
    assert results[METRICS].notna().all(axis=None)
    assert results.seed.tolist() == [0, 1, 0, 1]
    pd.testing.assert_frame_equal(results, read_fits([out]), check_dtype=False)
    assert [path.name for path in tmp_path.iterdir()] == ["fits.csv"]


def test_rows_in_the_file_are_kept_and_not_run_again(calls: list[int], tmp_path: Path) -> None:
    out = tmp_path / "fits.csv"
    first = run_fits(grid(seeds=1), out, console=quiet())
    console = quiet()
    both = run_fits(grid(seeds=2), out, console=console)
    assert calls == [0, 0, 1, 1]
    assert "2 of 4 fits are in" in console.export_text()
    again = both[both.seed == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, again, check_dtype=False)


def test_an_interrupted_run_leaves_what_has_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(X: Tensor, Y: Tensor, seed: int) -> SingleRBFModel:
        if seed == 1:
            raise KeyboardInterrupt
        return single(X, Y, seed)

    monkeypatch.setitem(SURROGATES, "Single-RBF", fit)
    out = tmp_path / "fits.csv"
    with pytest.raises(KeyboardInterrupt):
        run_fits(grid(), out, console=quiet())
    assert read_fits([out]).seed.tolist() == [0]


def test_the_file_is_written_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "fits.csv"
    finished: list[int] = []

    def fit(X: Tensor, Y: Tensor, seed: int) -> SingleRBFModel:
        finished.append(len(read_fits([out])))
        return single(X, Y, seed)

    monkeypatch.setattr(module, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setitem(SURROGATES, "Single-RBF", fit)
    run_fits(grid(), out, console=quiet())
    assert finished == [0, 1, 2, 3]


def unable(X: Tensor, Y: Tensor, seed: int) -> SingleRBFModel:
    raise ModelFittingError("All attempts to fit the model have failed.")


@pytest.mark.parametrize(
    ("surrogate", "fit", "message"),
    [
        (KRONECKER_GP, None, "UnsupportedError: KroneckerMultiTaskGP needs every task at every"),
        ("Single-RBF", unable, "ModelFittingError: All attempts"),
    ],
    ids=["unsupported", "failed"],
)
def test_a_fit_without_a_result_is_a_row_that_says_why(
    monkeypatch: pytest.MonkeyPatch, surrogate: str, fit: Callable | None, message: str
) -> None:
    if fit is not None:
        monkeypatch.setitem(SURROGATES, surrogate, fit)
    results = run_fits([Fit(LEVY, 6, 9, 0, surrogate)], console=quiet())
    assert results[METRICS].isna().all(axis=None)
    assert results.failure.item().startswith(message)


def test_processes_give_the_rows_that_one_gives(tmp_path: Path) -> None:
    chosen = [Fit(LEVY, 6, 0, seed, "Single-RBF") for seed in range(3)]
    one, two = (run_fits(chosen, jobs=jobs, console=quiet()) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"))


def test_parts_of_a_study_are_put_together_and_repetitions_refused(
    calls: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SURROGATES, "RMLA", single)
    parts = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for part, name in zip(parts, ("RMLA", "Single-RBF"), strict=True):
        run_fits(grid((name,)), part, console=quiet())
    whole = run_fits(grid(("RMLA", "Single-RBF")), console=quiet())
    columns = [column for column in COLUMNS if column not in ("seconds", "failure")]
    pd.testing.assert_frame_equal(read_fits(parts)[columns], whole[columns])
    with pytest.raises(InputDataError, match="each fit once, got 4 twice"):
        read_fits([parts[0], parts[0]])
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(InputDataError, match=r"columns of this command in .*other.csv"):
        read_fits([other])

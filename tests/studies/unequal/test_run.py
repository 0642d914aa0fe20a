from pathlib import Path

import pandas as pd
import pytest
from botorch.exceptions.errors import InputDataError
from rich.console import Console

from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.studies.prediction.comparison import DASH
from botorch_cll.studies.prediction.fits import COLUMNS, Fit, run_fits
from botorch_cll.studies.prediction.problems import Problem
from botorch_cll.studies.surrogates import KRONECKER_GP, NO_LAYER, OURS, SURROGATES, rbf_fit
from botorch_cll.studies.unequal import report_unequal, unequal_fits


def test_the_whole_study_and_parts_of_it() -> None:
    fits = unequal_fits(seeds=20)
    assert len(fits) == 20 * (5 * 4 + 9) * 7
    assert {(fit.n, fit.rich) for fit in fits} == {(15, 200)}
    assert {fit.problem.correlation for fit in fits} == {0.9, 0.5, -0.9, 0.0, None}
    part = unequal_fits(3, ["cec17"], None, [OURS])
    assert len(part) == 3 * 9


def test_report_compares_with_and_without_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, layers in ((OURS, ()), (NO_LAYER, None)):
        options = {"num_restarts": 3, "num_centers": 5, "correlation_layers": layers}
        monkeypatch.setitem(SURROGATES, name, rbf_fit(MultiRBFCorrelationModel, **options))
    fits = [
        Fit(Problem("pairs", "Ackley+Griewank", p), 6, 20, seed, name)
        for p in (0.9, 0.0)
        for seed in (0, 1)
        for name in (OURS, NO_LAYER, KRONECKER_GP)
    ]
    console = Console(record=True, width=140)
    report_unequal(run_fits(fits, console=console), tmp_path / "picture.png", console)
    text = console.export_text()
    assert "6 points beside 20" in text
    assert "p = 0, with layer - without, RMSE" in text
    assert f"{KRONECKER_GP}: {DASH} in 4 of 4 fits" in text
    assert f"RMSE at or below that of {NO_LAYER} on" in text
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_fits_of_another_study_are_refused() -> None:
    other = pd.DataFrame([{"rich": 0}], columns=COLUMNS)
    with pytest.raises(InputDataError, match="unequally often, got none"):
        report_unequal(other, None, Console())

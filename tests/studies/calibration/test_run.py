from pathlib import Path

import pandas as pd
import pytest
from botorch.exceptions.errors import InputDataError
from rich.console import Console

from botorch_cll.models import SingleRBFModel
from botorch_cll.studies.calibration import calibration_fits, report_calibration
from botorch_cll.studies.prediction.fits import COLUMNS, Fit, run_fits
from botorch_cll.studies.prediction.problems import Problem
from botorch_cll.studies.surrogates import MULTI_TASK_GP, OURS, SURROGATES, rbf_fit


def test_the_whole_report_and_parts_of_it() -> None:
    fits = calibration_fits(seeds=2)
    assert len(fits) == 2 * (5 * 4 + 9 + 6) * 3 * 9
    assert len({fit.key for fit in fits}) == len(fits)
    assert {fit.rich for fit in fits} == {0}
    part = calibration_fits(1, ["pairs"], [0.3], [8], [OURS])
    assert [(fit.problem.correlation, fit.n, fit.seed) for fit in part] == [(0.3, 8, 0)] * 5


@pytest.mark.parametrize("surrogates", [(OURS, "RMLA", MULTI_TASK_GP), ("RMLA",)], ids=len)
def test_report_prints_and_draws_every_surrogate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surrogates: tuple[str, ...]
) -> None:
    for name in surrogates:
        small = rbf_fit(SingleRBFModel, num_restarts=2, num_centers=4)
        monkeypatch.setitem(SURROGATES, name, small)
    problems = (Problem("shifted", "Levy"), Problem("cec17", "CI+HS"))
    fits = [Fit(p, n, 0, 0, name) for p in problems for n in (6, 9) for name in surrogates]
    console = Console(record=True, width=140)
    results = run_fits(fits, console=console)
    report_calibration(results, tmp_path / "picture.png", console)
    text = console.export_text()
    for word in (*surrogates, "shifted", "cec17", "n = 6", "n = 9", "RMSE", "NLPD"):
        assert word in text
    assert (f"{OURS}, 4 cells" in text) == (OURS in surrogates)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_fits_of_another_study_are_refused() -> None:
    other = pd.DataFrame([{"rich": 200}], columns=COLUMNS)
    with pytest.raises(InputDataError, match="common points, got none"):
        report_calibration(other, None, Console())

import math
from itertools import product

import pandas as pd
import pytest
import torch
from rich.console import Console
from rich.table import Table

from botorch_cll.studies.calibration.tables import (
    head_to_head,
    head_to_head_lines,
    head_to_head_table,
    opponents_table,
    summary_table,
)
from botorch_cll.studies.prediction.comparison import DASH
from botorch_cll.studies.surrogates import (
    INDEPENDENT_GPS,
    INDEX_KERNEL_GP,
    KRONECKER_GP,
    MULTI_TASK_GP,
    OURS,
)

GPS = (INDEPENDENT_GPS, MULTI_TASK_GP, INDEX_KERNEL_GP, KRONECKER_GP)
SURROGATES = (OURS, "Single-RBF", *GPS)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """Random scores of six surrogates in 2 families x 3 problems x 2 sizes x 2 seeds."""
    generator = torch.Generator().manual_seed(0)
    keys = product(("pairs", "cec17"), ("a", "b", "c"), (20, 60), (0, 1), SURROGATES)
    columns = ("family", "problem", "n", "seed", "surrogate")
    frame = pd.DataFrame(keys, columns=columns)
    for metric in ("rmse", "nlpd", "coverage_95"):
        frame[metric] = torch.rand(len(frame), generator=generator).double().numpy()
    return frame


def text(table: Table) -> str:
    console = Console(record=True, width=120)
    console.print(table)
    return console.export_text()


def line(table: Table, name: str) -> list[str]:
    (row,) = [row for row in text(table).splitlines() if row.strip().startswith(name)]
    return row.strip().removeprefix(name).split()


def seed_mean(results: pd.DataFrame, metric: str, *cell: object) -> float:
    chosen = results
    for column, value in zip(("family", "problem", "n", "surrogate"), cell, strict=True):
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 2
    return sum(chosen[metric]) / 2


def test_head_to_head_against_a_count_by_hand(results: pd.DataFrame) -> None:
    cells = head_to_head(results)
    assert len(cells) == 12
    for cell in cells.index:
        nlpd = {name: seed_mean(results, "nlpd", *cell, name) for name in SURROGATES}
        rmse = {name: seed_mean(results, "rmse", *cell, name) for name in SURROGATES}
        row = cells.loc[cell]
        assert row.nlpd_below == all(nlpd[OURS] < nlpd[gp] for gp in GPS)
        assert row.rmse_ratio == pytest.approx(rmse[OURS] / min(rmse[gp] for gp in GPS[1:]))
        assert row.coverage_95 == pytest.approx(seed_mean(results, "coverage_95", *cell, OURS))
    assert 0 < cells.nlpd_below.sum() < 12


def test_wins_and_losses_are_printed_alike(results: pd.DataFrame) -> None:
    cells = head_to_head(results)
    won, lower = int(cells.nlpd_below.sum()), int((cells.rmse_ratio < 1).sum())
    expected = [won, 12 - won, f"{cells.rmse_ratio.mean():.2f}", lower, 12 - lower]
    table = head_to_head_table(cells)
    assert line(table, "all") == [*map(str, expected), f"{cells.coverage_95.mean():.2f}"]
    part = cells.loc[("pairs", slice(None), 60), :]
    assert line(table, "pairs n=60")[:2] == [
        f"{part.nlpd_below.sum():.0f}",
        f"{3 - part.nlpd_below.sum():.0f}",
    ]
    sentences = "\n".join(head_to_head_lines(cells))
    assert f"in {won} cells ({100 * won / 12:.0f} %), not in {12 - won}" in sentences
    assert f"mean {cells.rmse_ratio.mean():.3f}, below 1 in {lower} cells" in sentences
    assert f"95 % interval: {cells.coverage_95.mean():.3f}" in sentences


def test_each_opponent_is_met_in_every_cell(results: pd.DataFrame) -> None:
    counts = line(opponents_table(results), "Single-RBF")
    pairs = [
        [seed_mean(results, metric, *cell, name) for name in (OURS, "Single-RBF")]
        for metric in ("nlpd", "rmse")
        for cell in head_to_head(results).index
    ]
    nlpd, rmse = pairs[:12], pairs[12:]
    won = [sum(ours < theirs for ours, theirs in part) for part in (nlpd, rmse)]
    ratio = sum(ours / theirs for ours, theirs in rmse) / 12
    expected = ["12", f"{won[0]}", f"{12 - won[0]}", f"{won[1]}", f"{12 - won[1]}", f"{ratio:.2f}"]
    assert counts == expected


def test_without_multi_task_gps_nothing_is_said_of_them(results: pd.DataFrame) -> None:
    cells = head_to_head(results[results.surrogate.isin([OURS, INDEPENDENT_GPS])])
    assert cells.nlpd_below.notna().all()
    assert cells.rmse_ratio.isna().all()
    assert "multi-task" not in "\n".join(head_to_head_lines(cells))
    assert line(head_to_head_table(cells), "all")[2:5] == [DASH, "0", "0"]


def test_summary_has_the_means_of_each_size_and_dashes(results: pd.DataFrame) -> None:
    pairs = results[results.family == "pairs"].copy()
    pairs = pairs.assign(coverage_50=0.5, coverage_80=0.8, sharpness=1.0, seconds=12.5)
    pairs.loc[(pairs.surrogate == KRONECKER_GP) & (pairs.n == 60), "rmse"] = math.nan
    lines = text(summary_table(pairs)).splitlines()
    assert max(map(len, lines)) <= 80, "wider than a terminal"
    sections = [index for index, row in enumerate(lines) if row.strip() in ("n = 20", "n = 60")]
    assert len(sections) == 2
    for name in SURROGATES:
        first, second = [row.split() for row in lines if row.strip().startswith(f"{name} ")]
        for row, n in ((first, 20), (second, 60)):
            chosen = pairs[(pairs.surrogate == name) & (pairs.n == n)]
            failed = name == KRONECKER_GP and n == 60
            rmse = DASH if failed else f"{chosen.rmse.mean():.2f}"
            expected = [rmse, f"{chosen.nlpd.mean():.2f}", "0.50", "0.80"]
            expected += [f"{chosen.coverage_95.mean():.2f}", "1.00", "12.50"]
            assert row[-7:] == expected

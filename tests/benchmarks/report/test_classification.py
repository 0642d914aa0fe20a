"""The report of the LeNet study against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.protocols.classification import NETWORKS, PROTOCOL
from benchmarks.report.classification import (
    accuracy_table,
    claims_table,
    plot_pictures,
    plot_training,
    table1_reference,
)
from benchmarks.runner.results import Results
from benchmarks.studies import draw_report
from botorch_cll.datasets import MULTI_MNIST, LabeledImages, MultiImages

DATA = "Multi-FashionMNIST"


def results(accuracies: dict[str, list[float]], stand_in: bool = False, **config) -> Results:
    """The accuracies of networks on task 1 by seed; those on task 2 are lower by 0.1."""
    rows, curves = [], []
    for model, values in accuracies.items():
        for seed, value in enumerate(values):
            for task in (1, 2):
                key = {"seed": seed, "data": DATA, "model": model, "task": task}
                accuracy = value - 0.1 * (task - 1)
                run = {"source": "FashionMNIST: somewhere", "stand_in": stand_in, "device": "cpu"}
                seconds = {"total_seconds": 3.0 + seed, "cpu_seconds": 2.0}
                rows.append({**key, "test_accuracy": accuracy, "train_loss": 1.0, **run, **seconds})
                curves += [
                    {**key, "curve": curve, "x": x, "y": y}
                    for curve, y in (("train_loss", 1.0), ("test_accuracy", accuracy))
                    for x in (1.0, 2.0)
                ]
    levels = {"seed": [0, 1, 2], "data": list(MULTI_MNIST), "model": list(NETWORKS)}
    frames = pd.DataFrame(rows), pd.DataFrame(curves), pd.DataFrame()
    return Results("table1", {**PROTOCOL, **config}, [levels], *frames)


GIVEN = {
    "MultiLeNet": [0.80, 0.82, 0.84],
    "MultiLeNet+": [0.82, 0.83, 0.87],
    "SingleLeNet": [0.90, 0.92, 0.94],
    "MultiLeNetCS": [0.80, 0.79],
}


def test_accuracies_stand_beside_the_papers():
    table = accuracy_table(results(GIVEN), DATA)
    frame = table.frame.set_index(["task", "model"])
    assert frame.loc[1].index.tolist() == [
        "SingleLeNet",
        "MultiLeNet",
        "MultiLeNet+",
        "MultiLeNetCS",
    ]
    row = frame.loc[(1, "MultiLeNet+")]
    assert row["runs"] == 3
    assert row["mean"] == pytest.approx(0.84)
    assert row["std"] == pytest.approx(((0.02**2 + 0.01**2 + 0.03**2) / 2) ** 0.5)
    assert row["max"] == 0.87
    assert (row["paper\nmean"], row["paper\nmax"]) == (0.8423, 0.8461)
    assert frame.loc[(2, "SingleLeNet"), "paper\nmean"] == 0.8077
    assert table.frame[table.bold["mean"]].model.tolist() == ["SingleLeNet"] * 2


def test_stand_ins_do_not():
    table = accuracy_table(results(GIVEN, stand_in=True), DATA)
    assert table.title == "Test accuracy on Multi-FashionMNIST (stand-in)"
    assert table.frame.columns.tolist() == ["task", "model", "runs", "mean", "std", "max"]
    assert "Not the paper's images" in table.caption


def test_claims_have_paired_intervals():
    frame = claims_table(results(GIVEN), DATA).frame.set_index(["claim", "task"])
    # Gains of 0.02, 0.01 and 0.03; 4.302653 is Student's quantile for two degrees of freedom.
    for task in (1, 2):
        row = frame.loc[("MultiLeNet+ above MultiLeNet", task)]
        half = 4.302653 * 0.01 / 3**0.5
        assert row[["gain", "from", "to"]].tolist() == pytest.approx(
            [0.02, 0.02 - half, 0.02 + half]
        )
        assert (row.seeds, row.verdict) == (3, "undecided")
    single = frame.loc["MultiLeNet+ above SingleLeNet"]
    assert single.gain.tolist() == pytest.approx([-0.08, -0.08])
    assert single.verdict.tolist() == ["refuted", "refuted"]
    # Of two of the three seeds: gains of -0.10 and -0.13; the quantile is 12.706205.
    row = frame.loc[("MultiLeNetCS above SingleLeNet", 1)]
    assert row.seeds == 2
    assert row.to == pytest.approx(-0.115 + 12.706205 * 0.03 / 2)
    assert not frame.index.get_level_values("claim").str.contains("CS\\+").any()


def test_a_clear_gain_is_confirmed_and_one_seed_decides_nothing():
    clear = {"MultiLeNet": [0.80, 0.82], "MultiLeNet+": [0.83, 0.8501]}
    assert claims_table(results(clear), DATA).frame.verdict.tolist() == ["confirmed"] * 2
    one = {model: values[:1] for model, values in clear.items()}
    assert claims_table(results(one), DATA).frame.verdict.tolist() == ["undecided"] * 2


def test_claims_need_a_common_seed():
    given = results({"MultiLeNet": [0.8, 0.8], "MultiLeNet+": [0.8, 0.8]})
    rows = given.rows[(given.rows.model == "MultiLeNet") == (given.rows.seed == 0)]
    given = Results("table1", given.config, given.pieces, rows, given.curves, given.failures)
    table = claims_table(given, DATA)
    assert table.frame.empty
    assert "| task | claim |" in table.to_markdown()


def test_a_report_without_the_images_has_no_pictures_but_says_why(tmp_path):
    report = draw_report(results(GIVEN, FashionMNIST=str(tmp_path)))
    assert report.title == (
        "Study table1: 30 epochs, 120000 training and 20000 test pictures, batches of 64"
    )
    assert "11 of 45 runs asked for are finished, 34 are missing" in report.notes[0]
    assert "Multi-FashionMNIST is made of FashionMNIST: somewhere." in report.notes
    assert "Sample pictures are missing: FashionMNIST cannot be loaded" in report.notes[-1]
    assert list(report.figures) == ["curves"]
    cost = {table.name: table.frame for table in report.tables}["cost"].set_index("model")
    assert cost.index.tolist() == ["SingleLeNet", "MultiLeNet", "MultiLeNet+", "MultiLeNetCS"]
    assert cost.loc["MultiLeNet"].tolist() == [3, "cpu", 4.0, 2.0]


def test_fewer_pictures_than_the_paper_are_named():
    caption = accuracy_table(results(GIVEN, train_size=500), DATA).caption
    assert "120000 training pictures; here 500." in caption


def test_a_report_of_nothing_says_so():
    empty = pd.DataFrame()
    levels = {"seed": [0], "data": [DATA], "model": ["MultiLeNet"]}
    report = draw_report(Results("table1", PROTOCOL, [levels], empty, empty, empty))
    assert report.notes == ["None of 1 runs is finished."]
    assert not report.tables


def test_reference_has_the_claims_of_the_paper():
    table = table1_reference()
    assert len(table) == 3 * 2 * 5
    assert set(table.model) == set(NETWORKS)
    assert (table["mean"] <= table["max"]).all()
    means = table.pivot_table(index=["data", "task"], columns="model", values="mean")
    assert means.loc[("Multi-FashionMNIST", 2), "MultiLeNet+"] == 0.8361
    assert set(means.index.get_level_values("data")) == set(MULTI_MNIST)
    assert (means["SingleLeNet"] < means.drop(columns="SingleLeNet").min(axis=1)).all()
    assert (means["MultiLeNet+"] > means["MultiLeNet"]).all()
    assert (means["MultiLeNetCS+"] >= means["MultiLeNetCS"]).all()


def make_images() -> MultiImages:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (20, 28, 28), generator=generator, dtype=torch.uint8)
    source = LabeledImages(images, torch.randint(10, (20,), generator=generator))
    return MultiImages(source, source, 9, generator)


def test_pictures_and_their_labels(tmp_path):
    first, second = make_images(), make_images()
    figure = plot_pictures({"one": first, "two": second}, num_columns=3)
    assert len(figure.axes) == 6
    assert [axes.get_ylabel() for axes in figure.axes] == ["one", "", "", "two", "", ""]
    images, labels = second[torch.arange(3)]
    for axes, image, label in zip(figure.axes[3:], images, labels, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image[0])
        assert axes.get_title() == f"{label[0]}, {label[1]}"
    figure.savefig(tmp_path / "pictures.png")
    assert (tmp_path / "pictures.png").stat().st_size > 0


def test_curves_are_means_over_the_seeds_that_all_networks_have(tmp_path):
    curves = pd.DataFrame(
        {
            "data": "Multi-MNIST",
            "task": task,
            "model": model,
            "seed": seed,
            "curve": curve,
            "x": float(epoch),
            "y": scale * (10.0 * task + seed + epoch + (model == "MultiLeNet+")),
        }
        for task in (1, 2)
        for model, seeds in (("MultiLeNet", (0, 1)), ("MultiLeNet+", (0, 1, 7)))
        for seed in seeds
        for curve, scale in (("train_loss", 1.0), ("test_accuracy", 0.01))
        for epoch in (1, 2, 3)
    )
    names = {"Multi-MNIST": "digits"}
    figure = plot_training(curves, names, ["SingleLeNet", "MultiLeNet+", "MultiLeNet"])
    losses, accuracies = figure.axes[:2], figure.axes[2:]
    assert [line.get_label() for line in losses[0].lines] == ["MultiLeNet+", "MultiLeNet"]
    np.testing.assert_allclose(losses[1].lines[1].get_xydata(), [[1, 21.5], [2, 22.5], [3, 23.5]])
    np.testing.assert_allclose(accuracies[0].lines[0].get_ydata(), [0.125, 0.135, 0.145])
    assert losses[1].get_title() == "digits, task 2"
    figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_panels_without_a_common_seed_are_empty():
    curves = pd.DataFrame(
        {
            "data": "Multi-MNIST",
            "task": task,
            "model": model,
            "seed": seed,
            "curve": curve,
            "x": x,
            "y": x + seed,
        }
        for task, model, seed in ((1, "A", 0), (1, "B", 1), (2, "A", 0), (2, "B", 0))
        for curve in ("train_loss", "test_accuracy")
        for x in (1.0, 2.0)
    )
    figure = plot_training(curves, {"Multi-MNIST": "digits"}, ["A", "B"])
    assert [len(axes.lines) for axes in figure.axes] == [0, 2, 0, 2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B"]

"""Figures show what they are given."""

import numpy as np
import pandas as pd
import torch

from botorch_cll.datasets import LabeledImages, MultiImages
from botorch_cll.studies.lenet_figures import plot_pictures, plot_training


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

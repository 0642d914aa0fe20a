"""Figures of the LeNet study: sample pictures and training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch

from benchmarks.report.plots import draw_methods, shared_legend
from botorch_cll.datasets import MultiImages
from botorch_cll.plots import make_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTITIES = {"train_loss": "training loss", "test_accuracy": "test accuracy"}


def plot_pictures(pictures: Mapping[str, MultiImages], num_columns: int) -> Figure:
    """The first pictures of each data set, as in Fig. 7 of the paper, below their two labels.

    Args:
        pictures: Data sets by name, one row each.
        num_columns: The number of pictures of each data set.
    """
    figure, rows = make_figure(len(pictures), num_columns, (1.3, 1.6))
    for row, (name, data) in zip(rows, pictures.items(), strict=True):
        images, labels = data[torch.arange(num_columns)]
        for axes, image, label in zip(row, images, labels.tolist(), strict=True):
            axes.imshow(image.squeeze(0).numpy(), cmap="gray", vmin=0.0, vmax=1.0)
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"{label[0]}, {label[1]}", fontsize=8)
        row[0].set_ylabel(name.replace(" ", "\n"), fontsize=7)
    return figure


def plot_training(curves: pd.DataFrame, names: Mapping[str, str], models: Sequence[str]) -> Figure:
    """Training loss and test accuracy per epoch, means over the seeds with confidence bands.

    Args:
        curves: The curves of the study.
        names: The data sets to draw, and what to call them.
        models: The networks in order.

    Returns:
        The figure: a column per data set and task, losses above accuracies, a line per network.
    """
    index = ["curve", "data", "task", "x", "seed"]
    wide = curves.pivot(index=index, columns="model", values="y")
    models = [model for model in models if model in wide.columns]
    panels = [
        (data, task)
        for data in names
        for task in sorted(curves.loc[curves["data"] == data, "task"].unique())
    ]
    figure, axes = make_figure(len(QUANTITIES), len(panels), (3.2, 2.6))
    for row, (quantity, title) in zip(axes, QUANTITIES.items(), strict=True):
        for panel, (data, task) in zip(row, panels, strict=True):
            # Of the seeds, those that all networks trained on this data set have in common.
            group = wide.loc[(quantity, data, task), models].dropna(axis=1, how="all").dropna()
            draw_methods(panel, group, models)
            panel.set_title(f"{names[data]}, task {task}", fontsize=9)
        row[0].set_ylabel(title)
    figure.supxlabel("epochs", fontsize=9)
    shared_legend(figure)
    return figure

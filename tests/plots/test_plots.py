"""What is drawn is what the model says; nothing global is touched."""

import subprocess
import sys

import pytest
import torch
from botorch.exceptions.errors import (
    BotorchTensorDimensionError,
    InputDataError,
    ModelFittingError,
    UnsupportedError,
)
from matplotlib.axes import Axes

from botorch_cll.models import MultiRBFCorrelationModel
from botorch_cll.optim.swarm import ParticleSwarm
from botorch_cll.plots import (
    LEVELS,
    SwarmRecord,
    best_so_far,
    correlation_weights,
    interval_coverage,
    make_figure,
    plot_best_so_far,
    plot_calibration,
    plot_correlation,
    plot_surrogate,
    plot_swarm,
    record_swarm,
)

from support.ensembles import MODELS, NAN, fit, rand, tasks

BOX = torch.tensor([[0.0, -1.0], [2.0, 1.0]], dtype=torch.double)


@pytest.fixture(scope="module")
def model() -> MultiRBFCorrelationModel:
    X = BOX[0] + (BOX[1] - BOX[0]) * rand(20, 2)
    return fit(MultiRBFCorrelationModel, X, tasks(X))


def lines(axes: Axes) -> dict[str, torch.Tensor]:
    """The lines by their label, `2 x n`."""
    return {
        str(line.get_label()): torch.stack([torch.as_tensor(part) for part in line.get_data()])
        for line in axes.lines
    }


def test_a_slice_is_the_posterior_with_its_interval(model: MultiRBFCorrelationModel) -> None:
    at = torch.tensor([1.5, 0.3], dtype=torch.double)
    axes = plot_surrogate(model, BOX, dimension=1, at=at, level=0.8, num_points=7)
    for output, name in enumerate(("task 0", "task 1")):
        x, mean = lines(axes)[name]
        assert torch.allclose(x, torch.linspace(-1.0, 1.0, 7, dtype=x.dtype))
        points = torch.stack([torch.full_like(x, 1.5), x], dim=-1)
        posterior = model.posterior(points)
        assert torch.allclose(mean, posterior.mean[:, output])
        half = 1.2815515655446004 * posterior.variance[:, output].sqrt()
        (band,) = axes.collections[output].get_paths()
        expected = torch.stack([x, mean + half], dim=-1)
        corners = torch.as_tensor(band.vertices)
        distance = (corners.unsqueeze(0) - expected.unsqueeze(1)).norm(dim=-1)
        assert distance.amin(-1).max() < 1e-9
    assert axes.get_xlabel() == "x[1]"


def test_observations_and_chosen_outputs(model: MultiRBFCorrelationModel) -> None:
    X, Y = model.train_X, model.train_Y.clone()
    Y[0, 1] = NAN
    axes = plot_surrogate(model, BOX, outputs=[1], X=X, Y=Y, labels=["loss"], num_points=3)
    line, dots = axes.lines
    assert line.get_label() == "loss"
    assert torch.equal(torch.as_tensor(dots.get_xdata()), X[:, 0])
    drawn = torch.as_tensor(dots.get_ydata())
    assert torch.equal(drawn.isnan(), Y[:, 1].isnan())
    assert torch.equal(drawn[1:], Y[1:, 1])


def test_noise_widens_the_band(model: MultiRBFCorrelationModel) -> None:
    heights = [
        plot_surrogate(model, BOX, outputs=[0], observation_noise=noise, num_points=3)
        .collections[0]
        .get_paths()[0]
        .get_extents()
        .height
        for noise in (False, True)
    ]
    assert heights[0] < heights[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dimension": 2}, InputDataError, "between -2 and 1, got 2"),
        ({"level": 1.0}, InputDataError, "between 0 and 1, got 1.0"),
        ({"at": torch.zeros(3)}, BotorchTensorDimensionError, "got (3,)"),
        ({"X": torch.zeros(3, 2)}, BotorchTensorDimensionError, "or neither"),
        ({"labels": ["one"]}, InputDataError, "Expected 2 labels, got 1"),
    ],
    ids=["dimension", "level", "at", "observations", "labels"],
)
def test_slices_refuse(model, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(").replace(")", r"\)")):
        plot_surrogate(model, BOX, **options)


def test_correlation_weights_are_what_the_layer_does(model: MultiRBFCorrelationModel) -> None:
    weights, layer = correlation_weights(model), model.fitted.layer
    outputs = rand(6, 1, 2)
    step = 0.1 * torch.eye(2, dtype=torch.double)
    for column in range(2):
        change = layer(outputs + step[column]) - layer(outputs)
        assert torch.allclose(weights[:, column], change.mean(0).squeeze(0) / 0.1)
    axes = plot_correlation(model, labels=["a", "b"])
    (image,) = axes.images
    assert torch.allclose(torch.as_tensor(image.get_array()), weights)
    numbers = [text.get_text() for text in axes.texts]
    assert numbers == [f"{round(value, 2) + 0.0:.2f}" for value in weights.flatten().tolist()]
    low, high = image.get_clim()
    assert low == -high


def test_correlation_weights_refuse() -> None:
    X = rand(12, 2)
    for kind, message in (("no_layer", "one without"), ("two_layers", "with activations")):
        with pytest.raises(UnsupportedError, match=message):
            correlation_weights(fit(MODELS[kind], X, tasks(X)))
    with pytest.raises(ModelFittingError, match="that is not"):
        correlation_weights(MultiRBFCorrelationModel(X, tasks(X)))


def test_coverage_of_predictions_with_known_quantiles() -> None:
    # The levels' own quantiles: of the values at -z and z, those up to a level are within it.
    probability = torch.linspace(0.005, 0.995, 100, dtype=torch.double)
    Y = torch.special.ndtri(0.5 * (1.0 + probability)).unsqueeze(-1)
    Y = 3.0 + 2.0 * torch.cat([Y, -Y], dim=-1)
    mean, variance = torch.full_like(Y, 3.0), torch.full_like(Y, 4.0)
    shares = interval_coverage(mean, variance, Y)
    assert torch.allclose(shares[:, 0], torch.tensor(LEVELS, dtype=torch.double))
    assert torch.equal(shares[:, 0], shares[:, 1])
    Y[::2, 0] = NAN
    assert torch.allclose(interval_coverage(mean, variance, Y)[:, 0], shares[:, 0], atol=0.011)
    with pytest.raises(BotorchTensorDimensionError, match="one shape"):
        interval_coverage(mean, variance[:1], Y)
    with pytest.raises(InputDataError, match="got 1"):
        interval_coverage(mean, variance, Y, levels=(1.0,))


def test_calibration_curves_are_drawn_in_percent() -> None:
    axes = plot_calibration({"a": [0.4, 0.9]}, (0.5, 0.8), styles={"a": {"color": "C3"}})
    diagonal, curve = axes.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 100]
    assert list(curve.get_xdata()) == [50.0, 80.0]
    assert list(curve.get_ydata()) == [40.0, 90.0]
    assert curve.get_color() == "C3"
    with pytest.raises(InputDataError, match="Expected 2 shares"):
        plot_calibration({"a": [0.4]}, (0.5, 0.8))


def test_best_so_far_by_hand() -> None:
    Y = torch.tensor([[NAN, 3.0], [1.0, NAN], [0.0, 5.0], [2.0, 4.0]])
    expected = torch.tensor([[NAN, 3.0], [1.0, 3.0], [1.0, 5.0], [2.0, 5.0]])
    assert torch.equal(best_so_far(Y).nan_to_num(-1.0), expected.nan_to_num(-1.0))
    assert torch.equal(best_so_far(-Y, maximize=False).nan_to_num(1.0), -expected.nan_to_num(-1.0))
    axes = plot_best_so_far(Y, labels=["a", "b"])
    x, y = lines(axes)["b"]
    assert x.tolist() == [1, 2, 3, 4]
    assert y.tolist() == [3.0, 3.0, 5.0, 5.0]
    assert axes.lines[0].get_drawstyle() == "steps-post"
    with pytest.raises(BotorchTensorDimensionError, match=r"got \(4,\)"):
        best_so_far(Y[:, 0])


def test_a_swarm_is_recorded_from_its_first_positions_on() -> None:
    start = rand(3, 8, 1, 2)
    swarm = ParticleSwarm(
        fitness=lambda X: -(X - 0.3).square().sum(dim=(-2, -1)),
        X=start,
        bounds=torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double),
        generator=torch.Generator().manual_seed(0),
    )
    record = record_swarm(swarm, 30)
    assert record.values.shape == record.diameters.shape == (31, 3)
    assert swarm.num_iterations == 30
    first = -(start - 0.3).square().sum(dim=(-2, -1)).amin(-1)
    assert (record.values[0] >= first).all()
    assert torch.allclose(record.diameters[0], (start.amax(1) - start.amin(1)).amax((-2, -1)))
    assert (record.values.diff(dim=0) >= 0).all()
    assert torch.equal(record.values[-1], swarm.best().values)
    assert (record.diameters[-1] < 0.1 * record.diameters[0]).all()
    with pytest.raises(InputDataError, match="got -1"):
        record_swarm(swarm, -1)
    axes = plot_swarm(record)
    left, right = axes.figure.axes
    assert torch.equal(torch.as_tensor(left.lines[2].get_ydata()), record.values[:, 2])
    assert torch.equal(torch.as_tensor(right.lines[2].get_ydata()), record.diameters[:, 2])
    assert right.get_yscale() == "log"


def test_given_axes_are_drawn_on_and_returned(model: MultiRBFCorrelationModel) -> None:
    figure, panels = make_figure(1, 5)
    record = SwarmRecord(torch.zeros(2, 1), torch.ones(2, 1))
    drawn = [
        plot_surrogate(model, BOX, axes=panels[0, 0]),
        plot_correlation(model, axes=panels[0, 1]),
        plot_calibration({}, axes=panels[0, 2]),
        plot_best_so_far(torch.zeros(3, 1), axes=panels[0, 3]),
        plot_swarm(record, axes=panels[0, 4]),
    ]
    assert drawn == list(panels[0])
    assert {axes.figure for axes in drawn} == {figure}


def test_pyplot_is_left_alone() -> None:
    code = (
        "import sys\n"
        "import torch\n"
        "from botorch_cll.plots import plot_best_so_far\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot_best_so_far(torch.zeros(3, 1))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from botorch_cll.plots import make_figure\n"
        "make_figure()\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "pip install 'botorch_cll[plots]'" in run.stderr.splitlines()[-1]

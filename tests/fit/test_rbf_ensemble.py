"""`fit_rbf_ensemble`: one call, same seed, same bits."""

import functools
import subprocess
import sys

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models import SingleTaskGP

from botorch_cll.fit import GradientOptions, TwoStageOptions, fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    SingleRBFModel,
)

STEPS = GradientOptions(num_steps=5, learning_rate=0.01)
FITS = {
    "linear_layer": (MultiRBFCorrelationModel, "two_stage", None),
    "two_layers": (
        functools.partial(MultiRBFCorrelationModel, correlation_layers=(4,)),
        "two_stage",
        None,
    ),
    "single": (SingleRBFModel, "two_stage", None),
    "regularized": (RegularizedMultiTaskRBFModel, "two_stage", None),
    "gradient": (MultiRBFCorrelationModel, "gradient", STEPS),
    "gradient_two_layers": (
        functools.partial(MultiRBFCorrelationModel, correlation_layers=(4,)),
        "gradient",
        STEPS,
    ),
    "gradient_single": (SingleRBFModel, "gradient", STEPS),
}
EVERY_FIT = pytest.mark.parametrize(("make", "method", "options"), FITS.values(), ids=FITS.keys())


def grid(*shape: int) -> torch.Tensor:
    """Points without a random number generator."""
    size = int(np.prod(shape))
    return (0.618033988749895 * torch.arange(1, size + 1, dtype=torch.double) % 1).view(shape)


def make_model(make, **options):
    X = grid(20, 2)
    Y = torch.stack([torch.sin(4 * X[:, 0]), 10 * X[:, 0] * X[:, 1]], dim=-1)
    return make(X, Y, **{"num_restarts": 4, "num_centers": 8, **options})


def fingerprint(model) -> list[str]:
    posterior = model.posterior(grid(5, 2) + 0.01, observation_noise=True)
    return [v.hex() for v in torch.cat([posterior.mean, posterior.variance]).flatten().tolist()]


@EVERY_FIT
def test_fit_returns_the_model_ready_to_use(make, method, options):
    model = make_model(make)
    assert fit_rbf_ensemble(model, method, options) is model
    assert not model.training
    for parameter in model.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None
        assert parameter.isfinite().all()
    assert model.posterior(grid(5, 2)).mean.shape == (5, 2)


@EVERY_FIT
def test_fitting_again_gives_the_same_bits(make, method, options):
    model = make_model(make)
    first = fingerprint(fit_rbf_ensemble(model, method, options))
    assert fingerprint(fit_rbf_ensemble(model, method, options)) == first
    assert fingerprint(fit_rbf_ensemble(make_model(make), method, options)) == first
    assert fingerprint(fit_rbf_ensemble(make_model(make, seed=1), method, options)) != first


def test_a_fresh_process_gives_the_same_bits():
    script = f"""
import sys
import torch
from botorch_cll.fit import GradientOptions, fit_rbf_ensemble
from botorch_cll.models import MultiRBFCorrelationModel

def grid(*shape):
    size = shape[0] * shape[1]
    return (0.618033988749895 * torch.arange(1, size + 1, dtype=torch.double) % 1).view(shape)

torch.set_num_threads({torch.get_num_threads()})
torch.manual_seed(123)
X = grid(20, 2)
Y = torch.stack([torch.sin(4 * X[:, 0]), 10 * X[:, 0] * X[:, 1]], dim=-1)
loaded = set(sys.modules)
for method in ("two_stage", "gradient"):
    options = GradientOptions(num_steps=5, learning_rate=0.01) if method == "gradient" else None
    model = MultiRBFCorrelationModel(X, Y, num_restarts=4, num_centers=8)
    posterior = fit_rbf_ensemble(model, method, options).posterior(
        grid(5, 2) + 0.01, observation_noise=True
    )
    values = torch.cat([posterior.mean, posterior.variance]).flatten().tolist()
    print(" ".join(v.hex() for v in values))
    # A first fit is as quick as later ones: what it takes is imported.
    assert method == "gradient" or set(sys.modules) == loaded, set(sys.modules) - loaded
"""
    command = [sys.executable, "-c", script]
    fresh = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = [
        " ".join(fingerprint(fit_rbf_ensemble(make_model(MultiRBFCorrelationModel), *how)))
        for how in (("two_stage",), ("gradient", STEPS))
    ]
    assert fresh.split("\n")[:2] == here


@EVERY_FIT
def test_global_random_state_is_neither_read_nor_changed(make, method, options):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    first = fingerprint(fit_rbf_ensemble(make_model(make), method, options))
    assert torch.equal(torch.get_rng_state(), torch_state)
    for before, after in zip(numpy_state, np.random.get_state(), strict=True):  # noqa: NPY002
        assert np.array_equal(before, after)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert fingerprint(fit_rbf_ensemble(make_model(make), method, options)) == first


@EVERY_FIT
def test_fit_does_not_depend_on_the_gradient_mode(make, method, options):
    first = fingerprint(fit_rbf_ensemble(make_model(make), method, options))
    with torch.no_grad():
        model = fit_rbf_ensemble(make_model(make), method, options)
        assert not torch.is_grad_enabled()
    assert fingerprint(model) == first


@EVERY_FIT
def test_inference_mode_is_refused(make, method, options):
    with torch.inference_mode():
        made_within = make_model(make)
        with pytest.raises(UnsupportedError, match=r"outside of torch\.inference_mode"):
            fit_rbf_ensemble(made_within, method, options)
    with pytest.raises(UnsupportedError, match=r"outside of torch\.inference_mode"):
        fit_rbf_ensemble(made_within, method, options)


def test_fit_leaves_the_default_dtype_alone_and_does_not_depend_on_it():
    first = fingerprint(fit_rbf_ensemble(make_model(MultiRBFCorrelationModel)))
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.double)
        assert fingerprint(fit_rbf_ensemble(make_model(MultiRBFCorrelationModel))) == first
        assert torch.get_default_dtype() == torch.double
    finally:
        torch.set_default_dtype(default)


def test_methods_differ():
    model = make_model(MultiRBFCorrelationModel)
    assert fingerprint(fit_rbf_ensemble(model)) != fingerprint(
        fit_rbf_ensemble(model, "gradient", STEPS)
    )


def test_options_default_to_those_of_the_method():
    model = make_model(MultiRBFCorrelationModel)
    first = fingerprint(fit_rbf_ensemble(model))
    assert fingerprint(fit_rbf_ensemble(model, "two_stage", TwoStageOptions())) == first
    assert fingerprint(fit_rbf_ensemble(model, options=TwoStageOptions())) == first


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("adam", None, r"method in \['gradient', 'two_stage'\], got 'adam'"),
        ("two_stage", GradientOptions(), "class TwoStageOptions .*, got GradientOptions"),
        ("gradient", TwoStageOptions(), "class GradientOptions .*, got TwoStageOptions"),
        ("two_stage", {"num_rounds": 3}, "class TwoStageOptions .*, got dict"),
    ],
    ids=["unknown-method", "gradient-options", "two-stage-options", "dict"],
)
def test_refusals(method, options, message):
    model = make_model(MultiRBFCorrelationModel)
    with pytest.raises(UnsupportedError, match=message):
        fit_rbf_ensemble(model, method, options)
    assert not model.is_fitted


@pytest.mark.parametrize(
    ("model", "got"),
    [
        (lambda: SingleTaskGP(grid(5, 2), grid(5, 1)), "SingleTaskGP"),
        (lambda: MultiRBFCorrelationModel, "ABCMeta"),
        (lambda: grid(5, 2), "Tensor"),
    ],
    ids=["gp", "class", "data"],
)
def test_what_is_no_model_of_ours_is_refused(model, got):
    with pytest.raises(UnsupportedError, match=f"Expected an RBFEnsembleModel, got {got}"):
        fit_rbf_ensemble(model(), grid(5, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoStageOptions(sample_fraction=0.0), r"sample_fraction in \(0, 1\], got 0.0"),
        (lambda: TwoStageOptions(num_initial=0), "num_initial of at least 1, got 0"),
        (lambda: TwoStageOptions(half_rows=-1.0), "half_rows >= 0, got -1.0"),
        (lambda: GradientOptions(num_steps=-1), "num_steps >= 0 and learning_rate > 0, got -1"),
        (lambda: GradientOptions(sample_fraction=1.5), r"sample_fraction in \(0, 1\], got 1.5"),
    ],
    ids=["fraction", "initial", "half rows", "steps", "gradient fraction"],
)
def test_options_out_of_range_are_refused(make, message):
    with pytest.raises(UnsupportedError, match=message):
        make()

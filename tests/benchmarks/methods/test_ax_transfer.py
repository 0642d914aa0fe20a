"""Ax's transfer learning as a peer."""

import logging
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import MultiTaskGP

pytest.importorskip("ax")

from ax.core.observation import ObservationFeatures
from ax.utils.common.logger import ROOT_STREAM_HANDLER

from benchmarks.methods.ax_transfer import learn_ax_transfer
from benchmarks.methods.target import Log

D = 2


def truth(X):
    return (4.0 * X[:, :1]).sin() - (X[:, 1:] - 0.4).square()


def log(n, seed, scale=1.0, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    X = torch.rand(n, D, dtype=torch.double, generator=generator)
    noise = 0.01 * torch.randn(n, 1, dtype=torch.double, generator=generator)
    return Log(X, offset + scale * (truth(X) + noise))


SOURCES = [log(15, 0, 3.0, 1.0), log(15, 1, 0.2, -5.0)]
TARGET = log(3, 2, 50.0, 1000.0)
TEST_X = log(64, 3).X


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as patch:
        # The last digits of its parameters take a GP thousands of steps.
        fit = partial(fit_gpytorch_mll, optimizer_kwargs={"options": {"ftol": 1e-6}})
        patch.setattr("ax.generators.torch.botorch_modular.utils.fit_gpytorch_mll", fit)
        return learn_ax_transfer(SOURCES, seed=0)(TARGET)


def test_ax_chooses_a_multi_task_gp_of_all_rows(model):
    assert type(model.gp) is MultiTaskGP
    assert model.gp.num_tasks == 3
    assert len(model.gp.train_targets) == 33


def test_three_rows_put_the_sources_into_the_unit_of_the_target(model):
    with torch.no_grad():
        posterior = model.posterior(TEST_X)
    expected = 1000.0 + 50.0 * truth(TEST_X)
    assert np.corrcoef(posterior.mean.flatten(), expected.flatten())[0, 1] > 0.97
    assert (posterior.mean - expected).abs().mean() < 0.5 * expected.std()
    assert posterior.mean.shape == posterior.variance.shape == (64, 1)


@pytest.mark.parametrize("noise", [False, True], ids=["outcome", "observation"])
def test_predictions_are_those_of_the_adapter(model, noise):
    points = [ObservationFeatures({f"x{i}": v for i, v in enumerate(x)}) for x in TEST_X.tolist()]
    means, covariances = model.adapter.predict(points, use_posterior_predictive=noise)
    expected = [torch.tensor(x).double().view(-1, 1) for x in (means["y"], covariances["y"]["y"])]
    for X in (TEST_X, TEST_X.unsqueeze(-2), TEST_X.view(4, 16, D)):
        with torch.no_grad():
            posterior = model.posterior(X, observation_noise=noise)
        assert posterior.mean.shape == (*X.shape[:-1], 1)
        torch.testing.assert_close(posterior.mean.reshape(-1, 1), expected[0])
        torch.testing.assert_close(posterior.variance.reshape(-1, 1), expected[1])


def test_a_fit_depends_on_the_seed_alone_and_leaves_global_state(monkeypatch, capfd):
    fit = partial(fit_gpytorch_mll, optimizer_kwargs={"options": {"maxiter": 3}})
    monkeypatch.setattr("ax.generators.torch.botorch_modular.utils.fit_gpytorch_mll", fit)
    before = torch.get_rng_state(), [*warnings.filters]
    levels = ROOT_STREAM_HANDLER.level, logging.getLogger("ax").level
    # Of a single row Ax says that it is constant.
    target = Log(TARGET.X[:1], TARGET.Y[:1])
    means = [
        learn_ax_transfer(SOURCES, seed=seed)(target).posterior(TEST_X).mean.detach()
        for seed in (0, 0, 1)
    ]
    assert torch.equal(means[0], means[1])
    assert not torch.equal(means[0], means[2])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert warnings.filters == before[1]
    assert (ROOT_STREAM_HANDLER.level, logging.getLogger("ax").level) == levels
    assert capfd.readouterr() == ("", "")

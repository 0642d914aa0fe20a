"""Models in files."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from botorch.exceptions.errors import InputDataError, UnsupportedError
from botorch.models.transforms import Log, Normalize

from botorch_cll.couplings import SharedWeights
from botorch_cll.fit import fit_rbf_ensemble
from botorch_cll.models import (
    MultiRBFCorrelationModel,
    RegularizedMultiTaskRBFModel,
    load_model,
    save_model,
)

from support.ensembles import EVERY_MODEL, NAN, fit, fitted, moments, rand, tasks


@EVERY_MODEL
def test_posterior_is_bitwise_the_same(make, tmp_path):
    X, Y, at = rand(18, 2), tasks(rand(18, 2)), rand(5, 2, seed=7)
    Y[3, 0] = NAN
    model = fit(make, X, Y, missing="mask", seed=4, train_Yvar=0.1 * rand(18, 2))
    save_model(model, tmp_path / "model.pt")
    loaded = load_model(tmp_path / "model.pt")
    assert type(loaded) is type(model)
    assert loaded.options == model.options
    for noise in (False, True):
        expected = moments(model, at, observation_noise=noise)
        assert torch.equal(moments(loaded, at, observation_noise=noise), expected)
    assert torch.equal(loaded.loo().mean.nan_to_num(), model.loo().mean.nan_to_num())
    first, second = (
        moments(m.condition_on_observations(at[:2], tasks(at[:2])), at) for m in (model, loaded)
    )
    assert torch.equal(first, second)


def test_what_a_file_holds_is_plain(tmp_path):
    save_model(fitted("two_layers"), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content["class"] == "MultiRBFCorrelationModel"
    assert content["options"]["correlation_layers"] == (4,)
    assert list(tmp_path.iterdir()) == [tmp_path / "model.pt"]


def test_long_data_and_chosen_outputs(tmp_path):
    X = torch.cat([rand(20, 2), (torch.arange(20) % 2).double().unsqueeze(-1)], dim=-1)
    model = fit(
        MultiRBFCorrelationModel, X, rand(20, 1), task_feature=-1, all_tasks=[0, 1, 5]
    ).subset_output([2, 0])
    save_model(model, tmp_path / "model.pt")
    loaded = load_model(tmp_path / "model.pt")
    assert loaded.output_tasks == [5, 0]
    assert torch.equal(moments(loaded, rand(4, 2)), moments(model, rand(4, 2)))


def test_numbers_of_other_libraries_come_back_as_plain_ones(tmp_path):
    numbers = {"num_restarts": np.int64(4), "num_centers": np.int64(5), "seed": np.int64(3)}
    for model in (
        MultiRBFCorrelationModel(
            rand(9, 2), rand(9, 2), correlation_layers=(np.int64(4),), **numbers
        ),
        RegularizedMultiTaskRBFModel(rand(9, 2), rand(9, 2), lambda_1=np.float64(0.3), **numbers),
    ):
        save_model(fit_rbf_ensemble(model), tmp_path / "model.pt")
        loaded = load_model(tmp_path / "model.pt")
        assert loaded.options == model.options
        assert torch.equal(moments(loaded, rand(4, 2)), moments(model, rand(4, 2)))


def test_options_of_the_baseline(tmp_path):
    model = RegularizedMultiTaskRBFModel(rand(9, 2), rand(9, 2), lambda_1=0.3, num_restarts=3)
    save_model(model, tmp_path / "model.pt")
    loaded = load_model(tmp_path / "model.pt")
    assert loaded.coupling == SharedWeights(lambda_1=0.3)
    assert loaded.num_restarts == 3
    assert not loaded.is_fitted


def test_transforms_are_given_again(tmp_path):
    X, at = 7.0 * rand(18, 2), 7.0 * rand(4, 2, seed=5)
    transforms = {"input_transform": Normalize(2), "outcome_transform": Log()}
    model = fit(MultiRBFCorrelationModel, X, 50.0 + tasks(X / 7), **transforms)
    save_model(model, tmp_path / "model.pt")
    loaded = load_model(
        tmp_path / "model.pt", input_transform=Normalize(2), outcome_transform=Log()
    )
    assert torch.equal(moments(loaded, at), moments(model, at))
    with pytest.raises(UnsupportedError, match="input_transform to be Normalize, .* got None"):
        load_model(tmp_path / "model.pt", outcome_transform=Log())
    save_model(fitted("single"), tmp_path / "plain.pt")
    with pytest.raises(UnsupportedError, match="outcome_transform to be left out, .* got Log"):
        load_model(tmp_path / "plain.pt", outcome_transform=Log())


def test_no_outcome_transform_stays_none(tmp_path):
    model = fit(MultiRBFCorrelationModel, rand(9, 2), rand(9, 2), outcome_transform=None)
    save_model(model, tmp_path / "model.pt")
    assert not hasattr(load_model(tmp_path / "model.pt"), "outcome_transform")


def test_what_cannot_be_saved_or_loaded(tmp_path):
    class Mine(MultiRBFCorrelationModel):
        pass

    with pytest.raises(UnsupportedError, match="got a Mine"):
        save_model(Mine(rand(9, 2), rand(9, 2)), tmp_path / "model.pt")
    conditioned = fitted("single").condition_on_observations(rand(1, 2), rand(1, 2))
    with pytest.raises(UnsupportedError, match="conditioned"):
        save_model(conditioned, tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="Expected a folder"):
        save_model(fitted("single"), tmp_path / "nowhere" / "model.pt")
    assert list(tmp_path.iterdir()) == []
    torch.save({"something": 1}, tmp_path / "other.pt")
    (tmp_path / "other.txt").write_text("hello, this is no model")
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("other.pt", "other.txt", "empty.pt"):
        with pytest.raises(InputDataError, match="written by save_model"):
            load_model(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "nothing.pt")


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    save_model(fitted("single"), path)
    before = path.read_bytes()
    script = textwrap.dedent(
        f"""
        import sys, torch
        from pathlib import Path
        from botorch_cll.files import atomic_write
        with atomic_write(Path({str(path)!r})) as file:
            file.write(b"half a model")
            file.flush()
            print("writing", flush=True)
            sys.stdin.read()
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline().strip() == b"writing"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert path.read_bytes() == before


# Of format 3, with what the models said that were saved.
EARLIER = Path(__file__).parent / "saved"


@pytest.mark.parametrize("name", ["linear_layer", "two_layers", "single", "regularized"])
def test_files_of_earlier_versions_load(name):
    expected = torch.load(EARLIER / "expected.pt")
    model, at = load_model(EARLIER / f"{name}.pt"), expected["at"]
    further = model.condition_on_observations(at[:2], model.posterior(at[:2]).mean + 0.1)
    found = torch.cat([moments(model, at, observation_noise=True), moments(further, at)])
    torch.testing.assert_close(found, expected[name], rtol=1e-9, atol=1e-9)
    left_out = expected[f"{name}_left_out"]
    torch.testing.assert_close(model.loo().mean, left_out, rtol=1e-9, atol=1e-9, equal_nan=True)
    # And so do their states, also as a start.
    state = torch.load(EARLIER / f"{name}.pt", weights_only=True)["state"]
    other = load_model(EARLIER / f"{name}.pt")
    fit_rbf_ensemble(other, warm_start=state)
    assert not torch.equal(moments(other, at), moments(model, at))
    other.load_state_dict(state)
    assert torch.equal(moments(other, at), moments(model, at))


def test_a_file_of_an_earlier_version_that_was_not_fitted_is_not():
    model = load_model(EARLIER / "not_fitted.pt")
    assert not model.is_fitted
    state = torch.load(EARLIER / "not_fitted.pt", weights_only=True)["state"]
    with pytest.raises(UnsupportedError, match="got one that is not fitted"):
        fit_rbf_ensemble(model, warm_start=state)

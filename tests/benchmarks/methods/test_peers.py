import pytest
import torch
from botorch.models import ModelList, MultiTaskGP
from botorch.models.transforms import Normalize
from botorch.models.transforms.input import InputPerturbation

from benchmarks.methods import FACTORIES
from benchmarks.methods.peers import MLPEnsemble, beside_the_task, fit_vblls
from botorch_cll.testing.subject import Subject


@pytest.mark.filterwarnings("ignore:Data .* is not standardized")
def test_multi_task_gp_gets_wide_data_as_rows() -> None:
    subject = Subject(FACTORIES["MultiTaskGP"])
    Y = subject.Y.clone()
    Y[:3, 1] = torch.nan
    wide = subject.fit(Y=Y, missing="mask")
    assert type(wide) is MultiTaskGP
    X_long, Y_long = subject.long_data
    seen = ~Y.T.reshape(-1).isnan()
    long = subject.fit(X_long[seen], Y_long[seen], task_feature=2)
    assert wide.num_outputs == long.num_outputs == 2
    found, expected = (model.posterior(subject.test_X).mean for model in (wide, long))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_transforms_leave_the_task_column_alone() -> None:
    X = torch.tensor([[10.0, 1.0, 20.0]])
    bounds = torch.tensor([[0.0, 0.0], [100.0, 40.0]])
    inputs = [0, 2]
    normalize = beside_the_task(Normalize(2, bounds=bounds), inputs, 3)
    torch.testing.assert_close(normalize(X), torch.tensor([[0.1, 1.0, 0.5]]))
    learning = beside_the_task(Normalize(2), inputs, 3)
    assert learning.learn_bounds
    perturb = beside_the_task(InputPerturbation(torch.ones(2, 2)), inputs, 3)
    torch.testing.assert_close(
        perturb.transform(X), torch.tensor([[11.0, 1.0, 21.0], [11.0, 1.0, 21.0]])
    )
    assert beside_the_task(None, inputs, 3) is None


# BoTorch's advice to all models that have an input transform and keep no training inputs.
@pytest.mark.filterwarnings("ignore:Could not update `train_inputs`")
def test_ensemble_is_trained_and_diverse() -> None:
    subject = Subject(MLPEnsemble)
    model = subject.fit(num_restarts=3)
    posterior = model.posterior(subject.X)
    error = (posterior.mean - subject.Y).square().mean().sqrt()
    assert error < 0.3 * subject.Y.std()
    assert posterior.values.shape == (3, 16, 2)
    assert (posterior.variance > 0).all()


def test_vbll_has_one_model_per_task() -> None:
    subject = Subject(fit_vblls)
    model = subject.fit(num_epochs=5)
    assert isinstance(model, ModelList)
    assert model.posterior(subject.X).mean.shape == (16, 2)
    assert subject.fit(Y=subject.Y[:, :1], num_epochs=5).num_outputs == 1

"""Optimisation with old data of another task."""

import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch_cll.studies.optimization import random_median
from botorch_cll.studies.transfer_bo import FirstTask, run_transfer_bo, with_old_data

from benchmarks.methods import MULTI_TASK_GP, OURS, SURROGATES
from botorch_cll.test_functions import CompositeTasks

CONFIG = {"num_old": 20, "budget": 8, "num_initial": 5}


def data() -> tuple[torch.Tensor, torch.Tensor]:
    X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    return X, torch.stack([X.sum(-1), X[:, 0] - 3 * X[:, 1]], dim=-1)


@pytest.mark.filterwarnings("ignore")  # BoTorch's fits may warn and retry
@pytest.mark.parametrize("name", [OURS, MULTI_TASK_GP])
def test_the_first_task_of_a_model_is_a_model_of_one_output(name):
    X, Y = data()
    model, at = SURROGATES[name](X, Y, 0), X[:4].unsqueeze(1)
    first, both = FirstTask(model).posterior(at), model.posterior(at)
    torch.testing.assert_close(first.mean, both.mean[..., :1])
    torch.testing.assert_close(first.variance, both.variance[..., :1])
    double = ScalarizedPosteriorTransform(torch.tensor([2.0]).double())
    scaled = FirstTask(model).posterior(at, posterior_transform=double)
    torch.testing.assert_close(scaled.mean, 2.0 * both.mean[..., :1])
    with pytest.raises(NotImplementedError, match="there is one output"):
        FirstTask(model).posterior(X, output_indices=[0])


def test_old_data_are_the_second_task():
    X, Y = data()
    seen = []

    def fit(X, Y, seed):
        seen.append((X, Y))

    assert with_old_data(fit, X[5:], Y[5:, 1])(X[:5], Y[:5, :1], 0) is None
    ((all_X, all_Y),) = seen
    assert torch.equal(all_X, X)
    assert torch.equal(all_Y[:5, 0], Y[:5, 0])
    assert torch.equal(all_Y[5:, 1], Y[5:, 1])
    assert all_Y[:5, 1].isnan().all()
    assert all_Y[5:, 0].isnan().all()


@pytest.mark.filterwarnings("ignore:std")  # `optimize_acqf_per_task` for one task
def test_runs_are_deterministic_and_start_alike():
    key = {"problem": "Ackley+Rastrigin", "correlation": 0.9, "seed": 0}
    runs = {name: run_transfer_bo({**key, "method": name}, CONFIG) for name in ("RMLA", "Sobol")}
    again = run_transfer_bo({**key, "method": "RMLA"}, CONFIG)
    assert runs["RMLA"].curves == again.curves
    assert runs["RMLA"].curves[0].y[0] == runs["Sobol"].curves[0].y[0]
    (row,) = runs["RMLA"].rows
    assert row["task"] == 2
    assert row["regret"] > 0.0
    known = CompositeTasks("Ackley+Rastrigin", correlation=0.9, seed=0)
    assert row["random_median"] == random_median(known)[1]

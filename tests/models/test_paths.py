"""Members as sample paths."""

import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.acquisition.thompson_sampling import PathwiseThompsonSampling
from botorch.models.deterministic import MatheronPathModel
from botorch.optim import optimize_acqf
from botorch.sampling.pathwise import draw_matheron_paths

from botorch_cll.models import MemberPaths

from support.ensembles import MODELS, fitted, rand

BOX = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.double)


def test_paths_are_members_and_all_different():
    model, X = fitted("linear_layer", 1), rand(7, 2)
    values = model.posterior(X).values.squeeze(-1)
    paths = draw_matheron_paths(model, torch.Size([model.num_restarts]))
    assert isinstance(paths, MemberPaths)
    assert sorted(paths.member.tolist()) == list(range(model.num_restarts))
    assert torch.equal(paths(X), values[paths.member])
    many = draw_matheron_paths(model, torch.Size([2, model.num_restarts]))
    assert many(X).shape == (2, model.num_restarts, 7)
    assert many.member.flatten().bincount().tolist() == [2] * model.num_restarts


@pytest.mark.parametrize("num_tasks", [1, 2])
def test_a_path_is_a_deterministic_model(num_tasks):
    model = fitted("linear_layer", num_tasks)
    path = MatheronPathModel(model, seed=3)
    X = rand(4, 7, 2)
    values = path.posterior(X).mean
    assert values.shape == (4, 7, num_tasks)
    member = int(path._path.member)
    assert torch.equal(values, model.posterior(X).values[:, member])
    several = MatheronPathModel(model, sample_shape=torch.Size([3]), seed=3)
    assert several(rand(7, 2)).shape == (3, 7, num_tasks)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("q", [1, 3])
def test_pathwise_thompson_sampling(name, q):
    model = fitted(name, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        acqf = PathwiseThompsonSampling(model)
        X = rand(5, q, 2)
        values = acqf(X)
        candidate, value = optimize_acqf(acqf, BOX, q=q, num_restarts=2, raw_samples=8)
    members = model.posterior(X).values.squeeze(-1)
    each = acqf.samples._path.member
    by_hand = sum(members[:, each[k], k] for k in range(q))
    torch.testing.assert_close(values, by_hand)
    assert candidate.shape == (q, 2)
    assert value.isfinite()


def test_one_task_of_several():
    model = fitted("linear_layer", 2)
    transform = ScalarizedPosteriorTransform(torch.tensor([0.0, 1.0], dtype=torch.double))
    acqf = PathwiseThompsonSampling(model, posterior_transform=transform)
    assert acqf(rand(5, 2, 2)).shape == (5,)

"""Logs of tasks, the scale of their values, and models in the target's own scale."""

import math
from statistics import fmean, stdev

import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.exceptions.errors import UnsupportedError

from benchmarks.methods.target import Log, LongData, Scale, TargetModel, moments_of


def log(values, d=2):
    Y = torch.tensor(values, dtype=torch.double).unsqueeze(-1)
    points = torch.arange(len(values) * d, dtype=torch.double) / (len(values) * d)
    return Log(points.view(-1, d), Y)


class Plane(TargetModel):
    """The sum of the inputs, with a variance of 4, and of 5 with noise."""

    def moments(self, X, observation_noise):
        return X.sum(-1), torch.full_like(X[..., 0], 4.0 + observation_noise)


def test_the_scale_of_a_log_is_that_of_its_values():
    values = [3.0, -1.0, 7.5, 2.0]
    scale = Scale.of(log(values))
    assert scale.mean.item() == pytest.approx(fmean(values))
    assert scale.std.item() == pytest.approx(stdev(values))
    standardized = scale.standardize(log(values))
    assert standardized.Y.mean().abs() < 1e-12
    assert standardized.Y.std().item() == pytest.approx(1.0)
    assert torch.equal(standardized.X, log(values).X)


def test_the_scale_of_several_logs_is_the_mean_of_theirs():
    logs = [[0.0, 2.0], [10.0, 14.0, 18.0], [5.0]]
    scale = Scale.of(*map(log, logs))
    assert scale.mean.item() == pytest.approx((1.0 + 14.0 + 5.0) / 3)
    assert scale.std.item() == pytest.approx((math.sqrt(2.0) + 4.0 + 1.0) / 3)


# The mean of so many equal values is not that value, to its last digit.
@pytest.mark.parametrize("values", [[0.1] * 3, [0.1] * 60, [98.3267] * 7, [5.0]], ids=len)
def test_values_that_do_not_differ_keep_their_unit(values):
    scale = Scale.of(log(values))
    assert scale.std.item() == 1.0
    torch.testing.assert_close(
        scale.standardize(log(values)).Y, torch.zeros(len(values), 1).double()
    )


def test_rows_of_a_log():
    whole = log([1.0, 2.0, 3.0])
    assert whole.num_rows == 3
    some = whole.rows(torch.tensor([2, 0]))
    assert some.Y.flatten().tolist() == [3.0, 1.0]
    assert torch.equal(some.X, whole.X[[2, 0]])
    assert whole.rows(slice(0)).num_rows == 0


def test_long_data_have_the_target_first_and_as_their_only_output():
    target, sources = log([1.0, 2.0]), [log([3.0]), log([4.0, 5.0])]
    X, Y, options = LongData.of([target, *sources])
    assert X.shape == (5, 3)
    assert X[:, -1].tolist() == [0.0, 0.0, 1.0, 2.0, 2.0]
    assert torch.equal(X[:, :2], torch.cat([target.X, *(source.X for source in sources)]))
    assert Y.tolist() == [[1.0], [2.0], [3.0], [4.0], [5.0]]
    assert options == {"task_feature": 2, "output_tasks": [0], "all_tasks": [0, 1, 2]}


def test_long_data_have_tasks_without_rows():
    X, _, options = LongData.of([log([1.0, 2.0]).rows(slice(0)), log([3.0])])
    assert X[:, -1].tolist() == [1.0]
    assert options["all_tasks"] == [0, 1]


@pytest.mark.parametrize("noise", [False, True], ids=["outcome", "observation"])
@pytest.mark.parametrize("shape", [(3, 2), (5, 1, 2)], ids=["points", "batch"])
def test_the_posterior_is_in_the_target_s_own_scale(shape, noise):
    model = Plane(Scale(torch.tensor(100.0).double(), torch.tensor(10.0).double()))
    X = torch.rand(shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    posterior = model.posterior(X, observation_noise=noise)
    torch.testing.assert_close(posterior.mean, 100.0 + 10.0 * X.sum(-1, keepdim=True))
    assert posterior.variance.shape == (*shape[:-1], 1)
    torch.testing.assert_close(
        posterior.variance, torch.full_like(X[..., :1], 400.0 + 100.0 * noise)
    )
    mean, variance = moments_of(model, X, noise)
    assert torch.equal(mean, posterior.mean.squeeze(-1))
    assert torch.equal(variance, posterior.variance.squeeze(-1))


def test_the_posterior_can_be_transformed():
    model = Plane(Scale(torch.tensor(1.0).double(), torch.tensor(1.0).double()))
    transform = ScalarizedPosteriorTransform(torch.tensor([-2.0]).double())
    X = torch.rand(4, 1, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    plain, turned = model.posterior(X), model.posterior(X, posterior_transform=transform)
    torch.testing.assert_close(turned.mean, -2.0 * plain.mean)
    torch.testing.assert_close(turned.variance, 4.0 * plain.variance)


def test_what_a_model_of_one_output_cannot_do_is_refused():
    model = Plane(Scale(torch.tensor(1.0).double(), torch.tensor(1.0).double()))
    X = torch.zeros(4, 1, 2).double()
    with pytest.raises(NotImplementedError, match="output_indices=None"):
        model.posterior(X, output_indices=[0])
    with pytest.raises(UnsupportedError, match="True or False, got a tensor"):
        model.posterior(X, observation_noise=torch.ones(1))

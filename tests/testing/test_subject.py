import pytest
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models import ModelListGP, SingleTaskGP
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal

from botorch_cll.testing import asserts
from botorch_cll.testing.subject import Subject, own_random_state, uniform

# The problem's targets are of unit scale, but not to the last digit.
pytestmark = pytest.mark.filterwarnings("ignore:Data .* is not standardized")


def test_the_problem_has_standardized_related_tasks() -> None:
    subject = Subject(SingleTaskGP)
    assert subject.X.shape == (16, 2)
    assert subject.observe(subject.X, num_tasks=3).shape == (16, 3)
    assert (subject.Y.mean(0).abs() < 0.5).all()
    assert ((subject.Y.std(0) > 0.5) & (subject.Y.std(0) < 1.5)).all()
    X_long, Y_long = subject.long_data
    for task in range(2):
        rows = X_long[:, 2] == task
        assert torch.equal(X_long[rows, :2], subject.X)
        assert torch.equal(Y_long[rows, 0], subject.Y[:, task])


def test_fits_get_copies_and_the_same_random_numbers() -> None:
    def factory(train_X, train_Y):
        train_Y += torch.rand(1)
        return SingleTaskGP(train_X, train_Y, outcome_transform=None)

    subject = Subject(factory)
    before = subject.Y.clone()
    first, second = subject.fit(), subject.fit()
    assert torch.equal(subject.Y, before)
    assert torch.equal(first.train_targets, second.train_targets)
    assert not torch.equal(first.train_targets, subject.fit(global_seed=1).train_targets)


def test_only_the_option_that_is_not_there_is_reported() -> None:
    def factory(train_X, train_Y, seed=0):
        raise TypeError("got an unexpected keyword argument 'train_Z'")

    with pytest.raises(UnsupportedError, match="no option missing"):
        Subject(factory).fit(missing="mask")
    with pytest.raises(TypeError, match="train_Z"):
        Subject(factory).fit(seed=1)


def test_one_output_is_a_subset_or_a_fit_of_long_data() -> None:
    assert Subject(SingleTaskGP).single.num_outputs == 1

    class Long(SingleTaskGP):
        def __init__(self, train_X, train_Y, task_feature=None, output_tasks=None):
            self.options = (task_feature, output_tasks)
            super().__init__(train_X, train_Y)

        def subset_output(self, idcs):
            raise NotImplementedError

    assert Subject(Long).output(1).options == (2, [1])
    apart = Subject(Long).apart
    assert [model.num_outputs for model in apart.pair.models] == [1, 1]
    assert apart.single.options == (None, None)


def test_own_random_state_seeds_and_restores() -> None:
    before = torch.get_rng_state()
    with own_random_state(3):
        first = torch.rand(2)
    with own_random_state(3):
        assert torch.equal(torch.rand(2), first)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("interleaved", [True, False])
def test_joint_covariance_orders_points_and_outputs(interleaved: bool) -> None:
    root = uniform(6, 6, seed=0)
    expected = (root @ root.T + torch.eye(6)).view(3, 2, 3, 2)  # q x m x q x m
    order = (0, 1, 2, 3) if interleaved else (1, 0, 3, 2)
    matrix = expected.permute(*order).reshape(6, 6)
    distribution = MultitaskMultivariateNormal(
        uniform(3, 2, seed=1), matrix, interleaved=interleaved
    )
    posterior = GPyTorchPosterior(distribution)
    found = asserts.joint_covariance(posterior)
    torch.testing.assert_close(found, expected)
    diagonal = found.reshape(6, 6).diagonal().view(3, 2)
    torch.testing.assert_close(diagonal, posterior.variance)


def test_joint_covariance_of_a_list_has_independent_outputs() -> None:
    subject = Subject(SingleTaskGP)
    models = [SingleTaskGP(subject.X, subject.Y[:, [i]]) for i in range(2)]
    expected = asserts.joint_covariance(ModelListGP(*models).posterior(subject.test_X))
    found = asserts.joint_covariance(subject.apart.pair.posterior(subject.test_X))
    torch.testing.assert_close(found, expected)


def test_refusals_need_a_message_and_an_error_for_users() -> None:
    def fail(error: Exception) -> None:
        raise error

    asserts.assert_refused(lambda: fail(ValueError("three columns")), "something")
    with pytest.raises(AssertionError, match="Expected a message when refusing something"):
        asserts.assert_refused(lambda: fail(ValueError()), "something")
    with pytest.raises(AssertionError, match="Expected an error for something, got none"):
        asserts.assert_refused(lambda: None, "something")
    with pytest.raises(AttributeError, match="no such thing"):
        asserts.assert_refused(lambda: fail(AttributeError("no such thing")), "something")


def test_comparisons_notice_shape_nan_and_difference() -> None:
    one = torch.ones(2, 3)
    asserts.assert_close(one + 1e-9, one, "it", rtol=0.0, atol=1e-6)
    with pytest.raises(AssertionError, match=r"Expected it of shape \(2, 3\), got \(3, 2\)"):
        asserts.assert_close(one.T, one, "it", rtol=0.0, atol=0.0)
    with pytest.raises(AssertionError, match="Expected finite it"):
        asserts.assert_close(one * torch.nan, one * torch.nan, "it", rtol=0.0, atol=0.0)
    other = one.clone()
    other[1, 2] = 1.5
    with pytest.raises(AssertionError, match="Expected it of 1, got 1.5"):
        asserts.assert_same_bits(other, one, "it")

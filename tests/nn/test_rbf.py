"""The RBF layer, its centers and the batched network, against formulas written out in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from botorch_cll.nn import RBFNetwork, gaussian_rbf, kmeans_centers, polynomial_tail
from botorch_cll.nn.rbf import seen_dimensions


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.double) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rbf_by_hand(X: np.ndarray, centers: np.ndarray, length_scale: np.ndarray) -> np.ndarray:
    """One matrix of features, from the definition."""
    difference = (X[:, None, :] - centers[None, :, :]) / length_scale
    return np.exp(-0.5 * (difference**2).sum(-1))


def lloyd_by_hand(X: np.ndarray, weight: np.ndarray, centers: np.ndarray, steps: int) -> np.ndarray:
    centers = centers.copy()
    for _ in range(steps):
        nearest = ((X[:, None] - centers[None]) ** 2).sum(-1).argmin(1)
        for k in range(len(centers)):
            mine = weight * (nearest == k)
            if mine.sum() > 0:
                centers[k] = (mine[:, None] * X).sum(0) / mine.sum()
    return centers


def inertia(X: torch.Tensor, weight: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    return (weight * torch.cdist(X.expand(*centers.shape[:-2], -1, -1), centers).amin(-1) ** 2).sum(
        -1
    )


@pytest.mark.parametrize(
    ("dtype", "atol"),
    [(torch.double, 1e-12), (torch.float, 2e-5)],
    ids=["double", "float"],
)
@pytest.mark.parametrize("d", [1, 3, 12])
def test_gaussian_rbf_is_its_formula(d, dtype, atol):
    X, centers = rand(7, d, dtype=dtype), rand(5, d, seed=1, dtype=dtype)
    length_scale = 0.1 + rand(d, seed=2, dtype=dtype)
    values = gaussian_rbf(X, centers, length_scale)
    expected = rbf_by_hand(X.numpy(), centers.numpy(), length_scale.numpy())
    assert values.dtype == dtype
    np.testing.assert_allclose(values.numpy(), expected, atol=atol)


@given(scale=st.floats(1e-2, 1e2), offset=st.floats(-10, 10), d=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_gaussian_rbf_stays_in_the_unit_interval_and_is_one_at_the_centers(scale, offset, d):
    centers = offset + rand(6, d)
    values = gaussian_rbf(centers, centers, torch.full((d,), scale, dtype=torch.double))
    assert ((values >= 0) & (values <= 1 + 1e-9)).all()
    torch.testing.assert_close(values.diagonal(), torch.ones(6, dtype=torch.double))


def test_gaussian_rbf_broadcasts_batches():
    X, centers = rand(4, 1, 1, 6, 2), rand(3, 2, 5, 2, seed=1)
    length_scale = 0.2 + rand(3, 2, 2, seed=2)
    values = gaussian_rbf(X, centers, length_scale)
    assert values.shape == (4, 3, 2, 6, 5)
    for b, s, t in np.ndindex(4, 3, 2):
        one = rbf_by_hand(X[b, 0, 0].numpy(), centers[s, t].numpy(), length_scale[s, t].numpy())
        np.testing.assert_allclose(values[b, s, t].numpy(), one, atol=1e-12)


def test_gaussian_rbf_gradients_agree_with_finite_differences():
    arguments = [rand(4, 3), rand(2, 5, 3, seed=1), 0.3 + rand(2, 3, seed=2)]
    arguments = [a.requires_grad_() for a in arguments]
    assert torch.autograd.gradcheck(gaussian_rbf, arguments)
    assert torch.autograd.gradgradcheck(gaussian_rbf, arguments)


def test_gaussian_rbf_has_zero_gradient_at_a_center():
    X = rand(1, 3).requires_grad_()
    gaussian_rbf(X, X.detach().clone(), torch.full((3,), 0.37, dtype=torch.double)).sum().backward()
    torch.testing.assert_close(X.grad, torch.zeros_like(X))


def test_a_center_ignores_the_dimensions_that_it_does_not_see():
    X, centers, length_scale = rand(7, 3), rand(2, 3, seed=1), 0.1 + rand(3, seed=2)
    sees = torch.tensor([[True, False, True], [False, True, False]])
    values = gaussian_rbf(X, centers, length_scale, sees)
    for k, seen in enumerate([[0, 2], [1]]):
        alone = gaussian_rbf(X[:, seen], centers[[k]][:, seen], length_scale[seen])
        torch.testing.assert_close(values[:, [k]], alone)


def test_dimensions_get_centers_by_the_inverse_of_their_length_scale():
    length_scale = torch.tensor([[1.0, 0.25, 0.2], [1.0, 1.0, 1.0], [1e-9, 1.0, 1.0]]).double()
    additive = torch.ones(3, dtype=torch.bool)
    assert seen_dimensions(length_scale.log(), ~additive, 10).all()
    sees = seen_dimensions(length_scale.log(), additive, 10)
    assert (sees.sum(-1) == 1).all()
    assert sees.sum(-2).tolist() == [[1, 4, 5], [3, 4, 3], [10, 0, 0]]


def test_an_additive_network_is_a_sum_of_functions_of_one_dimension():
    network = RBFNetwork(2, 1, num_centers=8, dim=2, dtype=torch.double).requires_grad_(False)
    for value, parameter in enumerate(network.parameters()):
        parameter.copy_(rand(*parameter.shape, seed=value))
    network.additive[1] = True
    corners = torch.tensor([[0.2, 0.3], [0.9, 0.3], [0.2, 0.7], [0.9, 0.7]]).double()
    values = network(corners).squeeze(-1)
    interaction = values[:, 0] - values[:, 1] - values[:, 2] + values[:, 3]
    assert interaction[0].abs() > 1e-3
    assert interaction[1].abs() < 1e-12


def test_polynomial_tail_has_constant_linear_and_quadratic_columns():
    X = torch.tensor([[[0.0, 0.5], [1.0, 0.75]]], dtype=torch.double)
    expected = torch.tensor(
        [[[1.0, -1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.5, 1.0, 0.25]]], dtype=torch.double
    )
    torch.testing.assert_close(polynomial_tail(X), expected)


def test_kmeans_makes_the_steps_of_lloyd():
    X = rand(40, 2)
    weight = (rand(3, 40, seed=1) - 0.3).clamp_min(0.0)
    start = kmeans_centers(X, weight, 6, torch.Generator().manual_seed(3), num_iterations=0)
    for steps in (1, 5):
        centers = kmeans_centers(X, weight, 6, torch.Generator().manual_seed(3), steps)
        for b in range(3):
            expected = lloyd_by_hand(X.numpy(), weight[b].numpy(), start[b].numpy(), steps)
            np.testing.assert_allclose(centers[b].numpy(), expected, atol=1e-12)
        assert (inertia(X, weight, centers) < inertia(X, weight, start)).all()


def test_kmeans_finds_clusters():
    spots = torch.tensor([[0.1, 0.1], [0.9, 0.8]], dtype=torch.double)
    X = spots.repeat_interleave(15, 0) + 0.02 * (rand(30, 2) - 0.5)
    weight = torch.ones(8, 30, dtype=torch.double)
    centers = kmeans_centers(X, weight, 2, torch.Generator().manual_seed(0), num_iterations=10)
    # Which of a pair is which depends on the random start.
    ordered = centers.gather(-2, centers[..., :1].argsort(-2).expand_as(centers))
    expected = torch.stack([X[:15].mean(0), X[15:].mean(0)])
    torch.testing.assert_close(ordered, expected.expand(8, -1, -1))


@given(
    n=st.integers(2, 25),
    num_centers=st.integers(1, 10),
    extra=st.integers(0, 10),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_kmeans_never_uses_rows_of_weight_zero(n, num_centers, extra, seed):
    num_centers = min(num_centers, n)
    X = torch.cat([rand(n, 2, seed=seed), torch.full((extra, 2), 1e3, dtype=torch.double)])
    shuffle = torch.randperm(len(X), generator=torch.Generator().manual_seed(seed))
    weight = torch.cat([0.1 + rand(n, seed=seed), torch.zeros(extra, dtype=torch.double)])
    centers = kmeans_centers(
        X[shuffle], weight[shuffle], num_centers, torch.Generator().manual_seed(seed)
    )
    assert centers.shape == (num_centers, 2)
    assert ((centers >= 0) & (centers <= 1)).all()


def test_kmeans_with_as_many_centers_as_rows_takes_every_row_once():
    X = rand(9, 3)
    weight = torch.tensor([[1.0] * 6 + [0.0] * 3, [0.0] * 3 + [2.0] * 6], dtype=torch.double)
    centers = kmeans_centers(X, weight, 6, torch.Generator().manual_seed(0))
    for b, rows in enumerate((X[:6], X[3:])):
        assert {tuple(c) for c in centers[b].tolist()} == {tuple(x) for x in rows.tolist()}


def test_kmeans_copes_with_repeated_rows():
    X = torch.tensor([[0.2, 0.2], [0.8, 0.8]], dtype=torch.double).repeat(5, 1)
    weight = torch.ones(4, 10, dtype=torch.double)
    centers = kmeans_centers(X, weight, 5, torch.Generator().manual_seed(0))
    distance = torch.cdist(centers, X[:2].expand(4, -1, -1)).amin(-1)
    torch.testing.assert_close(distance, torch.zeros_like(distance), atol=1e-12, rtol=0.0)


def test_kmeans_depends_on_the_generator_alone():
    X, weight = rand(30, 2), torch.ones(2, 30, dtype=torch.double)
    state = torch.get_rng_state()

    def centers(seed: int) -> torch.Tensor:
        return kmeans_centers(X, weight, 5, torch.Generator().manual_seed(seed))

    assert torch.equal(centers(1), centers(1))
    assert not torch.equal(centers(1), centers(2))
    assert not torch.equal(centers(1)[0], centers(1)[1])
    assert torch.equal(torch.get_rng_state(), state)


def random_network(num_restarts: int, num_tasks: int, num_centers: int, d: int) -> RBFNetwork:
    network = RBFNetwork(num_restarts, num_tasks, num_centers, d, dtype=torch.double)
    for seed, parameter in enumerate(network.parameters()):
        parameter.data = rand(*parameter.shape, seed=seed) - 0.5
    return network


@pytest.mark.parametrize("batch_shape", [(), (2,), (2, 3)], ids=str)
def test_network_equals_a_loop_over_restarts_and_tasks(batch_shape):
    network = random_network(num_restarts=3, num_tasks=2, num_centers=4, d=3)
    X = rand(*batch_shape, 5, 3, seed=9)
    outputs = network(X)
    assert outputs.shape == (*batch_shape, 3, 5, 2)
    for b in np.ndindex(*batch_shape):
        for s, t in np.ndindex(3, 2):
            x = X[b].numpy()
            radial = rbf_by_hand(
                x,
                network.centers[s, t].detach().numpy(),
                network.log_length_scale[s, t].detach().exp().numpy(),
            )
            z = 2 * x - 1
            phi = np.hstack([radial, np.ones((5, 1)), z, z**2])
            expected = phi @ network.weight[s, t].detach().numpy()
            np.testing.assert_allclose(outputs[b][s, :, t].detach().numpy(), expected, atol=1e-12)


def test_features_take_different_rows_for_each_task():
    network = random_network(num_restarts=3, num_tasks=2, num_centers=4, d=2)
    X = rand(2, 5, 2)
    phi = network.features(X)
    assert phi.shape == (3, 2, 5, 4 + 1 + 4)
    for t in range(2):
        assert torch.equal(phi[:, t], network.features(X[t])[:, t])


def test_support_counts_centers_by_the_squares_of_their_values():
    network = random_network(num_restarts=3, num_tasks=2, num_centers=4, d=3)
    X = rand(2, 5, 3, seed=9)
    outputs, support = network.outputs_and_support(X)
    radial = network.features(X.flatten(0, 1))[..., :4].square().sum(-1)
    torch.testing.assert_close(support, radial.view(3, 2, 2, 5).permute(2, 0, 3, 1))
    # Output weights that are given make no difference to it.
    for weight in (network.weight, network.weight.expand(2, -1, -1, -1)):
        given = network.outputs_and_support(X, weight.unsqueeze(-1))
        torch.testing.assert_close(given[0].squeeze(-1), outputs)
        torch.testing.assert_close(given[1], support)


def test_network_starts_at_zero_and_in_the_dtype_asked_for():
    network = RBFNetwork(2, 3, 4, 5, dtype=torch.double)
    assert {p.dtype for p in network.parameters()} == {torch.double}
    assert torch.equal(network(rand(6, 5)), torch.zeros(2, 6, 3, dtype=torch.double))


def test_network_gradients_agree_with_finite_differences():
    network = random_network(num_restarts=2, num_tasks=2, num_centers=3, d=2)
    X = rand(3, 2, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(network, (X,))

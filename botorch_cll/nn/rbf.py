"""Gaussian RBF networks, batched over restarts and tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CACHED_ELEMENTS = 1 << 17  #: values that stay in a processor's cache between two passes over them


def gaussian_rbf(
    X: Tensor, centers: Tensor, length_scale: Tensor, sees: Tensor | None = None
) -> Tensor:
    r"""Gaussian radial basis functions with one length scale per input dimension.

    .. math:: \phi_k(x) = \exp\Big(-\tfrac12 \sum_j m_{kj} \frac{(x_j - c_{kj})^2}{\ell_j^2}\Big)

    Args:
        X: A `batch_shape x n x d`-dim tensor of inputs. All batch shapes broadcast.
        centers: A `batch_shape x K x d`-dim tensor of centers.
        length_scale: A `batch_shape x d`-dim tensor of positive numbers, in the unit of `X`.
        sees: A `batch_shape x K x d`-dim boolean tensor `m`: what each center looks at, or all.

    Returns:
        A `batch_shape x n x K`-dim tensor of values between 0 and 1, up to rounding.
    """
    columns = _exponents(centers, length_scale, sees).transpose(-1, -2)
    return (_monomials(X) @ columns).exp_()


def _exponents(centers: Tensor, length_scale: Tensor, sees: Tensor | None) -> Tensor:
    """The exponents of `gaussian_rbf` as factors of `(x, x^2, 1)`: no `n x K x d` intermediate."""
    precision = length_scale.unsqueeze(-2).square().reciprocal()
    if sees is not None:
        precision = precision * sees
    linear = centers * precision
    constant = -0.5 * (centers * linear).sum(-1, keepdim=True)
    return torch.cat([linear, (-0.5 * precision).expand_as(linear), constant], dim=-1)


def _monomials(X: Tensor) -> Tensor:
    """The columns `(x, x^2, 1)`, a `batch_shape x n x (2 d + 1)`-dim tensor."""
    return torch.cat([X, X * X, torch.ones_like(X[..., :1])], dim=-1)


def seen_dimensions(log_length_scale: Tensor, additive: Tensor, num_centers: int) -> Tensor:
    """Which dimensions each center looks at, boolean: all, or one in an additive network.

    There a dimension gets centers in proportion to the inverse of its length scale, as it takes so
    many to cover it. Of a `batch_shape`-dim `additive` comes a `batch_shape x K x d`-dim tensor.
    """
    share = (-log_length_scale).softmax(-1).cumsum(-1)
    place = (torch.arange(num_centers, device=share.device) + 0.5).to(share) / num_centers
    before = (share[..., :-1].unsqueeze(-2) < place.unsqueeze(-1)).sum(-1, keepdim=True)
    one_each = before == torch.arange(share.shape[-1], device=share.device)
    return one_each | ~additive[..., None, None]


def polynomial_tail(X: Tensor) -> Tensor:
    """The columns `1, z_1 .. z_d, z_1^2 .. z_d^2` with `z = 2 x - 1`.

    The classic companion of an RBF expansion (Powell 1992, "The theory of radial basis function
    approximation in 1990"): it carries what is constant, linear and quadratic per dimension. Of
    `batch_shape x n x d`-dim `X` in the unit cube come `batch_shape x n x (1 + 2 d)` columns.
    """
    z = 2.0 * X - 1.0
    return torch.cat([torch.ones_like(z[..., :1]), z, z * z], dim=-1)


def included_columns(degree: Tensor, num_centers: int, dim: int) -> Tensor:
    """Which of the `P` features take part, boolean, if the tail goes up to degree 0, 1 or 2."""
    columns = [0] * (num_centers + 1) + [1] * dim + [2] * dim
    return degree.unsqueeze(-1) >= torch.tensor(columns, device=degree.device)


def kmeans_centers(
    X: Tensor, weight: Tensor, num_centers: int, generator: torch.Generator, num_iterations: int = 2
) -> Tensor:
    """Centers by k-means (Lloyd 1982), batched, started from distinct random rows.

    Args:
        X: A `n x d`-dim tensor of rows shared by the batch.
        weight: A `batch_shape x n`-dim tensor of non-negative row weights; rows of weight zero take
            no part. Every batch element needs at least `num_centers` rows of positive weight.
        num_centers: The number `K` of centers.
        generator: The source of the random starting rows.
        num_iterations: The number of Lloyd iterations; none where every row is a center already.

    Returns:
        A `batch_shape x K x d`-dim tensor of centers.
    """
    key = torch.rand(weight.shape, generator=generator, dtype=torch.double).to(X) * (weight > 0)
    centers = X[key.topk(num_centers, dim=-1).indices]
    if int((weight > 0).sum(-1).max()) <= num_centers:
        return centers
    batch, dim = weight.shape[:-1], X.shape[-1]
    with_one = torch.cat([X, torch.ones_like(X[:, :1])], dim=-1)
    # Sums over the rows of a center are made on the CPU: elsewhere their order may vary.
    weighted = (weight.unsqueeze(-1) * with_one).flatten(0, -2).cpu()
    first = num_centers * torch.arange(batch.numel()).unsqueeze(-1)
    at_a_time = max(1, CACHED_ELEMENTS // (len(X) * num_centers))
    for _ in range(num_iterations):
        blocks = centers.view(-1, num_centers, dim).split(at_a_time)
        nearest = torch.cat([_nearest(X, some) for some in blocks]).cpu()
        sums = weighted.new_zeros(batch.numel() * num_centers, dim + 1)
        sums.index_add_(0, (first + nearest).flatten(), weighted)
        total, mass = sums.to(X).view(*batch, num_centers, -1).split([dim, 1], dim=-1)
        centers = torch.where(mass > 0, total / mass.clamp_min(1e-12), centers)
    return centers


def _nearest(X: Tensor, centers: Tensor) -> Tensor:
    """Which of `B x K x d` centers is nearest to each of `n x d` rows, a `B x n`-dim tensor."""
    half_norm = 0.5 * (centers * centers).sum(-1)
    return (X @ centers.transpose(-1, -2)).sub_(half_norm.unsqueeze(-2)).argmax(-1)


def _radial_sums(X: Tensor, exponents: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted sums of radial functions and sums of their squares, `B x n`, for `B` networks."""
    columns = _monomials(X).transpose(-1, -2)
    # As many networks at a time as have values that stay in the processor's cache until summed up.
    at_a_time = max(1, CACHED_ELEMENTS // max(1, len(X) * weight.shape[-1]))
    weighted, squared = [], []
    parts = (values.split(at_a_time) for values in (exponents, weight.unsqueeze(-1)))
    for part, on_radial in zip(*parts, strict=True):
        # Centers by points: one matrix product for all networks.
        radial = (part @ columns).exp_()
        # Elementwise: the gradient of a matrix product is a slow outer product for each network.
        weighted.append((on_radial * radial).sum(-2))
        squared.append(radial.square().sum(-2))
    return torch.cat(weighted), torch.cat(squared)


class RBFNetwork(nn.Module):
    r"""One Gaussian RBF network per restart and task, with a polynomial tail.

    .. math:: p_{st}(x) = \sum_k w_{stk}\, \phi(x; c_{stk}, \ell_{st}) + a_{st}^\top (1, z, z^2)

    The hidden layer follows Xu, Luo, Li and Cao (2023, "Correlation learning based multi-task
    model and its application"), with one width per input dimension. Networks that are `additive`, a
    `S x T`-dim boolean tensor, have centers that look at one dimension each.

    Args:
        num_restarts: The number `S` of restarts.
        num_tasks: The number `T` of tasks.
        num_centers: The number `K` of centers of each network.
        dim: The input dimension `d`.
        dtype: The dtype of the parameters.
        device: Their device.
    """

    additive: Tensor

    def __init__(
        self,
        num_restarts: int,
        num_tasks: int,
        num_centers: int,
        dim: int,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        shape = (num_restarts, num_tasks)

        def parameter(*sizes: int, value: float) -> nn.Parameter:
            return nn.Parameter(torch.full((*shape, *sizes), value, dtype=dtype, device=device))

        self.register_buffer("additive", torch.zeros(shape, dtype=torch.bool, device=device))
        self.centers = parameter(num_centers, dim, value=0.5)
        self.log_length_scale = parameter(dim, value=0.0)
        self.weight = parameter(num_centers + 1 + 2 * dim, value=0.0)

    @classmethod
    def of_hidden_layers(
        cls, centers: Tensor, log_length_scale: Tensor, additive: Tensor | None = None
    ) -> RBFNetwork:
        """Networks of `S x T x K x d`-dim centers and `S x T x d`-dim widths, weights zero."""
        num_restarts, num_tasks, num_centers, dim = centers.shape
        network = cls(num_restarts, num_tasks, num_centers, dim, centers.dtype, centers.device)
        network.centers.data = centers.contiguous()
        network.log_length_scale.data = log_length_scale
        if additive is not None:
            network.additive = additive
        return network

    def seen_dimensions(self) -> Tensor | None:
        """What each center looks at, see `seen_dimensions`; `None` if all look at everything."""
        if not bool(self.additive.any()):
            return None
        return seen_dimensions(self.log_length_scale, self.additive, self.centers.shape[-2])

    def features(self, X: Tensor) -> Tensor:
        """The `P = K + 1 + 2 d` features, `batch_shape x n x P`; batches broadcast with `S x T`."""
        length_scale = self.log_length_scale.exp()
        radial = gaussian_rbf(X, self.centers, length_scale, self.seen_dimensions())
        tail = polynomial_tail(X)
        return torch.cat([radial, tail.expand(*radial.shape[:-1], tail.shape[-1])], dim=-1)

    def support(self, features: Tensor) -> Tensor:
        """How many centers are near points of given features, `Σ_k φ_k(x)²`, `batch_shape x n`."""
        radial = features[..., : self.centers.shape[-2]]
        return torch.linalg.vecdot(radial, radial)

    def forward(self, X: Tensor) -> Tensor:
        """The preliminary outputs of all tasks, as of `outputs_and_support`."""
        return self.outputs_and_support(X)[0]

    def outputs_and_support(self, X: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The preliminary outputs, and how many centers are near each point.

        Args:
            X: A `batch_shape x n x d`-dim tensor of inputs in the unit cube.
            weight: A `batch_shape' x S x T x P x m`-dim tensor of `m` kinds of output weights to
                use instead of the network's own, `batch_shape'` broadcasting with `batch_shape`.

        Returns:
            Two `batch_shape x S x n x T`-dim tensors. With `weight` the outputs have a further
            dimension `m` and the broadcast batch shape.
        """
        # All points as rows of one matrix: a batch of single points would be as many tiny products.
        points = X.reshape(-1, X.shape[-1])
        if weight is not None:
            return self._with_weights(points, X.shape[:-1], weight)
        num_centers = self.centers.shape[-2]
        length_scale, sees = self.log_length_scale.exp(), self.seen_dimensions()
        exponents = _exponents(self.centers, length_scale, sees).flatten(0, 1)
        on_radial, on_tail = self.weight.flatten(0, 1).tensor_split([num_centers], dim=-1)
        blocks = points.split(max(1, CACHED_ELEMENTS // num_centers))
        sums = zip(*(_radial_sums(block, exponents, on_radial) for block in blocks), strict=True)
        on_radial, support = (torch.cat(parts, dim=-1) for parts in sums)
        outputs = on_radial + on_tail @ polynomial_tail(points).transpose(-1, -2)
        members = self.weight.shape[:2]
        outputs, support = (values.unflatten(0, members) for values in (outputs, support))
        return self._by_point(outputs, X.shape[:-1]), self._by_point(support, X.shape[:-1])

    def _with_weights(
        self, points: Tensor, shape: torch.Size, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        phi = self.features(points)
        support = self._by_point(self.support(phi), shape)
        if weight.ndim == 4:
            # One product for all points, where they need not meet weights of their own.
            kinds = (phi @ weight).movedim(-1, 0)
            return torch.stack([self._by_point(kind, shape) for kind in kinds], dim=-1), support
        phi = phi.unflatten(-2, shape).movedim((0, 1), (-4, -3))
        return (phi @ weight).transpose(-2, -3), support

    @staticmethod
    def _by_point(values: Tensor, shape: torch.Size) -> Tensor:
        """Bring `S x T x N` values at `batch_shape x n` points into `batch_shape x S x n x T`."""
        return values.unflatten(-1, shape).movedim(0, -2).movedim(0, -1)

"""Synthetic tasks with correlated directions: the data of the MMoE paper."""

from collections.abc import Sequence

import torch
from botorch.exceptions.errors import InputDataError
from torch import Tensor

from botorch_cll.test_functions.mixing import SineLinkTasks, correlation_factor, random_orthonormal


class CorrelatedTasks(SineLinkTasks):
    r"""Tasks that are one function of differently oriented, correlated projections.

    .. math::
        y_t(x) = w_t^\top x + \sum_{i=1}^m \sin(\alpha_i w_t^\top x + \beta_i) + \epsilon_t,
        \qquad w_t = c \sum_s L_{ts} u_s, \qquad R = L L^\top,

    with orthonormal `u_s` and the wanted correlation matrix `R` of the directions. Two tasks give
    `w_1 = c u_1` and `w_2 = c (p u_1 + √(1 - p²) u_2)`, that is `cos(w_1, w_2) = p`.

    Source: J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts, KDD 2018, §4.2 (two tasks; `α`, `β` shared by the tasks). The noise of
    public implementations has standard deviation 0.01, the default here.

    `R` is the correlation of the linear parts only, for standard normal inputs. The labels go
    through one nonlinear function `g`, and with `a_k` its Hermite coefficients at scale `c` their
    correlation is `Σ_k p^k a_k² / Σ_k a_k²` (`k >= 1`): it has at most the absolute value of `p`,
    and it falls short of `p` the more, the larger `c` and the frequencies are. Measure it on
    `sample` instead of assuming `p`.

    Optima are exact: over a box the range of `w_tᵀ x` is known, and what remains is a certified
    search over one variable.

    Args:
        dim: The number `d` of inputs, at least the rank of `R`.
        num_tasks: The number `T` of tasks.
        correlation: The correlation of the directions: one number `p` for all pairs of tasks, or
            a `T x T`-dim tensor. Negative values are welcome as long as the matrix is positive
            semidefinite.
        c: The length of every `w_t`.
        num_sines: The number `m` of sines; by default 5, or the length of what is given.
        alphas: The `m` frequencies, by default drawn from N(0, 1).
        betas: The `m` phases, by default drawn from N(0, 1).
        bounds: The box, as `d` pairs of lower and upper bounds; by default `[-3, 3]^d`.
        noise_std, negate, seed, dtype: As in `MultiTaskTestProblem`.

    Raises:
        InputDataError: If the parameters contradict each other.

    Example:
        >>> problem = CorrelatedTasks(dim=6, num_tasks=3, correlation=-0.4, seed=1)
        >>> X, Y = problem.sample(100, seed=2)
        >>> problem.optimal_value.shape
        torch.Size([3])
    """

    def __init__(
        self,
        dim: int = 10,
        num_tasks: int = 2,
        correlation: float | Tensor = 0.9,
        c: float = 1.0,
        num_sines: int | None = None,
        alphas: Sequence[float] | Tensor | None = None,
        betas: Sequence[float] | Tensor | None = None,
        bounds: Sequence[tuple[float, float]] | None = None,
        noise_std: float | Sequence[float] | None = 0.01,
        negate: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.double,
    ) -> None:
        if bounds is None:
            bounds = [(-3.0, 3.0)] * dim
        super().__init__(dim, num_tasks, bounds, noise_std, negate, seed, dtype)
        factor = correlation_factor(correlation, num_tasks)
        rank = factor.shape[-1]
        if rank > dim:
            raise InputDataError(
                "Expected at least as many inputs as the rank of the correlation matrix, "
                f"{rank}, got dim={dim}."
            )
        if not c > 0:
            raise InputDataError(f"Expected a positive scale `c`, got {c}.")
        # Drawn whatever the rank, so that the first task is the same at every correlation.
        drawn = random_orthonormal(dim, min(dim, num_tasks), self._parameter_generator)
        given = [len(shape) for shape in (alphas, betas) if shape is not None]
        lengths = {*given, *([] if num_sines is None else [num_sines])}
        if len(lengths) > 1 or min(lengths, default=0) < 0:
            raise InputDataError(
                "Expected `num_sines`, `alphas` and `betas` to agree on one number of sines, got "
                f"{num_sines=} and {sorted(lengths)}."
            )
        m = lengths.pop() if lengths else 5
        a, b = torch.randn(2, m, generator=self._parameter_generator, dtype=torch.double)
        a, b = a if alphas is None else alphas, b if betas is None else betas
        self.c = c
        self._set_link(c * factor @ drawn[:, :rank].T, a, b)
        self._find_optima()

    def _find_optima(self) -> None:
        """Search the attainable projections of each task for its minimum."""
        weights, (low, high) = self.weights.double(), self.bounds.double()
        at_low = torch.where(weights > 0, low, high)
        at_high = torch.where(weights > 0, high, low)
        lower, upper = (weights * at_low).sum(-1), (weights * at_high).sum(-1)
        s, values, gaps = self._minimize_links(lower, upper)
        # w_t is not zero and the box has an interior, so the range of s is no single point.
        share = ((s - lower) / (upper - lower)).unsqueeze(-1)
        self._set_optima(values, (1.0 - share) * at_low + share * at_high, gaps)

    def sample(self, n: int, seed: int | torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw labeled data as in the source: standard normal inputs, noisy labels.

        Args:
            n: The number of points.
            seed: A seed or a generator on the CPU; `None` continues the problem's own generator.

        Returns:
            `n x d`-dim inputs, not confined to `bounds`, which only matter for optimization, and
            `n x T`-dim labels (negated if the problem is).
        """
        generator = self._noise_generator if seed is None else seed
        if isinstance(generator, int):
            generator = torch.Generator().manual_seed(generator)
        X = torch.randn(n, self.dim, generator=generator, dtype=torch.double).to(self.bounds)
        Y = self._add_noise(self._evaluate_true(X), generator)
        return X, -Y if self.negate else Y

"""What a check looks at: a factory of fitted surrogates and small data to give it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from botorch.exceptions.errors import UnsupportedError
from botorch.models.model import Model, ModelList
from botorch.models.transforms.input import InputPerturbation
from botorch.sampling.base import MCSampler
from botorch.sampling.get_sampler import get_sampler
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

from botorch_cll.optim.random_state import isolated_random_state

NUM_ROWS = 16
NUM_INPUTS = 2
NUM_TASKS = 2
NOISE_STD = 0.1
NUM_PERTURBATIONS = 3


SurrogateFactory = Callable[..., Model]
"""Makes a fitted model of given data: `factory(train_X, train_Y, **options) -> model`.

`train_X` is a `n x d`-dim tensor of inputs, usually in the unit cube. `train_Y` is a `n x T`-dim
tensor of targets, usually with mean near zero and standard deviation near one; `T` may be one. The
model's posterior takes `batch_shape x q x d`-dim inputs and has `T` outputs in the scale of
`train_Y`. The checks may give some of these options:

- `train_Yvar`, a tensor of the shape of `train_Y`: noise variances, which may be zero; with
  `missing="mask"` NaN where unknown.
- `missing="mask"`: NaN in `train_Y` is a task that was not observed at that point.
- `task_feature`, a column index: the data are long, `train_X` is `n x (d + 1)`-dim with a column of
  task values, `train_Y` is `n x 1`-dim. The model takes inputs without that column and has one
  output per task.
- `all_tasks`, `output_tasks`, lists of task values, with a `task_feature` only: all tasks, also
  those without data; and those that become outputs.
- `seed`, an integer that decides on everything random in the fit.
- `num_restarts`, the number of members of a model that is an ensemble.
- `input_transform`, `outcome_transform`: BoTorch transforms, or `None` for none, in place of those
  that the factory would choose itself.

A factory need not know every option. Where it does not it raises a `TypeError`, as any function
without that argument does, or an `UnsupportedError`; the checks that give the option then fail and
have to be named among the expected failures.
"""


class Subject:
    """A factory under test and the small problem that its models are fitted to.

    The problem has 16 rows, inputs in the unit square and two related tasks with a little noise.

    Args:
        factory: The factory.
    """

    def __init__(self, factory: SurrogateFactory) -> None:
        self.factory = factory
        self.X = uniform(NUM_ROWS, NUM_INPUTS, seed=0)
        self.Y = self.observe(self.X)
        self.test_X = uniform(5, NUM_INPUTS, seed=1)
        self.bounds = torch.tensor([[0.0] * NUM_INPUTS, [1.0] * NUM_INPUTS], dtype=torch.double)

    def observe(self, X: Tensor, num_tasks: int = NUM_TASKS) -> Tensor:
        """`n x T`-dim noisy values of the tasks, at most three, at `n x d`-dim points."""
        base = (5.0 * X[..., 0]).sin() + (2.0 * X[..., 1] - 1.0).square()
        tasks = [
            1.2 * base - 0.7,
            0.8 - 1.1 * base + 0.8 * (4.0 * X[..., 1]).cos(),
            base - 1.5 * X[..., 0],
        ]
        generator = torch.Generator().manual_seed(2)
        noise = torch.randn(len(tasks), len(X), generator=generator, dtype=torch.double)
        return (torch.stack(tasks, dim=-1) + NOISE_STD * noise.T)[:, :num_tasks]

    @property
    def long_data(self) -> tuple[Tensor, Tensor]:
        """The problem's data with one row per observation, the task in the last column."""
        task = torch.arange(NUM_TASKS).repeat_interleave(NUM_ROWS).to(self.X)
        X = torch.cat([self.X.repeat(NUM_TASKS, 1), task.unsqueeze(-1)], dim=-1)
        return X, self.Y.T.reshape(-1, 1)

    def fit(
        self, X: Tensor | None = None, Y: Tensor | None = None, global_seed: int = 0, **options: Any
    ) -> Model:
        """Fit a model to a copy of the data, with the global random generators seeded.

        An option that the factory does not know is an `UnsupportedError`.
        """
        X, Y = self.X if X is None else X, self.Y if Y is None else Y
        with own_random_state(global_seed), torch.enable_grad():
            try:
                return self.factory(X.clone(), Y.clone(), **options)
            except TypeError as error:
                for name in options:
                    if f"unexpected keyword argument '{name}'" in str(error):
                        raise UnsupportedError(f"The surrogate has no option {name}.") from error
                raise

    @cached_property
    def model(self) -> Model:
        """A model of both tasks that checks look at and leave as it is."""
        return self.fit()

    def moments(
        self, model: Model | None = None, X: Tensor | None = None, **options: Any
    ) -> Tensor:
        """A posterior's mean and variance, a `2 x batch_shape x q x m`-dim tensor without gradient.

        It is that of the model of both tasks at the test points, if not of others.
        """
        with torch.no_grad():
            model = self.model if model is None else model
            posterior = model.posterior(self.test_X if X is None else X, **options)
            return torch.stack([posterior.mean, posterior.variance])

    @property
    def perturbation(self) -> InputPerturbation:
        """An input transform that evaluates three perturbations of each input."""
        return InputPerturbation(0.1 * uniform(NUM_PERTURBATIONS, NUM_INPUTS, seed=6) - 0.05)

    @cached_property
    def perturbed(self) -> Model:
        """A model of both tasks whose inputs are perturbed, as risk measures want it."""
        return self.fit(input_transform=self.perturbation)

    @cached_property
    def pair(self) -> ModelList:
        """A list of two models with one output each."""
        return ModelList(*[self.output(i) for i in range(NUM_TASKS)])

    @property
    def single(self) -> Model:
        """A model with one output, the first task."""
        return self.pair.models[0]

    @cached_property
    def apart(self) -> Subject:
        """The same problem, each task modelled by a fit to its data alone."""
        apart = Subject(self.factory)
        models = [apart.fit(self.X, self.Y[:, [i]]) for i in range(NUM_TASKS)]
        apart.model = apart.pair = ModelList(*models)
        return apart

    def output(self, index: int) -> Model:
        """A model of one task: a subset of the outputs, or a fit to long data with that output."""
        try:
            return self.model.subset_output([index])
        except (NotImplementedError, UnsupportedError):
            return self.fit(*self.long_data, task_feature=NUM_INPUTS, output_tasks=[index])

    @property
    def best_f(self) -> Tensor:
        """The best value of the first task."""
        return self.Y[:, 0].max()

    @property
    def ref_point(self) -> Tensor:
        """A `T`-dim tensor: a point that all observations dominate."""
        return self.Y.amin(0) - 0.1

    def sampler(self, model: Model, num_samples: int = 16) -> MCSampler:
        """The sampler that BoTorch has for a model's posteriors."""
        with torch.no_grad():
            posterior = model.posterior(self.test_X)
        return get_sampler(posterior, sample_shape=torch.Size([num_samples]), seed=0)

    def optima(self) -> tuple[Tensor, Tensor]:
        """Three samples' maximizers of the first task, `3 x d`-dim, and maxima, `3 x 1`-dim."""
        X, samples = self._samples(self.single)
        best = samples[..., 0].argmax(-1)
        return X[best], samples[torch.arange(len(best)), best]

    def pareto_optima(self) -> tuple[Tensor, Tensor]:
        """Three samples' Pareto optima, three along each front: `3 x 3 x d` and `3 x 3 x T`-dim."""
        X, samples = self._samples(self.model)
        sets, fronts = [], []
        for sample in samples:
            front = is_non_dominated(sample).nonzero().squeeze(-1)
            chosen = front[sample[front, 0].argsort()]
            chosen = chosen[torch.linspace(0, len(front) - 1, 3).long()]
            sets.append(X[chosen])
            fronts.append(sample[chosen])
        return torch.stack(sets), torch.stack(fronts)

    def _samples(self, model: Model) -> tuple[Tensor, Tensor]:
        """64 points and three samples of a model there."""
        X = uniform(64, NUM_INPUTS, seed=3)
        with torch.no_grad():
            return X, self.sampler(model, num_samples=3)(model.posterior(X))


def uniform(*shape: int, seed: int) -> Tensor:
    """A tensor of numbers in double precision, uniform in the unit interval."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.double)


@contextmanager
def own_random_state(seed: int = 0) -> Iterator[None]:
    """Seed the global random generators of PyTorch, NumPy and Python, and restore them after."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with isolated_random_state(seed, torch.device(device)):
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


@contextmanager
def own_settings() -> Iterator[None]:
    """Restore default dtype and thread count, whatever is done to them inside."""
    dtype, num_threads = torch.get_default_dtype(), torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(num_threads)

"""The outputs of a model as gains over their incumbents, for acquisition functions of one output.

One threshold, zero, serves all tasks then, and one forward of the model all of their outputs.
"""

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior, Posterior
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DiagLinearOperator
from torch import Tensor


class _Gains(Model):
    """What the two views of a model have in common: one output, the sign, the incumbents."""

    num_outputs = 1
    batch_shape = torch.Size()

    def __init__(self, model: Model, best_f: Tensor, maximize: bool) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("best_f", best_f)
        self.sign = 1.0 if maximize else -1.0

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior:
        gain, variance = self._moments(X)
        return GPyTorchPosterior(MultivariateNormal(gain, DiagLinearOperator(variance)))

    def _moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The means and variances of the gains, without the dimension of the output."""
        raise NotImplementedError


class OwnGains(_Gains):
    """A model of `T` outputs as one output of `d + 1` inputs, the last of them the task."""

    _last: tuple[Tensor, Posterior] | None = None

    def _moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        task, X = X[..., -1:].round().long(), X[..., :-1]
        if X.requires_grad:
            posterior = self.model.posterior(X)
        else:
            # Tasks share their raw samples.
            if self._last is None or not torch.equal(self._last[0], X):
                self._last = X, self.model.posterior(X)
            posterior = self._last[1]
        gain = self.sign * (posterior.mean.gather(-1, task) - self.best_f[task])
        return gain.squeeze(-1), posterior.variance.gather(-1, task).squeeze(-1)


class AllGains(_Gains):
    """Outputs of a model that have an incumbent, in the units of the tasks, as a batch of models.

    Maps `(b) x 1 x 1 x d`-dim points to a posterior of shape `(b) x m x 1 x 1`.
    """

    def __init__(self, model: Model, best_f: Tensor, unit: Tensor, maximize: bool) -> None:
        tasks = (~best_f.isnan()).nonzero().squeeze(-1)
        super().__init__(model, best_f[tasks], maximize)
        self.register_buffer("tasks", tasks)
        self.register_buffer("unit", unit[tasks])
        self.batch_shape = tasks.shape

    def _moments(self, X: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.model.posterior(X.squeeze(-3))
        mean, variance = posterior.mean[..., self.tasks], posterior.variance[..., self.tasks]
        gain = self.sign * (mean - self.best_f) / self.unit
        return gain.mT, (variance / self.unit.square()).mT


class LargestGain(AcquisitionFunction):
    """The largest value that an acquisition function takes for any of the tasks."""

    def __init__(self, gains: AllGains, acqf_class: type[AnalyticAcquisitionFunction]) -> None:
        super().__init__(gains)
        self.each = acqf_class(model=gains, best_f=0.0)

    def forward(self, X: Tensor) -> Tensor:
        """From `(b) x 1 x d`-dim points to `b` values."""
        return self.each(X.unsqueeze(-3)).amax(dim=-1)

"""The correlation learning layer: tasks' preliminary outputs, mixed once more."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda Z: Z,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
}


class CorrelationLearningLayer(nn.Module):
    r"""Fully connected layers between the tasks' preliminary and final outputs.

    Every final output is a learned combination of *all* tasks' preliminary outputs `p`
    (Xu, Luo, Li and Cao 2023). It is written as the identity plus a branch that starts at zero,
    so that training starts from unconnected tasks:

    .. math:: f = p + B_L\,\sigma(\dots\sigma(B_1\, p + b_1)\dots) + b_L

    That is one linear layer by default (MultiRBF+), one layer with activation,
    `f = p + σ(B p + b)`, with `activation="leaky_relu"` (MultiRBF+ReLU), and two layers with
    LeakyReLU between them with `hidden=(h,)` (Bay_MRBFCor).

    Args:
        num_tasks: The number `T` of tasks.
        hidden: The widths of the hidden layers between the `T` inputs and the `T` outputs.
        activation: The name of an entry of `ACTIVATIONS`. With hidden layers it acts after each
            of them, `"leaky_relu"` if `None`; without, on the only layer, `"identity"` if `None`.
        num_restarts: The number `S` of independent layers in the batch.
        generator: The source of the first weights of hidden layers, which need it; the last layer
            starts at zero.
        dtype: The dtype of the parameters.
        device: Their device.

    Raises:
        ValueError: If a width is not positive, the activation is not known, or hidden layers
            are given without a generator.
    """

    def __init__(
        self,
        num_tasks: int,
        hidden: tuple[int, ...] = (),
        activation: str | None = None,
        num_restarts: int = 1,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ValueError(f"Expected hidden widths of at least 1, got {hidden}.")
        if activation is None:
            activation = "leaky_relu" if hidden else "identity"
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"Expected an activation in {sorted(ACTIVATIONS)}, got {activation!r}."
            )
        if hidden and generator is None:
            raise ValueError("Hidden correlation layers need a generator for their first weights.")
        self.activation = activation
        widths = (num_tasks, *hidden, num_tasks)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
            weight = torch.zeros(num_restarts, fan_out, fan_in, dtype=dtype)
            if layer < len(hidden):
                weight.normal_(std=fan_in**-0.5, generator=generator)
            self.weights.append(nn.Parameter(weight.to(device=device)))
            bias = torch.zeros(num_restarts, fan_out, dtype=dtype, device=device)
            self.biases.append(nn.Parameter(bias))

    @property
    def is_linear(self) -> bool:
        """Whether the layer is one linear map, which a ridge regression can solve for exactly."""
        return len(self.weights) == 1 and self.activation == "identity"

    @property
    def can_rescale(self) -> bool:
        """Whether `rescale` works: not if `tanh` bounds what the only layer adds."""
        return len(self.weights) > 1 or self.activation != "tanh"

    def rescale(self, unit: Tensor) -> None:
        """Turn the layer of outputs in `T` positive units into that of the outputs themselves."""
        self.weights[0].data /= unit
        self.weights[-1].data *= unit.unsqueeze(-1)
        self.biases[-1].data *= unit

    def branch(self, outputs: Tensor) -> Tensor:
        """What the layer adds to `batch_shape x S x n x T`-dim outputs, zero before training."""
        activate = ACTIVATIONS[self.activation]
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            outputs = outputs @ weight.transpose(-1, -2) + bias.unsqueeze(-2)
            if layer < last or last == 0:
                outputs = activate(outputs)
        return outputs

    def forward(self, outputs: Tensor) -> Tensor:
        """The final outputs of preliminary ones, both `batch_shape x S x n x T`-dim."""
        return outputs + self.branch(outputs)

    def passed_on(self, outputs: Tensor, change: Tensor) -> Tensor:
        """What changes of the *other* tasks' preliminary outputs add to each final output."""
        num_tasks = change.shape[-1]
        others = 1.0 - torch.eye(num_tasks, dtype=change.dtype, device=change.device)
        if self.is_linear:
            return change @ (self.weights[0] * others).transpose(-1, -2)
        # One version of the change per task, without the change of that task itself.
        outputs, change = torch.broadcast_tensors(outputs, change)
        by_task = change * others.view(num_tasks, *[1] * (change.ndim - 1), num_tasks)
        after = self.branch(outputs + by_task).diagonal(dim1=0, dim2=-1)
        return after - self.branch(outputs)

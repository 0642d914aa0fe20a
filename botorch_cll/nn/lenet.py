"""LeNet networks for several classification tasks on one picture."""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from botorch_cll.nn.correlation import CorrelationLearningLayer
from botorch_cll.nn.cross_stitch import CrossStitchUnit


def _reset(weight: Tensor, bias: Tensor, fan_in: int, generator: torch.Generator) -> None:
    """PyTorch's usual first weights of linear maps and convolutions, but from a generator."""
    bound = fan_in**-0.5
    with torch.no_grad():
        weight.uniform_(-bound, bound, generator=generator)
        bias.uniform_(-bound, bound, generator=generator)


class LeNetTrunk(nn.Module):
    """Two convolutions, each followed by max pooling over 2 x 2 and a ReLU.

    The convolutions have 10 kernels of 9 x 9 and 20 of 5 x 5, the LeNet that is customary for
    Multi-MNIST. Pooling first changes nothing and leaves the ReLU a quarter of the values. The
    weights are in the channels-last format, in which pooling is several times faster on a CPU.
    """

    def __init__(self, input_shape: tuple[int, int, int], generator: torch.Generator) -> None:
        super().__init__()
        channels, *size = input_shape
        if min(size) < 20:
            raise ValueError(f"Expected pictures of at least 20 x 20, got {size[0]} x {size[1]}.")
        self.input_shape = input_shape
        height, width = (((length - 8) // 2 - 4) // 2 for length in size)
        self.num_features = 20 * height * width
        # Their own first weights would be drawn from the global generator.
        self.first = nn.utils.skip_init(nn.Conv2d, channels, 10, 9)
        self.second = nn.utils.skip_init(nn.Conv2d, 10, 20, 5)
        for convolution in (self.first, self.second):
            fan_in = convolution.weight[0].numel()
            _reset(convolution.weight, convolution.bias, fan_in, generator)
            convolution.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Map `n x c x h x w` pictures to `n x num_features` features."""
        if images.shape[1:] != self.input_shape:
            raise ValueError(
                f"Expected pictures of shape {self.input_shape}, got {tuple(images.shape[1:])}."
            )
        for convolution in (self.first, self.second):
            images = nn.functional.max_pool2d(convolution(images), 2).relu()
        return images.flatten(1)


class TaskLinear(nn.Module):
    """One linear map per task."""

    def __init__(
        self, num_tasks: int, in_features: int, out_features: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_tasks, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(num_tasks, 1, out_features))
        _reset(self.weight, self.bias, in_features, generator)

    def forward(self, activations: Tensor) -> Tensor:
        """Map `T x n x in_features` activations to `T x n x out_features`."""
        return torch.baddbmm(self.bias, activations, self.weight)


class TaskLayers(nn.Module):
    """Three fully connected layers per task, ReLU and maybe a `CrossStitchUnit` between them."""

    def __init__(
        self,
        num_tasks: int,
        num_features: int,
        hidden: tuple[int, int],
        num_classes: int,
        cross_stitch: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = pairwise((num_features, *hidden))
        self.hidden = nn.ModuleList(TaskLinear(num_tasks, *size, generator) for size in sizes)
        self.stitches = nn.ModuleList(
            CrossStitchUnit(num_tasks) if cross_stitch else nn.Identity() for _ in hidden
        )
        self.last = TaskLinear(num_tasks, hidden[-1], num_classes, generator)

    def forward(self, features: Tensor) -> Tensor:
        """Map `T x n x num_features` features to `T x n x C` class scores."""
        for layer, stitch in zip(self.hidden, self.stitches, strict=True):
            features = stitch(layer(features).relu())
        return self.last(features)


class SingleLeNet(nn.Module):
    """One LeNet per task, side by side, with nothing in common.

    Gradients of a sum of the tasks' losses are those of training each network alone. Arguments and
    errors are those of `MultiLeNet`.
    """

    def __init__(
        self,
        num_tasks: int = 2,
        num_classes: int = 10,
        input_shape: tuple[int, int, int] = (1, 36, 36),
        hidden: tuple[int, int] = (120, 84),
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        trunks = [LeNetTrunk(input_shape, generator) for _ in range(num_tasks)]
        self.trunks = nn.ModuleList(trunks)
        num_features = trunks[0].num_features
        self.layers = TaskLayers(num_tasks, num_features, hidden, num_classes, False, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Map `n x c x h x w` pictures to `n x T x C` class scores."""
        return self.layers(torch.stack([trunk(images) for trunk in self.trunks])).movedim(0, 1)


class MultiLeNet(nn.Module):
    """A LeNet whose convolutions are shared by all tasks, and MultiLeNet+.

    Convolutions and pooling are shared, three fully connected layers are each task's own. With
    `correlation_layers` it is MultiLeNet+ (Xu, Luo, Li and Cao 2023): a correlation learning layer
    makes each final class score of each task a learned combination of the preliminary class scores
    of *all* tasks. The outputs that are mixed are thus the `T C` scores, before the softmax: the
    paper puts the layer behind the tasks' outputs and does not say on which side of the softmax. As
    the layer starts as the identity, MultiLeNet+ starts as the MultiLeNet of the same generator.

    Args:
        num_tasks: The number `T` of tasks.
        num_classes: The number `C` of classes of each task.
        input_shape: Channels, height and width of the pictures.
        hidden: The widths of the hidden fully connected layers, LeNet-5's by default (LeCun et
            al. 1998); the paper does not state its own.
        correlation_layers: The hidden widths of the correlation learning layer. The empty tuple
            is one linear layer, `None` no layer.
        activation: The activation of the correlation learning layer.
        generator: The source of the first weights.

    Raises:
        ValueError: If pictures are smaller than 20 x 20, or of another shape than `input_shape`.
    """

    cross_stitch: ClassVar[bool] = False

    def __init__(
        self,
        num_tasks: int = 2,
        num_classes: int = 10,
        input_shape: tuple[int, int, int] = (1, 36, 36),
        hidden: tuple[int, int] = (120, 84),
        correlation_layers: tuple[int, ...] | None = None,
        activation: str | None = None,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.trunk = LeNetTrunk(input_shape, generator)
        self.layers = TaskLayers(
            num_tasks, self.trunk.num_features, hidden, num_classes, self.cross_stitch, generator
        )
        self.correlation = None
        if correlation_layers is not None:
            self.correlation = CorrelationLearningLayer(
                num_tasks * num_classes, correlation_layers, activation, generator=generator
            )

    def forward(self, images: Tensor) -> Tensor:
        """Map `n x c x h x w` pictures, of about unit scale, to `n x T x C` class scores."""
        features = self.trunk(images)
        num_tasks = len(self.layers.last.weight)
        scores = self.layers(features.expand(num_tasks, *features.shape)).movedim(0, 1)
        if self.correlation is None:
            return scores
        # The layer's own batch is one over restarts, of which there is one here.
        return self.correlation(scores.flatten(1).unsqueeze(0)).view(scores.shape)


class MultiLeNetCS(MultiLeNet):
    """A `MultiLeNet` whose tasks are tied by cross-stitch units, and MultiLeNetCS+.

    A `CrossStitchUnit` stands behind each hidden fully connected layer and mixes the tasks'
    activations. Arguments are those of `MultiLeNet`; with `correlation_layers` it is MultiLeNetCS+.
    """

    cross_stitch = True

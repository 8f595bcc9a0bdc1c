"""StyleGAN2's building blocks: equalised learning rates and resampling without aliases.

Karras et al. 2020, arXiv 1912.04958; equalised learning rate: Karras et al. 2018, arXiv 1710.10196, section 4.1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["EqualConv", "EqualLinear", "activate", "blurred", "downsampled", "upsampled"]

FILTER = (1.0, 3.0, 3.0, 1.0)  # binomial, in each direction; its products over 64 are exact also in bfloat16


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2 times √2, which keeps the variance of what comes in."""
    return F.leaky_relu(x, 0.2) * 2**0.5


def _filter(x: Tensor, gain: float) -> Tensor:
    """The filter with sum `gain` as C×1×4×4, one for each of the C channels of `x`."""
    taps = torch.tensor(FILTER, device=x.device, dtype=x.dtype)
    return (torch.outer(taps, taps) * (gain / 64)).expand(x.shape[1], 1, 4, 4)


def blurred(x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
    """N×C×H×W filtered after a border of `padding` zeros: H and W grow by 2·`padding` − 3."""
    return F.conv2d(x, _filter(x, gain), padding=padding, groups=x.shape[1])


def upsampled(x: Tensor) -> Tensor:
    """N×C×H×W to N×C×2H×2W: zeros in between, then the filter."""
    return F.conv_transpose2d(x, _filter(x, 4.0), stride=2, padding=1, groups=x.shape[1])


def downsampled(x: Tensor) -> Tensor:
    """N×C×H×W with even sides to N×C×H/2×W/2: the filter, then every second place."""
    return F.conv2d(x, _filter(x, 1.0), stride=2, padding=1, groups=x.shape[1])


class EqualLinear(nn.Module):
    """A linear layer whose weights start from N(0, 1) and are scaled by `rate`/√inputs when used.

    All layers so learn at one speed, which `rate` multiplies. `bias` is the bias it starts with.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.scale, self.rate = rate / inputs**0.5, rate
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))

    def forward(self, x: Tensor) -> Tensor:
        """N×`inputs` to N×`outputs`."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualConv(nn.Module):
    """A convolution at equalised learning rate that keeps the size, or with `down` halves it after the filter."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True, down: bool = False) -> None:
        super().__init__()
        self.kernel, self.down, self.scale = kernel, down, 1 / (inputs * kernel**2) ** 0.5
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """N×`inputs`×H×W to N×`outputs`×H×W, or half of each side."""
        weight = self.weight * self.scale
        if not self.down:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        if self.kernel == 1:  # filtering at the places that stay is enough
            return F.conv2d(downsampled(x), weight, self.bias)
        return F.conv2d(blurred(x, 1 + self.kernel // 2), weight, self.bias, stride=2)

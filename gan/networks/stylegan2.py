"""StyleGAN2's generator: pictures from chance (Karras et al. 2020, arXiv 1912.04958)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.equalised import EqualLinear, activate, blurred, upsampled

__all__ = [
    "ModulatedConv",
    "StyleConfig",
    "StyleGAN2Generator",
    "channels_at",
    "demodulation",
    "picture_of",
    "sample",
    "start_of",
    "style_of",
]

SMALLEST = 4  # pixels of the shorter side that the learned constant has at least
MAPPING_RATE = 0.01  # of the learning rate, for the mapping network (appendix B)
AVERAGE_RATE = 0.005  # of a step's mean latent, for the running average that truncation goes towards


def start_of(size: list[int]) -> tuple[int, int, int]:
    """Width and height of the learned constant and how often it is doubled to give `size` (width, height).

    Raises:
        UserError: `size` is not two sides of at least 8 that can be halved once.
    """
    if len(size) != 2 or min(size) < 2 * SMALLEST or any(side % 2 for side in size):
        raise UserError(f"model.generator.size: must be an even width and height of 8 or more, got {size}")
    (width, height), doublings = size, 0
    while min(width, height) >= 2 * SMALLEST and width % 2 == 0 and height % 2 == 0:
        width, height, doublings = width // 2, height // 2, doublings + 1
    return width, height, doublings


def channels_at(level: int, base: int, most: int) -> int:
    """Channels after `level` doublings of 4: `base` by that side, at most `most`."""
    return max(1, min(base // (4 * 2**level), most))


@dataclass(frozen=True)
class StyleConfig:
    """`model.generator` of the config; the defaults are the paper's configuration F at 256×256."""

    size: list[int] = field(default_factory=lambda: [256, 256])
    base: int = 32768
    most: int = 512
    mapping: int = 8

    def __post_init__(self) -> None:
        start_of(self.size)
        if min(self.base, self.most) < 1 or not 1 <= self.mapping <= 8:
            raise UserError(
                "model.generator: base and most must be at least 1 and mapping from 1 to 8, "
                f"got {self.base}, {self.most} and {self.mapping}"
            )


class ModulatedConv(nn.Module):
    """A convolution whose weights are scaled by a style and brought back to unit norm (section 2.2).

    Equations 1 and 3: w'_ijk = s_i·w_ijk, w''_ijk = w'_ijk / √(Σ w'_ijk² + ε), s being an affine function of the
    latent. Computed as (w * (s·x)) / √…, which is the same with weights that all images share. With `up` the sides
    double.
    """

    def __init__(
        self, inputs: int, outputs: int, latent: int, kernel: int, *, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.kernel, self.up, self.demodulate = kernel, up, demodulate
        self.scale = 1 / (inputs * kernel**2) ** 0.5
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.style = EqualLinear(latent, inputs, bias=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """N×`inputs`×H×W and N×`latent` to N×`outputs`×H×W, or twice each side."""
        style, weight = self.style(w), self.weight * self.scale
        x = x * style[..., None, None]
        if self.up:
            y = blurred(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, gain=4.0)
        else:
            y = F.conv2d(x, weight, padding=self.kernel // 2)
        return y * demodulation(weight, style)[..., None, None] if self.demodulate else y


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """1 / √(Σ_ik (s_i·w_ijk)² + ε) for weights O×I×k×k and styles N×I, as N×O."""
    return torch.rsqrt(style.square() @ weight.square().sum((2, 3)).T + 1e-8)


class StyleLayer(nn.Module):
    """A modulated convolution, noise of one learned strength, bias, activation."""

    def __init__(self, inputs: int, outputs: int, latent: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, latent, 3, up=up)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """The noise comes from torch's global generator."""
        y: Tensor = self.conv(x, w)
        noise = torch.randn(len(y), 1, *y.shape[2:], device=y.device, dtype=y.dtype)
        return activate(y + self.strength * noise + self.bias[:, None, None])


class ToRGB(nn.Module):
    """A picture from features: 1×1, modulated, not demodulated."""

    def __init__(self, inputs: int, outputs: int, latent: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, latent, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """N×`inputs`×H×W to N×`outputs`×H×W."""
        return cast(Tensor, self.conv(x, w)) + self.bias[:, None, None]


class StyleGAN2Generator(nn.Module):
    """Latents N×`in_channels` from N(0, 1) to pictures N×`out_channels`×H×W, about [-1, 1], of `size` (width, height).

    The skip architecture (section 4.1): every resolution adds its picture to the one before, doubled. `average` is the
    running mean of w.
    """

    average: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        size: list[int],
        base: int = 32768,
        most: int = 512,
        mapping: int = 8,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.size = in_channels, out_channels, list(size)
        width, height, doublings = start_of(size)
        c = [channels_at(level, base, most) for level in range(doublings + 1)]
        self.mapping = nn.ModuleList(EqualLinear(in_channels, in_channels, rate=MAPPING_RATE) for _ in range(mapping))
        self.constant = nn.Parameter(torch.randn(c[0], height, width))
        layers = [StyleLayer(c[0], c[0], in_channels)]
        for before, after in pairwise(c):
            layers += [StyleLayer(before, after, in_channels, up=True), StyleLayer(after, after, in_channels)]
        self.layers = nn.ModuleList(layers)
        self.to_rgb = nn.ModuleList(ToRGB(channels, out_channels, in_channels) for channels in c)
        self.styles = len(layers) + 1  # the last picture's is its own; others' are shared with the layer that follows
        self.register_buffer("average", torch.zeros(in_channels))

    def forward(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """Pictures of `z`; `truncation` below 1 draws them towards the mean (Karras et al. 2019, appendix B)."""
        return self.synthesise(self.styled(z, truncation))

    def styled(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """The w of `z`, truncated, for each layer: N×`styles`×`in_channels`."""
        w = self.average + truncation * (self.map(z) - self.average)
        return w[:, None].expand(-1, self.styles, -1)

    def map(self, z: Tensor) -> Tensor:
        """N×`in_channels` normally distributed to w of the same shape."""
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = activate(layer(w))
        return w

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Move `average` towards the mean of a step's N×`in_channels` w."""
        self.average.lerp_(w.float().mean(0), AVERAGE_RATE)

    def synthesise(self, w: Tensor) -> Tensor:
        """The pictures of w for each layer: N×`styles`×`in_channels`."""
        x = self.layers[0](self.constant.expand(len(w), -1, -1, -1), w[:, 0])
        picture = self.to_rgb[0](x, w[:, 1])
        for level in range(1, len(self.to_rgb)):
            x = self.layers[2 * level - 1](x, w[:, 2 * level - 1])
            x = self.layers[2 * level](x, w[:, 2 * level])
            picture = upsampled(picture) + self.to_rgb[level](x, w[:, 2 * level + 1])
        return cast(Tensor, picture)


@torch.no_grad()
def style_of(generator: StyleGAN2Generator, seed: int, index: int, truncation: float = 1.0) -> Tensor:
    """The truncated w of picture `index` of `seed` for each layer, styles×latent: the same on every device."""
    with _chance(seed, index, 0):
        z = torch.randn(1, generator.in_channels)
    return generator.styled(z.to(generator.average.device), truncation)[0]


@torch.no_grad()
def picture_of(generator: StyleGAN2Generator, style: Tensor, seed: int, index: int) -> Tensor:
    """C×H×W of `style` with the noise of picture `index` of `seed`."""
    with _chance(seed, index, 1):
        return generator.synthesise(style[None])[0].float()


def sample(generator: StyleGAN2Generator, seed: int, index: int, truncation: float = 1.0) -> Tensor:
    """Picture `index` of `seed` as C×H×W: the same however many are drawn beside it."""
    return picture_of(generator, style_of(generator, seed, index, truncation), seed, index)


@contextmanager
def _chance(*key: int) -> Iterator[None]:
    """Within it torch's global generator is seeded by `key`; then it goes on as if nothing had been drawn."""
    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
        yield

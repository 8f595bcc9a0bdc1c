"""StyleGAN2's discriminator (Karras et al. 2020, arXiv 1912.04958, section 4.1)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.equalised import EqualConv, EqualLinear, activate
from gan.networks.stylegan2 import channels_at, start_of

__all__ = ["StyleCriticConfig", "StyleGAN2Discriminator", "batch_deviation"]

GROUP = 4  # images whose variety is looked at together


@dataclass(frozen=True)
class StyleCriticConfig:
    """`model.discriminator` of the config; the defaults are the paper's configuration F."""

    base: int = 32768
    most: int = 512

    def __post_init__(self) -> None:
        if min(self.base, self.most) < 1:
            raise UserError(f"model.discriminator: base and most must be at least 1, got {self.base} and {self.most}")


def batch_deviation(x: Tensor) -> Tensor:
    """N×C×H×W with one more channel: how much the images of a group differ (Karras et al. 2018, arXiv 1710.10196, 3).

    The standard deviation over a group, the mean over channels and places. Groups are of 4, or as many as divide N.
    """
    size = next(number for number in range(min(GROUP, len(x)), 0, -1) if len(x) % number == 0)
    groups = x.float().reshape(size, -1, *x.shape[1:])
    deviation = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    channel = deviation.repeat(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel.to(x.dtype)], 1)


class Block(nn.Module):
    """A residual block that halves the sides."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv(inputs, inputs, 3)
        self.second = EqualConv(inputs, outputs, 3, down=True)
        self.skip = EqualConv(inputs, outputs, 1, bias=False, down=True)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways over √2, which keeps the variance."""
        y = activate(self.second(activate(self.first(x))))
        return (y + self.skip(x)) / 2**0.5


class StyleGAN2Discriminator(nn.Module):
    """Pictures N×`in_channels`×H×W of `size` (width, height) to N scores, above 0 for what is taken for real."""

    def __init__(self, in_channels: int, size: list[int], base: int = 32768, most: int = 512) -> None:
        super().__init__()
        width, height, doublings = start_of(size)
        c = [channels_at(level, base, most) for level in range(doublings + 1)]
        self.from_rgb = EqualConv(in_channels, c[-1], 1)
        self.blocks = nn.Sequential(*(Block(c[level], c[level - 1]) for level in range(doublings, 0, -1)))
        self.conv = EqualConv(c[0] + 1, c[0], 3)
        self.dense = EqualLinear(c[0] * height * width, c[0])
        self.score = EqualLinear(c[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score pictures."""
        y = batch_deviation(self.blocks(activate(self.from_rgb(x))))
        y = activate(self.dense(activate(self.conv(y)).flatten(1)))
        scores: Tensor = self.score(y)
        return scores[:, 0]

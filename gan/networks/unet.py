"""The U-Net generator of pix2pix (Isola et al. 2017, arXiv 1611.07004, section 6.1.1)."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import Generator, check_norm, check_residual, init_weights, norm_layer

__all__ = ["UnetBlock", "UnetConfig", "UnetGenerator"]


@dataclass(frozen=True)
class UnetConfig:
    """`model.generator` of the config; the defaults are the paper's for 256×256, but for its `dropout`."""

    depth: int = 8
    base: int = 64
    norm: str = "batch"
    residual: float = 0.0
    dropout: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, "model.generator.norm")
        check_residual(self.residual, "model.generator.residual")
        if self.base < 1 or not 2 <= self.depth <= 10:
            raise UserError(
                f"model.generator: base must be at least 1 and depth from 2 to 10, got {self.base} and {self.depth}"
            )


class UnetBlock(nn.Module):
    """One level and all below it: N×`outer`×H×W to N×2·`outer`×H×W, the input beside what came back from below.

    `below` is the next level; the innermost has none. The activation in place, which is published, also changes what
    the skip connection carries; as a ReLU follows there, the numbers are those of the paper.
    """

    def __init__(self, outer: int, inner: int, below: "UnetBlock | None", norm: str, dropout: bool) -> None:
        super().__init__()
        bias = norm == "instance"
        down: list[nn.Module] = [
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias),
        ]
        if below is not None:
            down += [norm_layer(norm, inner), below]
        self.model = nn.Sequential(
            *down,
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(inner if below is None else 2 * inner, outer, 4, stride=2, padding=1, bias=bias),
            norm_layer(norm, outer),
            *([nn.Dropout(0.5)] if dropout else []),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x` and what the levels below make of it."""
        return torch.cat([x, self.model(x)], 1)


class UnetGenerator(Generator):
    """Images N×`in_channels`×H×W in [-1, 1] to N×`out_channels`×H×W in [-1, 1]; H and W are multiples of `stride`.

    `depth` stride-2 convolutions down, as many up, a skip connection across each level; `base`, 2, 4, 8, 8, … times
    `base` channels. `dropout` stands where the paper has it: on the way up, between levels of 8·`base` channels, the
    innermost excepted. State-dict keys are those of the authors' PyTorch code, with and without dropout.
    `residual` is that of `ResnetGenerator`: above 0, a bounded change of the input, the identity at first.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int = 8,
        base: int = 64,
        norm: str = "batch",
        *,
        residual: float = 0.0,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.residual = in_channels, out_channels, residual
        self.stride = 2**depth
        widths = [base * min(2**level, 8) for level in range(depth)]
        block = None
        for level in range(depth - 1, 0, -1):
            drop = dropout and 4 <= level < depth - 1
            block = UnetBlock(widths[level - 1], widths[level], block, norm, drop)
        assert block is not None
        last = nn.ConvTranspose2d(2 * base, out_channels, 4, stride=2, padding=1)
        bias = norm == "instance"  # batch norm has a shift of its own
        first = nn.Conv2d(in_channels, base, 4, stride=2, padding=1, bias=bias)
        # The published outermost level is a module of its own, whence keys like model.model.0.weight.
        outermost = nn.Sequential(first, block, nn.ReLU(inplace=True), last, nn.Tanh())
        self.model = nn.Sequential(OrderedDict(model=outermost))
        init_weights(self)
        if residual:
            nn.init.zeros_(last.weight)

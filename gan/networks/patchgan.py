"""The discriminators of pix2pix and CycleGAN: PatchGAN and PixelGAN (Isola et al. 2017, arXiv 1611.07004)."""

from dataclasses import dataclass

from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import check_norm, init_weights, norm_layer

__all__ = ["PatchConfig", "PatchDiscriminator", "PixelConfig", "PixelDiscriminator"]


@dataclass(frozen=True)
class PatchConfig:
    """`model.discriminator` of the config; the defaults are the paper's."""

    base: int = 64
    layers: int = 3
    norm: str = "instance"

    def __post_init__(self) -> None:
        check_norm(self.norm, "model.discriminator.norm")
        if self.base < 1 or not 1 <= self.layers <= 5:
            raise UserError(
                "model.discriminator: base must be at least 1 and layers from 1 to 5, "
                f"got {self.base} and {self.layers}"
            )

    @property
    def smallest(self) -> int:
        """Side in pixels of the smallest pictures that get a score: 3 of its last stride-2 layer's values."""
        return int(3 * 2**self.layers)


@dataclass(frozen=True)
class PixelConfig:
    """`model.discriminator` of the config where pixels are judged one by one; the defaults are the paper's."""

    base: int = 64
    norm: str = "instance"

    def __post_init__(self) -> None:
        check_norm(self.norm, "model.discriminator.norm")
        if self.base < 1:
            raise UserError(f"model.discriminator: base must be at least 1, got {self.base}")


class PatchDiscriminator(nn.Module):
    """Images N×`in_channels`×H×W to N×1×h×w scores, one per patch, unbounded.

    `layers` stride-2 convolutions give patches of 16, 34, 70, 142, 286 pixels for 1 to 5 of them; 70 is the paper's.
    State-dict keys are those of the authors' PyTorch code.
    """

    def __init__(self, in_channels: int, base: int = 64, layers: int = 3, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"  # batch norm has a shift of its own
        stack: list[nn.Module] = [nn.Conv2d(in_channels, base, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        channels = base
        for n in range(1, layers + 1):
            wider = base * min(2**n, 8)
            stack += [
                nn.Conv2d(channels, wider, 4, stride=2 if n < layers else 1, padding=1, bias=bias),
                norm_layer(norm, wider),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels = wider
        stack += [nn.Conv2d(channels, 1, 4, stride=1, padding=1)]
        self.model = nn.Sequential(*stack)
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Score the patches of `x`."""
        scores: Tensor = self.model(x)
        return scores


class PixelDiscriminator(nn.Module):
    """Images N×`in_channels`×H×W to N×1×H×W scores, each from the colours of its pixel alone, unbounded.

    State-dict keys are those of the authors' PyTorch code, where batch norm also takes the last convolution's bias.
    """

    def __init__(self, in_channels: int, base: int = 64, norm: str = "instance") -> None:
        super().__init__()
        bias = norm == "instance"
        self.net = nn.Sequential(
            nn.Conv2d(in_channels, base, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(base, 2 * base, 1, bias=bias),
            norm_layer(norm, 2 * base),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * base, 1, 1, bias=bias),
        )
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Score the pixels of `x`."""
        scores: Tensor = self.net(x)
        return scores

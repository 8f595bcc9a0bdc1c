"""The PatchGAN discriminator (Isola et al. 2017, arXiv 1611.07004) as CycleGAN uses it."""

from dataclasses import dataclass

from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import check_norm, init_weights, norm_layer

__all__ = ["DiscriminatorConfig", "PatchDiscriminator"]


@dataclass(frozen=True)
class DiscriminatorConfig:
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


class PatchDiscriminator(nn.Module):
    """Images N×`in_channels`×H×W to N×1×h×w scores, one per patch, unbounded.

    `layers` stride-2 convolutions give patches of 16, 34, 70 pixels for 1, 2, 3 of them; 70 is the paper's.
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

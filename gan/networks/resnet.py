"""The ResNet generator of CycleGAN (Zhu et al., arXiv 1703.10593), after Johnson et al. (arXiv 1603.08155)."""

from dataclasses import dataclass

from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import check_norm, init_weights, norm_layer

__all__ = ["GeneratorConfig", "ResnetBlock", "ResnetGenerator"]


@dataclass(frozen=True)
class GeneratorConfig:
    """`model.generator` of the config; the defaults are the paper's for 256×256."""

    base: int = 64
    blocks: int = 9
    norm: str = "instance"
    residual: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, "model.generator.norm")
        if self.base < 1 or self.blocks < 0:
            raise UserError(
                f"model.generator: base must be at least 1 and blocks at least 0, got {self.base} and {self.blocks}"
            )


class ResnetBlock(nn.Module):
    """Two 3×3 convolutions with reflection padding and a skip connection; N×C×H×W in and out."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        bias = norm == "instance"
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x` plus what the convolutions add."""
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """Images N×`in_channels`×H×W in [-1, 1] to N×`out_channels`×H×W in [-1, 1]; H and W are multiples of 4.

    c7s1-`base`, two stride-2 convolutions, `blocks` residual blocks, two transposed convolutions, c7s1 and tanh
    (Zhu et al. 2017, section 7.2). State-dict keys are those of the authors' PyTorch code, so its weights fit.

    With `residual` the tanh bounds a change that is added to the input (which then has as many channels as the
    output), and the sum is clamped to [-1, 1]. The last convolution starts from 0, so training starts at the identity:
    colours and geometry are kept unless the target asks otherwise. That option is ours, not the paper's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        base: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        *,
        residual: bool = False,
    ) -> None:
        super().__init__()
        bias = norm == "instance"  # batch norm has a shift of its own
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(in_channels, base, 7, bias=bias),
            norm_layer(norm, base),
            nn.ReLU(inplace=True),
        ]
        for channels in (base, 2 * base):
            layers += [
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=bias),
                norm_layer(norm, 2 * channels),
                nn.ReLU(inplace=True),
            ]
        layers += [ResnetBlock(4 * base, norm) for _ in range(blocks)]
        for channels in (4 * base, 2 * base):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1, bias=bias),
                norm_layer(norm, channels // 2),
                nn.ReLU(inplace=True),
            ]
        last = nn.Conv2d(base, out_channels, 7)
        layers += [nn.ReflectionPad2d(3), last, nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.residual = residual
        init_weights(self)
        if residual:
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Translate `x`."""
        y: Tensor = self.model(x)
        return (x + y).clamp(-1, 1) if self.residual else y

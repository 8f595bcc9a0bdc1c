"""The ResNet generator of CycleGAN (Zhu et al., arXiv 1703.10593), after Johnson et al. (arXiv 1603.08155)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import Generator, ReflectionPad, check_norm, check_residual, init_weights, norm_layer

__all__ = ["ResnetBlock", "ResnetConfig", "ResnetGenerator"]


@dataclass(frozen=True)
class ResnetConfig:
    """`model.generator` of the config; the defaults are the paper's for 256×256."""

    base: int = 64
    blocks: int = 9
    norm: str = "instance"
    residual: float = 0.0
    resize: bool = False
    dropout: bool = False

    def __post_init__(self) -> None:
        check_norm(self.norm, "model.generator.norm")
        check_residual(self.residual, "model.generator.residual")
        if self.base < 1 or self.blocks < 0:
            raise UserError(
                f"model.generator: base must be at least 1 and blocks at least 0, got {self.base} and {self.blocks}"
            )


class ResnetBlock(nn.Module):
    """Two 3×3 convolutions with reflection padding and a skip connection; N×C×H×W in and out."""

    def __init__(self, channels: int, norm: str, dropout: bool) -> None:
        super().__init__()
        bias = norm == "instance"
        self.conv_block = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x` plus what the convolutions add."""
        return x + self.conv_block(x)


class ResnetGenerator(Generator):
    """Images N×`in_channels`×H×W in [-1, 1] to N×`out_channels`×H×W in [-1, 1]; H and W are multiples of `stride`.

    c7s1-`base`, two stride-2 convolutions, `blocks` residual blocks, two transposed convolutions, c7s1 and tanh
    (Zhu et al. 2017, section 7.2). State-dict keys are those of the authors' PyTorch code, so its weights fit; the
    second convolution of each block moves on by one key with `dropout`, there and here.

    Two options are ours, not the paper's, for little data:
    `residual` above 0 makes the tanh, times `residual`, a change that is added to the first `out_channels` channels of
    the input, clamped to [-1, 1]. The last convolution starts from 0, so training starts at the identity: colours and
    geometry are kept unless the target asks otherwise.
    `resize` replaces each transposed convolution by nearest-neighbour upsampling and a 3×3 convolution, which cannot
    leave a checkerboard (Odena et al. 2016, doi 10.23915/distill.00003); as many parameters.
    """

    stride = 4

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        base: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        *,
        residual: float = 0.0,
        resize: bool = False,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.residual = in_channels, out_channels, residual
        bias = norm == "instance"  # batch norm has a shift of its own
        layers: list[nn.Module] = [
            ReflectionPad(3),
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
        layers += [ResnetBlock(4 * base, norm, dropout) for _ in range(blocks)]
        for channels in (4 * base, 2 * base):
            if resize:
                layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels // 2, 3, padding=1, bias=bias)]
            else:
                layers += [
                    nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1, bias=bias)
                ]
            layers += [norm_layer(norm, channels // 2), nn.ReLU(inplace=True)]
        last = nn.Conv2d(base, out_channels, 7)
        layers += [ReflectionPad(3), last, nn.Tanh()]
        self.model = nn.Sequential(*layers)
        init_weights(self)
        if residual:
            nn.init.zeros_(last.weight)

    def features(self, x: Tensor, layers: Collection[int]) -> list[Tensor]:
        """What the given `layers` of `model` put out for `x`, in order; nothing behind the last of them is computed."""
        return _through(self.model[: max(layers) + 1], x, layers)[1]

    def with_features(self, x: Tensor, layers: Collection[int]) -> tuple[Tensor, list[Tensor]]:
        """The translation of `x`, and `features` on the way: one pass for both."""
        y, found = _through(self.model, x, layers)
        return self.finish(x, y), found


def _through(model: Iterable[nn.Module], x: Tensor, layers: Collection[int]) -> tuple[Tensor, list[Tensor]]:
    """What `model` makes of `x`, and what the given `layers` of it put out."""
    found = []
    for index, layer in enumerate(model):
        x = layer(x)
        if index in layers:
            found.append(x)
            x = x.clone()  # the next layer may work in place
    return x, found

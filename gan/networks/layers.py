"""What the networks have in common: normalisation by name, initial weights, bounded changes, reflected borders."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.instance_norm import InstanceNorm

__all__ = [
    "Generator",
    "ReflectionPad",
    "add_bounded",
    "check_norm",
    "check_residual",
    "init_weights",
    "norm_layer",
    "pad_to_stride",
    "reflected",
]


class ReflectionPad(nn.ReflectionPad2d):
    """`nn.ReflectionPad2d` that keeps the kind of number: autocast would make it float32, and half again behind it."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` with its borders mirrored."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x)


NORMS: dict[str, type[nn.Module]] = {"instance": InstanceNorm, "batch": nn.BatchNorm2d}


class Generator(nn.Module):
    """N×`in_channels`×H×W in [-1, 1] to N×`out_channels`×H×W in [-1, 1], H and W being multiples of `stride`.

    `residual` is the bound of the change that `model` makes, see `add_bounded`, or 0 where it makes the whole picture.
    `guide` names what follows the three colours among the input's channels, see `gan.guide`.
    """

    model: nn.Sequential
    in_channels: int
    out_channels: int
    stride: int
    residual: float
    guide: Sequence[str] = ()

    def forward(self, x: Tensor) -> Tensor:
        """Translate `x`."""
        return self.finish(x, self.model(x))

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """The translation of `x`, of which `model` made `y`."""
        return add_bounded(x, y, self.residual) if self.residual else y


def check_norm(norm: str, key: str) -> None:
    """Refuse a normalisation that is not in `NORMS`; `key` is the config key it came from."""
    if norm not in NORMS:
        raise UserError(f"{key}: {norm!r} is none of {', '.join(NORMS)}")


def check_residual(bound: float, key: str) -> None:
    """Refuse a bound of the change (see `add_bounded`) outside [0, 1]; `key` is the config key it came from."""
    if not 0 <= bound <= 1:
        raise UserError(f"{key}: must lie in [0, 1], got {bound}; 0 is off")


def norm_layer(norm: str, channels: int) -> nn.Module:
    """`instance` (no affine weights, no running statistics) or `batch`."""
    return NORMS[norm](channels)


def init_weights(network: nn.Module, gain: float = 0.02) -> None:
    """Weights from N(0, `gain`), biases 0, batch-norm scales from N(1, `gain`) (Zhu et al. 2017, section 7.1)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, gain)
            nn.init.zeros_(layer.bias)


def add_bounded(x: Tensor, change: Tensor, bound: float) -> Tensor:
    """The first channels of `x` plus `bound` times `change` (in [-1, 1], as many channels), clamped to [-1, 1]."""
    return (x[:, : change.shape[1]] + bound * change).clamp(-1, 1)


def reflected(places: Tensor, size: int) -> Tensor:
    """Places along an axis of `size` pixels, those outside it reflected at its first and last pixel until inside."""
    period = max(2 * (size - 1), 1)
    places = places.abs() % period
    return torch.where(places < size, places, period - places)


def pad_to_stride(images: Tensor, stride: int) -> Tensor:
    """N×C×H×W, continued by reflection to the right and downwards until H and W are multiples of `stride`."""
    y, x = (reflected(torch.arange(size + -size % stride, device=images.device), size) for size in images.shape[-2:])
    return images[..., y[:, None], x]

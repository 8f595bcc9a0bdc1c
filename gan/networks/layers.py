"""What the networks have in common: normalisation by name and the initial weights of the CycleGAN paper."""

from torch import nn

from coldstart.errors import UserError

__all__ = ["check_norm", "init_weights", "norm_layer"]

NORMS: dict[str, type[nn.Module]] = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d}


def check_norm(norm: str, key: str) -> None:
    """Refuse a normalisation that is not in `NORMS`; `key` is the config key it came from."""
    if norm not in NORMS:
        raise UserError(f"{key}: {norm!r} is none of {', '.join(NORMS)}")


def norm_layer(norm: str, channels: int) -> nn.Module:
    """`instance` (no affine weights, no running statistics) or `batch`."""
    return NORMS[norm](channels)


def init_weights(network: nn.Module, gain: float = 0.02) -> None:
    """Weights from N(0, `gain`), biases 0, batch-norm scales from N(1, `gain`) (Zhu et al. 2017, section 7.1)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, gain)
            nn.init.zeros_(layer.bias)

"""The networks of image translation, each after its paper."""

from gan.networks.feature_mlp import FeatureMLP
from gan.networks.layers import Generator, init_weights, pad_to_stride
from gan.networks.patchgan import PatchConfig, PatchDiscriminator, PixelConfig, PixelDiscriminator
from gan.networks.resnet import ResnetConfig, ResnetGenerator
from gan.networks.tiled import apply_tiled
from gan.networks.unet import UnetConfig, UnetGenerator

__all__ = [
    "FeatureMLP",
    "Generator",
    "PatchConfig",
    "PatchDiscriminator",
    "PixelConfig",
    "PixelDiscriminator",
    "ResnetConfig",
    "ResnetGenerator",
    "UnetConfig",
    "UnetGenerator",
    "apply_tiled",
    "init_weights",
    "pad_to_stride",
]

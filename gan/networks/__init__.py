"""The networks of image translation, each after its paper."""

from gan.networks.patchgan import DiscriminatorConfig, PatchDiscriminator
from gan.networks.resnet import GeneratorConfig, ResnetGenerator

__all__ = ["DiscriminatorConfig", "GeneratorConfig", "PatchDiscriminator", "ResnetGenerator"]

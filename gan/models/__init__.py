"""Every model by the name that `model.name` gives."""

from typing import Any

from gan.models.base import Model, Translator
from gan.models.bilateral import Bilateral
from gan.models.cut import CUT
from gan.models.cyclegan import CycleGAN
from gan.models.gbuffer import GBuffer
from gan.models.pix2pix import Pix2Pix
from gan.models.stylegan2 import StyleGAN2

__all__ = ["CUT", "MODELS", "Bilateral", "CycleGAN", "GBuffer", "Model", "Pix2Pix", "StyleGAN2", "Translator"]

# Each is a `Model` that is built from (an instance of its `Config`, steps, seed, epoch).
MODELS: dict[str, type[Any]] = {
    "cyclegan": CycleGAN,
    "pix2pix": Pix2Pix,
    "cut": CUT,
    "fastcut": CUT,
    "gbuffer": GBuffer,
    "stylegan2": StyleGAN2,
    "bilateral": Bilateral,
}

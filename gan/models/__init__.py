"""Every translator by the name that `model.name` gives."""

from gan.models.base import Translator
from gan.models.cut import CUT
from gan.models.cyclegan import CycleGAN
from gan.models.gbuffer import GBuffer
from gan.models.pix2pix import Pix2Pix

__all__ = ["CUT", "MODELS", "CycleGAN", "GBuffer", "Pix2Pix", "Translator"]

MODELS: dict[str, type[Translator]] = {
    "cyclegan": CycleGAN,
    "pix2pix": Pix2Pix,
    "cut": CUT,
    "fastcut": CUT,
    "gbuffer": GBuffer,
}

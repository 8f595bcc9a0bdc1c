"""Every translator by the name that `model.name` gives."""

from typing import Any

from gan.models.base import Translator
from gan.models.bilateral import Bilateral
from gan.models.cut import CUT
from gan.models.cyclegan import CycleGAN
from gan.models.gbuffer import GBuffer
from gan.models.pix2pix import Pix2Pix

__all__ = ["CUT", "MODELS", "Bilateral", "CycleGAN", "GBuffer", "Pix2Pix", "Translator"]

# Each is a `Translator` that is built from (an instance of its `Config`, steps, seed, epoch).
MODELS: dict[str, type[Any]] = {
    "cyclegan": CycleGAN,
    "pix2pix": Pix2Pix,
    "cut": CUT,
    "fastcut": CUT,
    "gbuffer": GBuffer,
    "bilateral": Bilateral,
}

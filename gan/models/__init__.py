"""Every translator by the name that `model.name` gives."""

from gan.models.base import Translator
from gan.models.cyclegan import CycleGAN

__all__ = ["MODELS", "CycleGAN", "Translator"]

MODELS: dict[str, type[Translator]] = {"cyclegan": CycleGAN}

"""A translator that is told what a render knows: depth, normals, albedo, the outlines of its objects.

After Richter et al. 2021, "Enhancing Photorealism Enhancement" (arXiv 2105.04619), made small: the G-buffers enter the
first layer beside the colours instead of an encoder of their own, one patch discriminator judges instead of several on
the features of a fixed network, and their LPIPS is `model.safety.perceptual`. Their matched crops are `model.pairing`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from torch import Tensor, nn

from gan.data import Pair
from gan.guide import guide_channels
from gan.models.base import Translator, TranslatorConfig
from gan.models.critic import patch_critic
from gan.models.losses import Losses
from gan.models.safety import SafetyConfig
from gan.networks import PatchConfig
from gan.networks.guided import GuidedConfig, GuidedGenerator

__all__ = ["GBuffer", "GBufferConfig"]


@dataclass(frozen=True)
class GBufferConfig(TranslatorConfig):
    """See conf/model/gbuffer.yaml."""

    name: str = "gbuffer"
    pairing: str = "content"
    generator: GuidedConfig = field(default_factory=GuidedConfig)
    discriminator: PatchConfig = field(default_factory=PatchConfig)
    safety: SafetyConfig = field(default_factory=lambda: SafetyConfig(perceptual=1.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        guide_channels(self.generator.guide)


class GBuffer(Translator):
    """A generator of colours and guide, held to its render by the perceptual term, and a discriminator of photos."""

    Config = GBufferConfig

    def __init__(self, config: GBufferConfig, steps: int, seed: int = 0, epoch: int = 1) -> None:
        wide = 3 + guide_channels(config.generator.guide)
        super().__init__(config, GuidedGenerator(wide, 3, **asdict(config.generator)), steps, seed, epoch)
        self.config = config
        self.critic = patch_critic(config.discriminator, config.augment)

    def trained(self) -> list[list[nn.Module]]:
        """The discriminator, then the generator."""
        return [[self.critic], [self.generator]]

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """Richter et al.'s objective: adversarial, here least squares, and perceptual."""
        fake: Tensor = self.generator(pair.told)
        yield {"discriminator": self.critic.judged(pair.target, fake)}
        yield {"adversarial": self.critic.fooled(fake), **self.safety(pair.source, fake, pair.objects)}

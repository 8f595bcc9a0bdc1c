"""pix2pix: translation learnt from pairs (Isola et al. 2017, arXiv 1611.07004)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan.data import Pair
from gan.models.base import Translator, TranslatorConfig
from gan.models.critic import Critic
from gan.models.losses import Losses, cross_entropy
from gan.networks import PatchConfig, PatchDiscriminator, UnetConfig, UnetGenerator

__all__ = ["Pix2Pix", "Pix2PixConfig"]


@dataclass(frozen=True)
class Pix2PixConfig(TranslatorConfig):
    """See conf/model/pix2pix.yaml."""

    PIXEL_LOSSES: ClassVar[bool] = True
    name: str = "pix2pix"
    pairing: str = "aligned"
    generator: UnetConfig = field(default_factory=lambda: UnetConfig(dropout=True))
    discriminator: PatchConfig = field(default_factory=lambda: PatchConfig(norm="batch"))
    lambda_l1: float = 100.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_weights("lambda_l1")


class Pix2Pix(Translator):
    """A U-Net, and a discriminator that sees a picture together with the source it is, or pretends to be, made from.

    The paper's noise is the dropout of the U-Net. It is drawn in training; translation leaves it out, so that the
    same render gives the same picture.
    """

    Config = Pix2PixConfig

    def __init__(self, config: Pix2PixConfig, steps: int, seed: int = 0, epoch: int = 1) -> None:
        super().__init__(config, UnetGenerator(3, 3, **asdict(config.generator)), steps, seed, epoch)
        self.config = config
        network = PatchDiscriminator(6, **asdict(config.discriminator))
        self.critic = Critic(network, cross_entropy, 0.0, config.augment)

    def trained(self) -> list[list[nn.Module]]:
        """The discriminator, then the generator, as in the authors' code."""
        return [[self.critic], [self.generator]]

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """Equation 1 for the discriminator, halved (section 3.3); for the generator equation 4, the L1 of equation 3.

        The generator raises log D instead of lowering log(1 − D), as section 3.3 says.
        """
        source, target = pair.source, pair.target
        fake: Tensor = self.generator(source)
        real_pair, fake_pair = torch.cat([source, target], 1), torch.cat([source, fake], 1)
        yield {"discriminator": self.critic.judged(real_pair, fake_pair)}
        yield {
            "adversarial": self.critic.fooled(fake_pair),
            "l1": self.config.lambda_l1 * self.safety.l1(fake, target, pair.objects),
            **self.safety(source, fake, pair.objects),
        }

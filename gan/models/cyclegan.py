"""CycleGAN: translation without pairs (Zhu et al. 2017, arXiv 1703.10593)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.data import Pair
from gan.models.base import Translator, TranslatorConfig
from gan.models.critic import patch_critic
from gan.models.losses import Losses
from gan.models.pool import ImagePool
from gan.networks import PatchConfig, ResnetConfig, ResnetGenerator

__all__ = ["CycleGAN", "CycleGANConfig"]


@dataclass(frozen=True)
class CycleGANConfig(TranslatorConfig):
    """See conf/model/cyclegan.yaml."""

    PIXEL_LOSSES: ClassVar[bool] = True
    name: str = "cyclegan"
    generator: ResnetConfig = field(default_factory=ResnetConfig)
    discriminator: PatchConfig = field(default_factory=PatchConfig)
    lambda_cycle: float = 10.0
    lambda_identity: float = 0.5
    pool: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_weights("lambda_cycle", "lambda_identity")
        if self.pool < 0:
            raise UserError(f"model.pool: must not be negative, got {self.pool}")


class CycleGAN(Translator):
    """Two generators, source → target (`generator`) and back (`inverse`), and a discriminator for either domain."""

    Config = CycleGANConfig
    COLUMNS = "source | translated | back || target | translated | back"

    def __init__(self, config: CycleGANConfig, steps: int, seed: int = 0, epoch: int = 1) -> None:
        super().__init__(config, ResnetGenerator(3, 3, **asdict(config.generator)), steps, seed, epoch)
        self.config = config
        self.inverse = ResnetGenerator(3, 3, **asdict(config.generator))
        self.critic_target, self.critic_source = (patch_critic(config.discriminator, config.augment) for _ in range(2))
        self.pool_target = ImagePool(config.pool, seed)
        self.pool_source = ImagePool(config.pool, seed + 1)

    def trained(self) -> list[list[nn.Module]]:
        """The generators, then the discriminators, as in the authors' code."""
        return [[self.generator, self.inverse], [self.critic_target, self.critic_source]]

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """The generators' losses, then the discriminators' on fakes from the pools."""
        losses, fake_source, fake_target = self.generator_losses(pair)
        yield losses
        yield self.discriminator_losses(pair, fake_source, fake_target)

    def generator_losses(self, pair: Pair) -> tuple[Losses, Tensor, Tensor]:
        """The terms of equation 3 and of section 5.2 (identity), weighted; and the fakes, to be used once more.

        Translation and identity go through a generator as one batch: every network here that is not batch-normalised
        treats the images of a batch on their own.
        """
        config, (source, target, objects, _) = self.config, pair
        fake_target, same_target = self._translate(self.generator, source, target)
        fake_source, same_source = self._translate(self.inverse, target, source)
        back = self.safety.l1(self.inverse(fake_target), source, objects)
        losses = {
            "adversarial": self.critic_target.fooled(fake_target) + self.critic_source.fooled(fake_source),
            "cycle": config.lambda_cycle * (back + F.l1_loss(self.generator(fake_source), target)),
        }
        if same_target is not None and same_source is not None:
            same = F.l1_loss(same_target, target) + self.safety.l1(same_source, source, objects)
            losses["identity"] = config.lambda_cycle * config.lambda_identity * same
        losses |= self.safety(source, fake_target, objects)
        return losses, fake_source, fake_target

    def _translate(self, generator: nn.Module, images: Tensor, own: Tensor) -> tuple[Tensor, Tensor | None]:
        """`images` translated, and what becomes of `own`, which already are where the translation leads."""
        if self.config.lambda_identity == 0:
            return generator(images), None
        translated, same = generator(torch.cat([images, own])).chunk(2)
        return translated, same

    def discriminator_losses(self, pair: Pair, fake_source: Tensor, fake_target: Tensor) -> Losses:
        """Half of equation 1's least-squares form per domain: the paper halves it to slow the discriminators."""
        judged = self.critic_target.judged(pair.target, self.pool_target.query(fake_target))
        return {"discriminator": judged + self.critic_source.judged(pair.source, self.pool_source.query(fake_source))}

    def pictures(self, pair: Pair) -> list[Tensor]:
        """Both domains, each with its translation and the way back."""
        source, target = pair.source, pair.target
        fake_target, fake_source = self.final(source), self.inverse(target)
        return [source, fake_target, self.inverse(fake_target), target, fake_source, self.final(fake_source)]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The pools go with the weights."""
        checkpoint["pools"] = [self.pool_target.state_dict(), self.pool_source.state_dict()]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the pools as they were."""
        for pool, state in zip((self.pool_target, self.pool_source), checkpoint["pools"], strict=True):
            pool.load_state_dict(state)
